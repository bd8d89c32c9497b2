"""Two writers at once, as PostgreSQL lets them: a person's tap must never cost a message."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from ingest.inbox import Inbox
from ingest.worker import Worker
from models.alert import Alert
from models.clock import SiteClock, machine_now
from models.people import Actor
from models.reading import Quarantined
from models.store import Store, StoreSession
from models.times import to_ms
from tests.ingest.house import CRACK_RULE, NOW, House, crack

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
