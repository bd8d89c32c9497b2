"""Fixtures of the tests of nouns: a session that may write, and a house full of people."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.store import Store, begin_write
from tests.models.house import House


@pytest.fixture(scope="session")
def house_store(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One empty database for all tests that only look and then roll back."""
    folder = tmp_path_factory.mktemp("houses")
    shutil.copyfile(sqlite_template, folder / "ridgewatch.db")
    opened = Store(f"sqlite+pysqlite:///{folder}/ridgewatch.db", folder)
    yield opened
    opened.close()


@pytest.fixture
def house(house_store: Store) -> Iterator[House]:
    """A temple with its people, in one transaction that is thrown away."""
    with house_store.sessions() as session:
        begin_write(session)
        yield House(session)
        session.rollback()
