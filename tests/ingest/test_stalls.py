"""An ingester that stood still, was killed, or lived by a wrong clock, and goes on."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from ingest import devices, saving, watching
from ingest.devices import Heard
from ingest.inbox import Inbox
from ingest.message import Delivery, Message, Receipt
from ingest.pipeline import Pipeline
from ingest.worker import MOST_MESSAGES, Worker
from models.clock import machine_now
from models.reading import SensorState
from models.readings import latest
from models.sensor import Device, Sensor
from models.store import Store
from models.times import to_ms
from models.zeroing import offset_for
from tests.ingest.house import CRACK_RULE, NOW, SILENCE_RULE, House, crack, registry, senml

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MANY = 70


def crowd(store: Store, count: int, *rules: Any) -> House:
    """Return a house in which node `g` has so many cracks, each told once a minute."""
    house = House(store, [])
    document = registry(rules)
    sensors = document["sites"][0]["buildings"][0]["sensors"]
    sensors += [
        {
            **sensors[0],
            "code": f"G-{number:03}",
            "interval_s": 60,
            "source": {"device": "g", "channel": f"c{number}"},
        }
        for number in range(count)
    ]
    house.load(document, NOW - 30 * DAY)
    return house


def pack(count: int, at: datetime, value: float) -> list[Message]:
    """Return what the node says of all its cracks at an instant."""
    packs = []
    for first in range(0, count, 35):
        records = [{"n": f"c{n}", "u": "mm", "v": value} for n in range(first, first + 35)]
        records[0] |= {"bn": "g:", "bt": at.timestamp()}
        topic, payload = "ridgewatch/hill/g/senml", json.dumps(records).encode()
        packs.append(Message(topic, payload, to_ms(at), qos=1))
    return packs


@pytest.fixture
def slow_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rows lag on the quickest machine as well."""
    monkeypatch.setattr(saving, "FEW", MANY // 2)
    monkeypatch.setattr(saving, "ROWS_PER_S", 1)
    monkeypatch.setattr(saving, "SWEEP_S", 1e9)


class Counter:
    """A source that counts what is acknowledged."""

    def __init__(self) -> None:
        self.count = 0

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        self.count += len(deliveries)


def test_what_waited_for_hours_makes_nobody_silent(sqlite_store: Store) -> None:
    house = House(sqlite_store, [])
    document = registry([SILENCE_RULE])
    sensors = document["sites"][0]["buildings"][0]["sensors"]
    count = 30
    sensors[:] = [
        {
            **sensors[0],
            "code": f"C-{n}",
            "interval_s": 60,
            "source": {"device": f"n-{n}", "channel": "crack"},
        }
        for n in range(count)
    ]
    now = machine_now()
    house.load(document, now - DAY)
    inbox, source = Inbox(MOST_MESSAGES * 2), Counter()
    worker = Worker(sqlite_store, inbox, {"receiver": source})
    worker.refresh_clock()
    begins = now - 3 * HOUR
    worker.listening_since_ms, worker.ticked_until = to_ms(begins - HOUR), begins.replace(second=0)
    said = [
        senml(f"n-{n}", "crack", 0.5, begins + minute * MINUTE)
        for minute in range(180)
        for n in range(count)
    ]
    assert len(said) > MOST_MESSAGES
    inbox.extend([Delivery(message, Receipt(None, 0)) for message in said])

    while source.count < len(said):
        worker.take(inbox.take(MOST_MESSAGES, 0))
        worker.tick()

    assert house.alerts() == []


def test_who_was_heard_in_the_future_is_silent_in_time(store: Store) -> None:
    house = House(store, [SILENCE_RULE])
    house.feed(crack(0.5, NOW, NOW + DAY), now=NOW + DAY)  # the machine's clock was a day ahead
    house.pipeline = Pipeline()  # started again, the clock set right
    house.feed(crack(0.5, NOW + 15 * MINUTE), now=NOW + 15 * MINUTE)

    for minute in range(16, 63):
        house.tick(NOW + minute * MINUTE)

    assert [one.rule_code for one in house.alerts()] == ["Q1"]


@pytest.mark.usefixtures("slow_sweep")
def test_who_hung_learns_of_whom_nothing_is_known(store: Store) -> None:
    house = crowd(store, MANY, CRACK_RULE, SILENCE_RULE)
    for step in range(3):
        house.feed(*pack(MANY, NOW + step * MINUTE / 3, 1.4), now=NOW + step * MINUTE / 3)
    assert house.pipeline.judges is not None
    assert len(house.pipeline.judges.unsaved.soon) == MANY - 1  # one is always written
    with store.writing() as session:
        watching.tell(session, ["ingest"], {"ingest"}, NOW + 3 * MINUTE)
    assert {one.unknown for one in house.alerts() if one.rule_code == "WIDE"} == {True}

    for step in (9, 10):
        house.feed(*pack(MANY, NOW + step * MINUTE / 3, 1.4), now=NOW + step * MINUTE / 3)

    assert {one.unknown for one in house.alerts() if one.rule_code == "WIDE"} == {False}


@pytest.mark.usefixtures("slow_sweep")
def test_one_clock_that_is_ahead_hides_nothing_from_who_catches_up(store: Store) -> None:
    house = crowd(store, MANY, {**CRACK_RULE, "on_delay": "3 samples"})
    house.feed(crack(0.5, NOW + HOUR, NOW + HOUR), now=NOW + HOUR)
    for step, value in enumerate((0.5, 1.4, 1.4)):
        at = NOW + step * MINUTE / 3
        house.feed(*pack(MANY, at, value), now=at)
    assert house.pipeline.judges is not None
    assert len(house.pipeline.judges.unsaved.soon) == MANY - 1  # one is always written

    house.pipeline = Pipeline()  # killed
    house.feed(*pack(MANY, NOW + MINUTE, 1.4), now=NOW + MINUTE)

    assert len(house.alerts()) == MANY


def lagging(store: Store, monkeypatch: pytest.MonkeyPatch, at: datetime) -> House:
    """Return a house whose sensors' rows tell of 150 s ago, though all were heard just now."""
    monkeypatch.setattr(saving, "SWEEP_S", 150.0)
    house, before = crowd(store, MANY), at - timedelta(seconds=150)
    house.feed(*pack(MANY, before, 0.5), now=before)
    with store.writing() as session:
        house.pipeline.flush(session, before, whole=True)
    house.feed(*pack(MANY, at, 0.7), now=at)
    return house


@pytest.mark.usefixtures("slow_sweep")
def test_a_row_that_lags_makes_no_sensor_stale_and_one_that_is_old_does(store, monkeypatch):
    now = machine_now().replace(microsecond=0)
    house = lagging(store, monkeypatch, now)
    worker = Worker(store, Inbox(MOST_MESSAGES), {}, house.pipeline)
    worker.refresh_clock()
    worker.beat()

    with store.reading() as session:
        key = session.scalars(select(func.max(SensorState.sensor))).one()
        said = latest(session, [key])[key]
    assert (said.at_ms, said.lag_ms) == (to_ms(now) - 150_000, (MANY + 2) * 1000)
    assert said.standing(to_ms(now), interval_s=60) == "fresh"
    assert said.standing(to_ms(now + MINUTE), interval_s=60) == "stale"


@pytest.mark.usefixtures("slow_sweep")
def test_a_zero_is_set_by_the_newest_reading_though_its_row_lags(store, monkeypatch):
    now = machine_now().replace(microsecond=0)
    lagging(store, monkeypatch, now)

    with store.reading() as session:
        sensor = session.scalars(select(Sensor).order_by(Sensor.key.desc())).first()
        assert latest(session, [sensor.key])[sensor.key].value == 0.5
        assert offset_for(session, sensor, 1.0, now) == pytest.approx(0.3)


@pytest.mark.long
def test_a_message_of_very_many_devices_is_written_down(postgres_store: Store) -> None:
    heard = Heard()
    heard.devices = {f"device-{number}": False for number in range(66_000)}
    with postgres_store.writing() as session:
        heard.write(session, NOW)
    heard.devices = {f"device-{number}": True for number in range(66_000)}
    with postgres_store.writing() as session:
        heard.write(session, NOW)

    with postgres_store.reading() as session:
        unprotected = select(func.count()).select_from(Device).where(Device.qos0)
        assert session.scalar(unprotected) == 66_000


def test_devices_that_anybody_may_invent_fill_no_memory(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "MOST_TOLD", 10)
    house = House(sqlite_store, [])

    for number in range(30):
        house.feed(senml(f"made-up-{number}", "crack", 0.5, NOW + number * MINUTE))

    assert len(house.pipeline.heard._told) <= 11
