"""A house at NOW and a program that asks for it, on SQLite or on both databases."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from models.store import Store
from tests.webapp.api.program import Program, program_of
from tests.webapp.conftest import app_on
from tests.webapp.yard import Yard


@pytest.fixture
def program(app: Flask, sqlite_store: Store) -> Program:
    """The program, where the kind of database makes no difference."""
    return program_of(Yard(app, sqlite_store))


@pytest.fixture
def program_everywhere(app_of: Callable[[Store], Flask], store: Store) -> Program:
    """The program, once on SQLite and once on PostgreSQL."""
    return program_of(Yard(app_of(store), store))


@pytest.fixture(scope="module")
def refused(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program for all tests of a module in which everything is refused, so nothing changes."""
    folder = tmp_path_factory.mktemp("refused")
    shutil.copyfile(sqlite_template, folder / "ridgewatch.db")
    opened = Store(f"sqlite+pysqlite:///{folder}/ridgewatch.db", folder)
    yield program_of(Yard(app_on(opened), opened))
    opened.close()
