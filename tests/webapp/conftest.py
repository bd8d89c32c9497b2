"""What page tests need: an application on a fresh database, and its people."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from models.settings import Settings
from models.store import Store
from tests.webapp.cast import Cast, make_cast
from webapp.app import create_app


def settings_for(store: Store) -> Settings:
    """Return the settings of a test's application."""
    return Settings(
        data_dir=Path(store.data_dir),
        database_url=store.url,
        secret_key="a secret of the tests alone, long enough",
        public_url="https://ridgewatch.example",
    )


def app_on(store: Store) -> Flask:
    """Return an application that tells its faults."""
    app = create_app(settings_for(store), store)
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False  # faults become the page that people see
    return app


@pytest.fixture
def app(sqlite_store: Store) -> Iterator[Flask]:
    """The application, where the kind of database makes no difference."""
    yield app_on(sqlite_store)


@pytest.fixture
def cast(app: Flask, sqlite_store: Store) -> Cast:
    """The people, on SQLite."""
    return make_cast(app, sqlite_store)


@pytest.fixture
def cast_everywhere(store: Store) -> Cast:
    """The people, once on SQLite and once on PostgreSQL."""
    return make_cast(app_on(store), store)
