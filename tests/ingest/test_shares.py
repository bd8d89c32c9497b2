"""Devices dealt to several ingesters: one order a device, one truth a zone, one owner a share."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from ingest import watching
from ingest.commons import Commons, RegistryMoved
from ingest.disk_alarm import DiskAlarm
from ingest.formats.sparkplug_schema import Payload
from ingest.full_disk import FullDisk
from ingest.holder import is_gone, new_holder
from ingest.inbox import Inbox
from ingest.message import Delivery, Message, Receipt
from ingest.pipeline import Pipeline
from ingest.reserve import Reserve
from ingest.resharing import make_once
from ingest.shares import Share
from ingest.stillness import Seen
from ingest.worker import PAUSES_S, Worker
from models import share as rows
from models.alert import Alert
from models.clock import machine_now
from models.errors import BadInput
from models.heartbeat import Heartbeat, beat
from models.people import machine
from models.reading import (
    FormatFact,
    Quarantined,
    RainEpisode,
    RecentReading,
    SensorState,
    WaitingReading,
)
from models.registry_file.load import load
from models.sensor import Sensor
from models.settings import Settings
from models.share import (
    STILL_FOR,
    ShareLost,
    dealing,
    fence,
    finish_change,
    role_of,
    share_of,
    take_share,
)
from models.store import Store
from models.times import to_ms
from tests.harness.processes import wait_until
from tests.ingest.dealt import OTHER, dealt
from tests.ingest.feeding import fill
from tests.ingest.house import (
    NOW,
    crack,
    registry,
    senml,
)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def rain_of(total: float, at: datetime) -> Message:
    return senml(OTHER, "rain", total, at)


class Deaf:
    """A source that only counts what is acknowledged."""

    acknowledged = 0

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.acknowledged += len(deliveries)


class Ingester:
    """One share of two, its pipeline and its transactions, on a database with another's."""

    def __init__(self, store: Store, number: int, shares: int = 2) -> None:
        with store.writing() as session:
            token = take_share(session, number, new_holder(), is_gone, for_ever)
        assert token is not None
        self.store, self.source = store, Deaf()
        self.share = Share(number, shares, token)
        commons = Commons(self.share) if shares > 1 else None
        self.worker = Worker(
            store,
            Inbox(1000),
            {"receiver": self.source, "subscriber": self.source},
            pipeline=Pipeline(commons=commons),
            share=self.share,
        )
        self.worker.refresh_clock()

    def hear(self, *messages: Message) -> None:
        self.worker.take([Delivery(message, Receipt(None, 1)) for message in messages])

    def tick(self, now: datetime) -> None:
        pipeline = self.worker.pipeline
        with self.store.writing() as session:
            pipeline.begin(session)
            pipeline.tick(session, now)
            pipeline.flush(session, now)


class Two:
    """Two ingesters that hear the same."""

    def __init__(self, store: Store, document: dict[str, Any]) -> None:
        self.store = store
        self.load(document)
        self.both = [Ingester(store, 0), Ingester(store, 1)]

    def load(self, document: dict[str, Any], now: datetime = NOW - timedelta(days=30)) -> None:
        with self.store.writing() as session:
            load(session, document, by=machine("system"), now=now)

    def hear(self, *messages: Message) -> None:
        for one in self.both:
            one.hear(*messages)

    def tick(self, now: datetime) -> None:
        for one in self.both:
            one.tick(now)

    def alerts(self, rule: str) -> list[Alert]:
        with self.store.reading() as session:
            return list(session.scalars(select(Alert).where(Alert.rule_code == rule)))

    def count(self, table: type[Any]) -> int:
        with self.store.reading() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def store(postgres_store: Store) -> Store:
    return postgres_store


@pytest.fixture
def two(store: Store) -> Two:
    return Two(store, dealt())


def minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def for_ever(name: str, beats: int) -> timedelta:
    """Take every row for one that has stood still: whoever asks so takes what is not locked."""
    return STILL_FOR


def test_each_reading_is_stored_once_by_the_owner_of_its_device(two: Two) -> None:
    two.hear(crack(0.1), rain_of(0.0, NOW), crack(0.2, NOW + HOUR))
    assert two.count(RecentReading) == 3
    assert [one.source.acknowledged for one in two.both] == [3, 3]


def test_a_combination_over_a_zone_joins_sensors_of_two_shares_once(two: Two) -> None:
    two.hear(rain_of(0.0, NOW), crack(0.1), rain_of(20.0, NOW + HOUR))
    assert two.alerts("WET") and not two.alerts("BOTH")
    two.hear(crack(1.5, NOW + HOUR))
    assert [one.active for one in two.alerts("BOTH")] == [True]
    two.hear(crack(0.1, NOW + 2 * HOUR))
    two.tick(NOW + timedelta(days=3, hours=1))  # within 72 h of its end it still counts
    assert [one.active for one in two.alerts("BOTH")] == [True]
    two.tick(NOW + timedelta(days=3, hours=2, minutes=1))
    assert [one.active for one in two.alerts("BOTH")] == [False]


def test_gauges_of_two_shares_make_one_rain_of_their_site(store: Store) -> None:
    document = dealt()
    gauge = document["sites"][0]["sensors"][0]
    source = {"device": "node-1", "channel": "rain"}
    document["sites"][0]["sensors"].append({**gauge, "code": "R-02", "source": source})
    two = Two(store, document)
    for hour, (one, other) in enumerate([(0, 0), (5, 0), (5, 7)]):
        at = NOW + hour * HOUR
        two.hear(senml("node-1", "rain", one, at), rain_of(other, at))
    with store.reading() as session:
        (episode,) = session.scalars(select(RainEpisode))
    assert sorted(episode.gauges) == ["R-01", "R-02"]


def test_a_sensor_whose_node_is_replaced_goes_on_in_the_other_share(two: Two) -> None:
    two.hear(crack(0.1), crack(1.5, NOW + HOUR))
    moved = dealt()
    source = {"device": OTHER, "channel": "crack"}
    moved["sites"][0]["buildings"][0]["sensors"][0]["source"] = source
    two.load(moved, NOW + 2 * HOUR)
    two.hear(senml(OTHER, "crack", 1.6, NOW + 3 * HOUR))
    two.hear(crack(1.4, NOW + HOUR + MINUTE))  # late, from the old node
    assert two.count(RecentReading) == 4
    assert [one.active for one in two.alerts("WIDE")] == [True]
    two.tick(NOW + timedelta(days=1))
    # Silent once: nobody but the share of its new node asks for the crack meter.
    assert [one.subject for one in two.alerts("Q1")] == ["sensor:hill/C-01"]


def sparkplug(kind: str, at: datetime, *names: str, of: str = "node-1") -> Message:
    """Let a device behind the gateway `gw` name its metrics, by alias; data send 1, 2, ..."""
    written = Payload(timestamp=to_ms(at), seq=int(at.minute))
    for alias, name in enumerate(names, start=1):
        metric = written.metrics.add(alias=alias, float_value=alias)
        if kind == "DBIRTH":
            metric.name, metric.datatype = name, 9
    return Message(f"spBv1.0/hill/{kind}/gw/{of}", written.SerializeToString(), to_ms(at))


def test_an_heir_reads_its_backlog_by_the_births_before_it_and_not_by_later_ones(
    store: Store,
) -> None:
    """One share is behind when a device is born anew, its metrics in another order."""
    two = Two(store, dealt())
    device = "hill/gw/node-1"
    behind = next(one for one in two.both if one.share.owns(device))
    ahead = next(one for one in two.both if one is not behind)
    other = next(f"node-{n}" for n in range(9) if ahead.share.owns(f"hill/gw/node-{n}"))
    came = [
        sparkplug("DBIRTH", NOW, "left", "right"),
        sparkplug("DDATA", NOW + MINUTE, "left", "right"),
        sparkplug("DBIRTH", NOW + 2 * MINUTE, "right", "left"),
        sparkplug("DBIRTH", NOW + 3 * MINUTE, "up", of=other),
        sparkplug("DDATA", NOW + 4 * MINUTE, "right", "left"),
    ]
    behind.hear(*came[:1])
    ahead.hear(*came)
    heir = Ingester(store, behind.share.number)
    heir.hear(*came[1:])
    with store.reading() as session:
        rows = session.execute(
            select(WaitingReading.at_ms, WaitingReading.channel, WaitingReading.value).where(
                WaitingReading.device == device
            )
        )
        found = {((at_ms - to_ms(NOW)) // 60_000, name): value for at_ms, name, value in rows}
        refused = session.scalar(select(func.count()).select_from(Quarantined))
    assert (found[1, "left"], found[1, "right"]) == (1, 2)
    assert (found[4, "left"], found[4, "right"]) == (2, 1)
    assert refused == 0


def test_a_share_knows_after_a_restart_what_others_devices_have_taught_it(store: Store) -> None:
    """A gateway's aliases count for all behind it, and a message that teaches is acknowledged."""
    two = Two(store, dealt())
    one = next(one for one in two.both if not one.share.owns("hill/gw"))
    foreign = next(f"node-{n}" for n in range(9) if not one.share.owns(f"hill/gw/node-{n}"))
    own = next(f"node-{n}" for n in range(9) if one.share.owns(f"hill/gw/node-{n}"))
    one.hear(sparkplug("DBIRTH", NOW, "left", of=foreign))
    assert one.source.acknowledged == 1
    assert two.count(Quarantined) == two.count(WaitingReading) == 0
    heir = Ingester(store, one.share.number)
    heir.hear(sparkplug("DDATA", NOW + MINUTE, "left", of=own))
    with store.reading() as session:
        (told,) = session.scalars(select(WaitingReading))
    assert (told.device, told.channel) == (f"hill/gw/{own}", "left")


def test_what_was_taught_before_the_number_changes_is_known_to_each_share_after_it(
    store: Store,
) -> None:
    with store.writing() as session:
        load(session, dealt(), by=machine("system"), now=NOW - timedelta(days=30))
    Ingester(store, 0, shares=1).hear(sparkplug("DBIRTH", NOW, "left"))
    for number in (3, 1, 2):
        with store.writing() as session:
            row = dealing(session)
            row.next = number
            finish_change(session, row)
    for number in (0, 1):
        heir = Ingester(store, number)
        heir.hear(sparkplug("DDATA", NOW + MINUTE, "left"))
    with store.reading() as session:
        told = session.scalars(select(WaitingReading.channel).where(WaitingReading.value == 1))
        assert set(told) == {"left"}
        assert session.scalar(select(func.count()).select_from(Quarantined)) == 0
        assert set(session.scalars(select(FormatFact.share))) == {0, 1}


def test_the_sessions_of_the_next_number_are_made_once(store: Store) -> None:
    made: list[str] = []

    def make_for(name: str) -> bool:
        return make_once(store, name, lambda: made.append(name) is None)

    with store.writing() as session:
        dealing(session).next = 2
    assert make_for("quick")
    assert make_for("slow")  # it saw that they were not made, and comes when they are in use
    assert made == ["quick"]


def test_a_transaction_that_began_before_the_registry_moved_is_done_again(two: Two) -> None:
    one = next(one for one in two.both if one.share.owns("node-1"))
    pipeline = one.worker.pipeline
    with pytest.raises(RegistryMoved), two.store.writing() as session:
        pipeline.begin(session)
        pipeline.take(session, pipeline.decode([crack(0.1)]), NOW)
        changed = dealt()
        changed["sites"][0]["buildings"][0]["sensors"][0]["interval_s"] = 60
        two.load(changed, NOW)
        pipeline.flush(session, NOW)
    pipeline.forget()
    assert two.count(RecentReading) == 0
    one.hear(crack(0.1))
    assert two.count(RecentReading) == 1


def test_a_writer_that_slept_too_long_writes_and_acknowledges_nothing(store: Store) -> None:
    with store.writing() as session:
        load(session, registry(), by=machine("system"), now=NOW - timedelta(days=30))
    sleeper = Ingester(store, 0, shares=1)
    sleeper.hear(crack(0.1))
    heir = Ingester(store, 0, shares=1)
    heir.hear(crack(1.5, NOW + HOUR))
    with pytest.raises(ShareLost):
        sleeper.hear(crack(1.5, NOW + HOUR), crack(1.6, NOW + 2 * HOUR))
    assert sleeper.source.acknowledged == 1
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(RecentReading)) == 2
        assert session.scalar(select(func.count()).select_from(Alert)) == 1


def test_a_transaction_that_fails_at_its_very_begin_takes_back_no_minute_of_an_earlier_one(
    store: Store,
) -> None:
    with store.writing() as session:
        load(session, registry(), by=machine("system"), now=NOW - timedelta(days=30))
    one = Ingester(store, 0, shares=1)
    one.worker.ticked_until = minute(machine_now()) - 5 * MINUTE
    one.worker.tick()
    passed = one.worker.ticked_until
    assert passed >= minute(machine_now()) - MINUTE
    Ingester(store, 0, shares=1)
    with pytest.raises(ShareLost):
        one.hear(crack(0.1))
    assert one.worker.ticked_until == passed


def test_who_is_stopped_within_a_transaction_keeps_nobody_waiting(store: Store) -> None:
    sleeper = Ingester(store, 0)

    def take_over() -> int | None:
        with store.writing() as session:
            return take_share(session, 0, "heir", is_gone, for_ever)

    tokens: list[int] = []
    with pytest.raises(DBAPIError) as ended, store.writing() as session:
        fence(session, 0, sleeper.share.token, idle=timedelta(seconds=0.3))
        assert take_over() is None
        wait_until(lambda: (token := take_over()) and tokens.append(token) is None, "an heir")
        session.execute(select(rows.Share))
    assert getattr(ended.value.orig, "sqlstate", "") == "25P03"
    assert tokens == [2]


def test_who_is_stopped_within_a_statement_is_ended_by_the_heir(store: Store) -> None:
    sleeper = Ingester(store, 0)
    still = Seen()
    tokens: list[int] = []

    def take_over() -> bool:
        with store.writing() as session:
            token = take_share(session, 0, "heir", is_gone, still)
            tokens.extend([token] if token else [])
        return bool(tokens)

    with pytest.raises(DBAPIError), store.writing() as session:
        sleeper.share.fence(session)
        raw = session.connection().connection.driver_connection
        assert raw is not None
        raw.pgconn.exec_(b"COPY format_fact (share, key, fact) FROM STDIN")
        wait_until(take_over, "an heir", within_s=15)
        session.execute(text("SELECT 1"))
    assert tokens == [2]


def test_a_clock_that_is_set_takes_a_share_from_nobody() -> None:
    now_s = 0.0
    seen = Seen(lambda: now_s)
    assert not seen("share/0", 7)
    now_s = 4.0
    assert seen("share/0", 7) == timedelta(seconds=4)
    assert not seen("share/0", 8)
    now_s = 6.0
    assert seen("share/0", 8) == timedelta(seconds=2)


@pytest.mark.long
def test_on_a_full_disk_each_share_beats_as_itself(store: Store, small_disk: Path) -> None:
    one, other = (Ingester(store, number).worker for number in (0, 1))
    disk = FullDisk(DiskAlarm(store), Reserve(small_disk, 4_000_000))
    fill(small_disk / "filler")
    until_s = monotonic() + 4

    def late() -> bool:
        return monotonic() > until_s

    waiting = [Thread(target=disk.wait, args=(late, one.beat)) for one in (one, other)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    (small_disk / "filler").unlink()
    with store.reading() as session:
        beats = {row.role: row.beat_at for row in session.scalars(select(Heartbeat))}
        held = {row.number: row.beats for row in session.scalars(select(rows.Share))}
    assert beats.keys() == {"ingest", "ingest/1"}
    assert min(held.values()) >= 3  # taken, and counted up twice


def refuse_with(store: Store, state: str, times: int) -> None:
    """Have the database itself refuse readings so many times, whatever is rolled back."""
    with store.writing() as session:
        session.execute(text("CREATE SEQUENCE tries"))
        session.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF nextval('tries') <= {times} THEN RAISE EXCEPTION SQLSTATE '{state}'; END IF;"
                " RETURN NEW; END $$"
            )
        )
        session.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON reading_recent"
                " FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )


@pytest.mark.parametrize(("state", "times"), [("40P01", 3), ("40001", 3), ("23505", 2)])
def test_a_transaction_in_anothers_way_is_done_again(store: Store, state: str, times: int) -> None:
    with store.writing() as session:
        load(session, registry(), by=machine("system"), now=NOW - timedelta(days=30))
    one = Ingester(store, 0, shares=1)
    refuse_with(store, state, times)
    one.hear(crack(0.1))
    assert one.source.acknowledged == 1
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(RecentReading)) == 1
        assert session.scalar(select(func.count()).select_from(Quarantined)) == 0


def test_one_that_is_always_in_anothers_way_gives_up_and_acknowledges_nothing(
    store: Store,
) -> None:
    with store.writing() as session:
        load(session, registry(), by=machine("system"), now=NOW - timedelta(days=30))
    one = Ingester(store, 0, shares=1)
    refuse_with(store, "40P01", 10**6)
    with pytest.raises(DBAPIError):
        one.hear(crack(0.1))
    assert one.source.acknowledged == 0
    with store.reading() as session:
        assert session.scalar(text("SELECT last_value FROM tries")) == len(PAUSES_S) + 1


def test_a_share_without_an_owner_is_one_critical_alert_for_its_own_sensors(two: Two) -> None:
    two.hear(crack(0.1), rain_of(0.0, NOW))
    dead = role_of(share_of("node-1", 2))
    with two.store.writing() as session:
        dealing(session).shares = 2
        for role in ("ingest", "ingest/1"):
            beat(session, role)
    for _ in range(2):
        with two.store.writing() as session:
            roles = watching.with_shares(session, ("ingest", "work"))
            tell = watching.untold(session, roles, {dead})
            watching.tell(session, tell, {dead}, NOW)
    (alert,) = two.alerts("SYSTEM")
    assert (alert.subject, alert.severity) == (f"system:{dead}", "critical")
    assert alert.reason["code"] == "system.share_dead"
    with two.store.reading() as session:
        rows = session.execute(
            select(Sensor.code, SensorState.silent_since_ms).join(
                SensorState, SensorState.sensor == Sensor.key
            )
        )
        silent = {code: since_ms for code, since_ms in rows}
    assert silent == {"C-01": to_ms(NOW), "R-01": None}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"RIDGEWATCH_DATABASE_URL": "postgresql://db/r"}, "settings.shares_without_broker"),
        ({"RIDGEWATCH_MQTT_URL": "mqtt://broker"}, "settings.shares_on_sqlite"),
    ],
)
def test_several_shares_need_postgresql_and_a_broker(more: dict[str, str], code: str) -> None:
    environ = {"RIDGEWATCH_SHARES": "2", "RIDGEWATCH_DATA_DIR": "data", **more}
    with pytest.raises(BadInput) as refused:
        Settings.read(environ, secret_needed=False)
    assert [fault.reason.code for fault in refused.value.faults] == [code]
