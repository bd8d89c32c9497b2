"""A lease on PostgreSQL, where two processes may ask at the same moment."""

from datetime import UTC, datetime
from threading import Thread

import pytest
from sqlalchemy import func, select, text

from models.heartbeat import Lease
from models.lease import hold
from models.store import Store
from tests.harness.processes import wait_until

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def store(postgres_store: Store) -> Store:
    return postgres_store


def is_waited_for(store: Store) -> bool:
    with store.reading() as session:
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(session.scalar(waits))


def test_of_two_that_ask_first_at_the_same_moment_one_holds_and_the_other_stands_by(
    store: Store,
) -> None:
    answers: list[int | None] = []

    def ask() -> None:
        with store.writing() as session:
            answers.append(hold(session, "clock", "other", NOW))

    asking = Thread(target=ask, daemon=True)
    with store.writing() as session:
        assert hold(session, "clock", "one", NOW) == 1
        asking.start()
        wait_until(lambda: is_waited_for(store), "the other waits")
    asking.join(10)

    assert answers == [None]
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Lease)) == 1
        assert session.scalars(select(Lease.holder)).one() == "one"
