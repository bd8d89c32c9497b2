"""Two writers at once, as PostgreSQL lets them: a person's tap must never cost a message."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from ingest import claims
from ingest.holder import is_gone, new_holder
from ingest.inbox import Inbox
from ingest.shares import Share
from ingest.work_role import Work
from ingest.worker import Worker
from models.alert import Alert
from models.claim import claim
from models.clock import SiteClock, machine_now
from models.people import Actor, machine
from models.reading import Channel, Quarantined, WaitingReading
from models.sensor import Sensor
from models.share import STILL_FOR, take_share
from models.store import Store, StoreSession
from models.times import to_ms
from tests.harness.processes import wait_until
from tests.ingest.house import CRACK_RULE, NOW, House, crack, registry, senml

MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)


@pytest.fixture
def house(postgres_url: str, tmp_path: Path) -> Iterator[House]:
    store = Store(postgres_url, tmp_path)
    yield House(store, [CRACK_RULE])  # its step is the first that is written, so none waits
    store.close()


@pytest.fixture
def worker(house: House) -> Worker:
    with house.store.writing() as session:
        at = NOW + 3 * QUARTER + MINUTE
        session.add(SiteClock(id=1, mode="led", site_at=at, since=machine_now()))
    made = Worker(house.store, Inbox(10), {}, pipeline=house.pipeline)
    made.refresh_clock()
    made.listening_since_ms = to_ms(NOW)
    return made


def acknowledge(store: Store) -> None:
    with store.writing() as session:
        session.scalars(select(Alert)).one().acknowledge(by=Actor("person"), now=NOW)


def meanwhile(act: Callable[[], None]) -> None:
    """Let something happen once, after the next writer has read and before it has written."""

    waiting = [act]

    def before(session: Session, *_: object) -> None:
        if session.dirty and waiting:
            waiting.pop()()

    event.listen(StoreSession, "before_flush", before)


def test_a_tap_while_a_message_is_judged_loses_neither(house: House, worker: Worker) -> None:
    house.feed(crack(1.4))
    meanwhile(lambda: acknowledge(house.store))

    worker._commit(house.pipeline.decode([crack(2.4, NOW + QUARTER)]))

    (alert,) = house.alerts()
    assert (alert.severity, alert.acknowledged) == ("high", False)  # it rose after the tap
    assert [value for _, value, _ in house.readings()] == [1.4, 2.4]
    with house.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Quarantined)) == 0


def test_a_tap_while_time_passes_costs_no_minute(house: House, worker: Worker) -> None:
    house.feed(crack(1.4))
    worker.ticked_until = NOW + 3 * QUARTER
    meanwhile(lambda: acknowledge(house.store))

    worker.tick()
    worker.tick()

    wide = next(alert for alert in house.alerts() if alert.rule_code == "WIDE")
    assert (wide.unknown, wide.acknowledged) == (True, True)


def a_sensor_to_claim_for(house: House) -> None:
    document: dict[str, Any] = registry([CRACK_RULE])
    sensor = {"code": "C-09", "quantity": "crack_width", "unit": "mm", "interval_s": 900}
    document["sites"][0]["sensors"].append(sensor)
    house.load(document, NOW)


def ask_for_a_claim(store: Store) -> None:
    with store.writing() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == "C-09")).one()
        claim(session, "stray", "crack", sensor, by=machine("system"), now=NOW)


def test_what_is_still_being_written_when_its_channel_is_claimed_is_loaded_too(
    house: House,
) -> None:
    a_sensor_to_claim_for(house)
    house.feed(senml("stray", "crack", 0.1, NOW))
    with house.store.writing() as session:
        token = take_share(session, 0, new_holder(), is_gone, lambda _name, _beats: STILL_FOR)
    assert token is not None
    share, pipeline = Share(0, 1, token), house.pipeline
    work = Thread(target=Work(house.store, claims.HANDLERS).turn)

    with house.store.writing() as session:
        pipeline.begin(session, share.fence(session))
        late = senml("stray", "crack", 0.2, NOW + QUARTER)
        pipeline.take(session, pipeline.decode([late]), NOW)
        ask_for_a_claim(house.store)
        work.start()
        wait_until(lambda: not work.is_alive() or waits_for_a_lock(house.store), "loaded, or not")
        pipeline.flush(session, NOW)
    work.join()

    assert [value for _, value, _ in house.readings()] == [0.1, 0.2]
    with house.store.reading() as session:
        assert session.scalars(select(WaitingReading)).all() == []
        assert session.get_one(Channel, ("stray", "crack")).claimed


def waits_for_a_lock(store: Store) -> bool:
    with store.reading() as session:
        mine = text(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND"
            " datname = current_database()"
        )
        return session.execute(mine).first() is not None
