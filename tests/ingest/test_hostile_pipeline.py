"""Whatever comes in a batch, the good is stored, the bad is kept whole, and nothing stops."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ingest.formats.decoded import Decoded
from ingest.inbox import Inbox
from ingest.message import Delivery, Message, Receipt
from ingest.pipeline import Pipeline
from ingest.worker import Worker
from models import stored
from models.clock import SiteClock, machine_now, site_now
from models.reading import Channel, Quarantined, WaitingReading
from models.store import Store
from models.times import from_ms
from tests.ingest.house import NOW, House, senml
from tests.ingest.poison import CLOCK, NATIVE, NOW_MS, poisons
from tests.readings import readings_of


class Sender:
    """A source that notes what was acknowledged."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.heard += [delivery.receipt.packet_id for delivery in deliveries]


def take(store: Store, *messages: Message, worker: Worker | None = None) -> list[int]:
    """Have a worker take messages in one batch; return what it acknowledged, by number."""
    sender = Sender()
    worker = worker or Worker(store, Inbox(1), {})
    worker.sources = {"receiver": sender, "subscriber": sender}
    worker.refresh_clock()
    worker.take([Delivery(one, Receipt(None, n)) for n, one in enumerate(messages, 1)])
    return sender.heard


@pytest.fixture
def both_stores(sqlite_store: Store, postgres_url: str, data_dir: Path) -> Iterator[list[Store]]:
    other = Store(postgres_url, data_dir)
    yield [sqlite_store, other]
    other.close()


def good(count: int) -> list[Message]:
    """Return readings, each of an instant of its own."""
    at = [from_ms(NOW_MS - count * 1000 + n * 1000) for n in range(count)]
    return [senml("node-1", "crack", round(0.1 + n % 7 / 100, 2), one) for n, one in enumerate(at)]


def test_a_poison_of_each_kind_in_a_batch_of_2000_stops_nothing(both_stores: list[Store]) -> None:
    bad = list(poisons().values())
    batch = good(2000 - len(bad))
    for number, message in enumerate(bad):
        batch.insert(number * 29 + 7, message)
    assert len(batch) == 2000

    left = []
    for store in both_stores:
        House(store)
        assert take(store, *batch) == list(range(1, 2001))
        left.append(everything(store))

    sqlite, postgres = left
    assert len([row for row in sqlite["readings"] if row[1] < NOW_MS]) == 2000 - len(bad)
    assert sqlite == postgres


def everything(store: Store) -> dict[str, Any]:
    """Return all that messages have left in a database."""
    with store.reading() as session:
        return {
            "readings": [(key, one.at_ms, one.value) for key, one in stored.everything(session)],
            "waiting": rows(session, WaitingReading.device, WaitingReading.channel),
            "channels": rows(session, Channel.device, Channel.channel, Channel.count),
            "quarantined": rows(session, Quarantined.client, Quarantined.reason),
        }


def rows(session: Any, *columns: Any) -> list[Any]:
    return sorted((tuple(row) for row in session.execute(select(*columns))), key=repr)


def lead_from(store: Store, at: datetime) -> None:
    """Let a simulator lead the clock from here."""
    with store.writing() as session:
        session.add(SiteClock(id=1, mode="led", site_at=at, since=machine_now()))


class Holed(Pipeline):
    """A pipeline with a hole: what comes under "monster" gives a row that no database takes."""

    def decode(self, messages: Sequence[Message]) -> list[tuple[Message, Decoded]]:
        return [
            (message, _monstrous(outcome) if "monster" in message.topic else outcome)
            for message, outcome in super().decode(messages)
        ]


def _monstrous(outcome: Decoded) -> Decoded:
    measurements = tuple(one._replace(at_ms=1 << 70) for one in outcome.measurements)
    return replace(outcome, measurements=measurements)


MONSTER = replace(senml("monster", "tilt", 1.0, NOW, unit="deg"), topic="ridgewatch/monster/senml")


def test_what_a_database_refuses_is_set_aside_and_the_others_are_stored_once(store: Store) -> None:
    House(store)
    worker = Worker(store, Inbox(1), {}, Holed())
    payloads = [b'[{"bn":"node-1:","n":"crack","u":"mm","v":0.%d}]' % n for n in range(1, 8)]
    untimed = [
        Message(NATIVE, payload, NOW_MS + n * 1000, qos=1, dup=True)
        for n, payload in enumerate(payloads)
    ]

    heard = take(store, *untimed[:3], MONSTER, *untimed[3:], worker=worker)

    assert heard == list(range(1, 9))
    with store.reading() as session:
        assert [one.value for one in readings_of(session)] == [n / 10 for n in range(1, 8)]
        (refused,) = session.scalars(select(Quarantined)).all()
        assert refused.reason["code"] == "quarantine.could_not_be_stored"
        assert refused.topic == MONSTER.topic
    assert take(store, *untimed, worker=worker) == list(range(1, 8))
    with store.reading() as session:
        assert len(readings_of(session)) == 7


def test_minutes_of_a_transaction_that_failed_pass_in_the_next_one(sqlite_store: Store) -> None:
    house = House(sqlite_store)
    house.feed(senml("node-1", "crack", 0.5, NOW))
    lead_from(sqlite_store, NOW)
    worker = Worker(sqlite_store, Inbox(1), {}, Holed())
    mark = json.dumps({"t": "2022-03-21T00:50:00Z", "source": 0, "of": 1}).encode()

    take(sqlite_store, Message(CLOCK, mark, NOW_MS, qos=1), MONSTER, worker=worker)

    assert [alert.rule_code for alert in house.alerts()] == ["Q1"]
    with sqlite_store.reading() as session:
        assert site_now(session) == NOW + timedelta(minutes=50)


def test_a_clock_needs_the_mark_of_every_source_and_believes_none_too_far(
    sqlite_store: Store,
) -> None:
    House(sqlite_store)
    lead_from(sqlite_store, NOW)
    worker = Worker(sqlite_store, Inbox(1), {})

    def tell(t: str, source: int, of: int) -> datetime:
        mark = json.dumps({"t": t, "source": source, "of": of}).encode()
        take(sqlite_store, Message(CLOCK, mark, NOW_MS, qos=1), worker=worker)
        with sqlite_store.reading() as session:
            return site_now(session)

    assert tell("2022-03-21T00:01:00Z", 0, 2) == NOW
    assert tell("2022-03-21T00:02:00Z", 1, 2) == NOW + timedelta(minutes=1)
    assert tell("9999-12-31T00:00:00Z", 0, 2) == NOW + timedelta(minutes=1)
    assert tell("2022-03-21T00:03:00Z", 0, 1) == NOW + timedelta(minutes=3)
