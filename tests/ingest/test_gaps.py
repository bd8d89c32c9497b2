"""Gaps: all that is lost is told, and nothing that is not; on both databases."""

import json
import random
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from ingest import gap_rows
from ingest.formats.decode import decode
from ingest.formats.decoded import Count, Decoded
from ingest.formats.memory import Memory
from ingest.formats.sparkplug_schema import Payload
from ingest.gaps import Gaps
from ingest.message import Message
from models.gap import DeviceCount, Gap
from models.store import Store
from models.times import to_ms
from tests.ingest.house import NOW, House


class Feed:
    """Counts on their way in, a batch each; every batch a transaction of its own."""

    def __init__(self, store: Store) -> None:
        self.store, self.gaps, self.minute = store, Gaps(), 0

    def __call__(self, *counts: Count, batch: int = 7, **how: bool) -> None:
        for start in range(0, len(counts), batch):
            decoded = [(_message(one, **how), _said(one)) for one in counts[start : start + batch]]
            with self.store.writing() as session:
                self.gaps.note(session, decoded)
                self.gaps.write(session)

    def restart(self) -> None:
        """Begin again with the memory of the database alone."""
        self.gaps = Gaps()

    def missing(self, source: str = "node") -> list[tuple[int, int]]:
        """Return the gaps as (first, last), oldest first."""
        with self.store.reading() as session:
            rows = select(Gap).where(Gap.source == source).order_by(Gap.run, Gap.first)
            return [(gap.first, gap.last) for gap in session.scalars(rows)]


def _message(count: Count, **how: bool) -> Message:
    return Message("t", b"", count.at_ms or 1, qos=1, **how)


def _said(count: Count) -> Decoded:
    return Decoded("accept", counts=(count,))


def at(minutes: float) -> int:
    return to_ms(NOW) + round(minutes * 60_000)


def counts(*numbers: int, session: str = "", source: str = "node", after: int = 0, **how):
    """One message a minute, in the order given."""
    return [
        Count(source, number, session, at(after + place), **how)
        for place, number in enumerate(numbers)
    ]


@pytest.fixture
def feed(store: Store) -> Feed:
    return Feed(store)


def test_what_is_left_out_is_told_with_first_last_and_since_when(feed):
    feed(*counts(4, 5, 9, 10, 12))

    assert feed.missing() == [(6, 8), (11, 11)]
    with feed.store.reading() as session:
        gap = session.scalars(select(Gap).order_by(Gap.first)).first()
        assert (gap.count, gap.after_ms, gap.before_ms) == (3, at(1), at(2))


def test_a_sender_that_is_new_has_lost_nothing(feed):
    feed(*counts(4000, 4001))

    assert feed.missing() == []


def test_what_comes_late_fills_its_gap(feed):
    feed(*counts(1, 9))
    for number in (2, 8, 5, 3):
        feed(Count("node", number, at_ms=at(0.5)))

    assert feed.missing() == [(4, 4), (6, 7)]
    feed(*(Count("node", number, at_ms=at(0.5)) for number in (4, 6, 7)))
    assert feed.missing() == []


def test_a_repeat_is_no_gap_and_no_reboot(feed):
    feed(*counts(1, 2, 3, 4))
    feed(Count("node", 2, at_ms=at(1)), Count("node", 4, at_ms=at(3)))
    feed(*counts(5, after=4))

    assert feed.missing() == []


@pytest.mark.parametrize("how", [{"retain": True}, {"dup": True}])
def test_what_a_broker_kept_or_sends_again_begins_nothing(feed, how):
    feed(*(one._replace(at_ms=0) for one in counts(7, 8)))
    feed(Count("node", 3), **how)
    feed(Count("node", 9))

    assert feed.missing() == []


def test_a_hundred_reboots_are_no_gaps_and_what_is_lost_between_them_is_told(feed):
    dice, minute, lost = random.Random(20220321), 0, []
    for boot in range(100):
        last = dice.randint(3, 30)
        for number in range(1, last + 1):
            minute += 1
            if number < last and boot > 0 and dice.random() < 0.1:
                lost.append((boot + 1, number))
            else:
                feed(Count("node", number, f"boot-{boot}", at(minute), 1))

    told = [(gap.run, n) for gap in gaps_of(feed) for n in range(gap.first, gap.last + 1)]
    assert sorted(told) == lost


def test_a_reboot_without_a_name_is_known_by_its_later_time(feed):
    feed(*counts(70, 71, 0, 1, 3))

    assert feed.missing() == [(2, 2)]


def test_what_a_session_has_lost_from_its_beginning_is_missing(feed):
    feed(*counts(70, 71, session="a", first=1))
    feed(*counts(4, 5, session="b", first=1, after=2))

    assert feed.missing() == [(1, 3)]


def test_what_comes_late_of_an_earlier_session_fills_its_gap_there(feed):
    feed(*counts(1, 5, session="a", first=1))
    feed(*counts(1, 2, session="b", first=1, after=2))
    feed(Count("node", 3, "a", at(0.5), 1))
    feed(*counts(3, session="b", first=1, after=9))

    assert feed.missing() == [(2, 2), (4, 4)]


def test_a_count_that_wraps_goes_on(feed):
    feed(*counts(253, 254, 255, 0, 3, 4, wraps=256))

    assert [gap.told for gap in gaps_of(feed)] == [(1, 2)]


def test_an_older_message_of_a_count_that_wraps_comes_late(feed):
    feed(*counts(254, 255, 2, wraps=256))
    feed(Count("node", 0, at_ms=at(1.5), wraps=256))

    assert [gap.told for gap in gaps_of(feed)] == [(1, 1)]


def test_a_birth_begins_the_count_anew(feed):
    feed(*counts(17, 18, wraps=256))
    feed(*counts(0, after=2, wraps=256, fresh=True))
    feed(*counts(1, 2, after=3, wraps=256))

    assert feed.missing() == []


def test_the_count_outlives_a_restart_of_the_ingester(feed):
    feed(*counts(1, 2))
    feed.restart()
    feed(*counts(5, after=2))

    assert feed.missing() == [(3, 4)]


def test_a_hostile_order_with_losses_is_told_exactly(feed):
    """Shuffled within ten messages, a tenth lost, a tenth doubled: recall 100 %, none false."""
    dice = random.Random(7)
    sent = [Count("node", number, "a", at(number), 1) for number in range(1, 600)]
    lost = {one.number for one in sent[1:-1] if dice.random() < 0.1}
    come = [one for one in sent if one.number not in lost]
    come += dice.sample(come, len(come) // 10)
    come.sort(key=lambda one: one.number + dice.uniform(0, 10) * (1 < one.number < 599))
    feed(*come)

    told = {n for first, last in feed.missing() for n in range(first, last + 1)}
    assert told == lost


@pytest.fixture
def few_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gap_rows, "MOST_GAPS", 20)
    monkeypatch.setattr(gap_rows, "AT_ONCE", 5)


@pytest.mark.usefixtures("few_gaps")
@pytest.mark.parametrize("restarts", [False, True])
def test_of_a_sender_that_begins_anew_with_each_message_the_newest_gaps_are_kept(feed, restarts):
    feed(*counts(1, 3, source="other"))
    for boot in range(100):
        feed(*counts(9, session=f"boot-{boot}", first=1, after=boot))
        if restarts:
            feed.restart()

    told = [gap for gap in gaps_of(feed) if gap.source == "node"]
    assert 20 <= len(told) <= 25
    assert max(gap.run for gap in told) == 100
    assert feed.missing("other") == [(2, 2)]


@pytest.mark.usefixtures("few_gaps")
def test_a_sender_whose_every_second_number_comes_late_has_no_end_of_gaps_either(feed):
    feed(*counts(1, 1000))
    feed(*(Count("node", number, at_ms=at(0.5)) for number in range(900, 3, -2)))

    assert len(feed.missing()) <= 25


# From the wire.


def senml(number: int, minute: int, boot: str | None = "a") -> Message:
    pack = [
        {"bn": "node-1:", "bt": (NOW + timedelta(minutes=minute)).timestamp()},
        {"n": "crack", "u": "mm", "v": 1.0},
        {"n": "seq", "u": "count", "v": number},
    ]
    if boot is not None:
        pack.append({"n": "boot", "vs": boot})
    payload = json.dumps([{**pack[0], **pack[1]}, *pack[2:]]).encode()
    return Message("ridgewatch/hill/node-1/senml", payload, at(minute), qos=1)


def test_a_native_count_is_read_and_is_no_measurement():
    decoded = decode(senml(17, 0), Memory())

    assert decoded.counts == (Count("node-1", 17, "a", at(0), 1),)
    assert [one.channel for one in decoded.measurements] == ["crack"]


def test_the_pipeline_tells_gaps_in_the_transaction_of_their_batch(store):
    house = House(store)
    house.feed(senml(1, 0), senml(2, 15))
    batch = house.feed(senml(5, 30), now=NOW + timedelta(minutes=30))

    assert batch.readings == 1
    with store.reading() as session:
        (gap,) = session.scalars(select(Gap))
    assert (gap.source, gap.first, gap.last, gap.found_ms) == ("node-1", 3, 4, at(30))


def test_a_failed_transaction_has_counted_nothing(store):
    house = House(store)
    house.feed(senml(1, 0))
    with pytest.raises(ZeroDivisionError), store.writing() as session:
        house.pipeline.begin(session)
        house.pipeline.take(session, house.pipeline.decode([senml(2, 15)]), NOW)
        raise ZeroDivisionError
    house.pipeline.forget()
    house.feed(senml(3, 30), now=NOW + timedelta(minutes=30))

    with store.reading() as session:
        assert [(gap.first, gap.last) for gap in session.scalars(select(Gap))] == [(2, 2)]


def test_senders_that_do_not_count_leave_no_trace(store):
    House(store).feed(senml_without_count())

    with store.reading() as session:
        assert session.scalars(select(DeviceCount)).all() == []


def senml_without_count() -> Message:
    payload = json.dumps(
        [{"bn": "node-1:", "bt": NOW.timestamp(), "n": "crack", "u": "mm", "v": 1}]
    )
    return Message("ridgewatch/hill/node-1/senml", payload.encode(), at(0), qos=1)


def test_a_message_that_can_not_be_read_has_come_all_the_same(store):
    house = House(store)
    house.feed(lorawan(1, {"crack_mm": 1.0}), lorawan(2, None), lorawan(3, {"crack_mm": 1.0}))

    with store.reading() as session:
        assert session.scalars(select(Gap)).all() == []
        assert session.scalars(select(DeviceCount.number)).one() == 3


def lorawan(number: int, fields: dict | None, minute: int | None = None) -> Message:
    when: datetime = NOW + timedelta(minutes=number if minute is None else minute)
    uplink = {
        "session_key_id": "AYlJ",
        "f_cnt": number,
        "f_port": 1,
        "frm_payload": "AQI=",
        "received_at": when.isoformat().replace("+00:00", "Z"),
    }
    if fields is not None:
        uplink["decoded_payload"] = fields
    document = {"end_device_ids": {"device_id": "lora-1"}, "uplink_message": uplink}
    return Message(
        "v3/app@ttn/devices/lora-1/up", json.dumps(document).encode(), to_ms(when), qos=1
    )


def test_a_node_counts_for_its_devices(store):
    house = House(store)
    topics = ("NBIRTH/gw", "DBIRTH/gw/tilt", "DDATA/gw/tilt", "NDATA/gw")
    numbers = (0, 1, 2, 5)
    messages = []
    for minute, (topic, number) in enumerate(zip(topics, numbers, strict=True)):
        payload = Payload(timestamp=at(minute), seq=number).SerializeToString()
        messages.append(Message(f"spBv1.0/hill/{topic}", payload, at(minute)))
    house.feed(*messages)

    with store.reading() as session:
        (gap,) = session.scalars(select(Gap))
    assert (gap.source, gap.told, gap.count) == ("hill/gw", (3, 4), 2)


def gaps_of(feed: Feed) -> list[Gap]:
    with feed.store.reading() as session:
        return list(session.scalars(select(Gap).order_by(Gap.first)))
