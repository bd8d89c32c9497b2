"""Fixtures of the tests of nouns: a session that may write, and a house full of people."""

from collections.abc import Iterator

import pytest

from models.store import Store, begin_write
from tests.models.house import House


@pytest.fixture
def house(sqlite_store: Store) -> Iterator[House]:
    """A temple with its people, in one transaction that is thrown away."""
    with sqlite_store.sessions() as session:
        begin_write(session)
        yield House(session)
        session.rollback()
