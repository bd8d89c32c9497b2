"""What page tests need: an application on a fresh database, and its people."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from models.settings import Settings
from models.store import Store
from tests.webapp.cast import Cast, make_cast
from webapp.app import create_app
from webapp.db import db


class CompiledOnce(BytecodeCache):
    """Keeps compiled templates: each test has an application of its own, which would do it anew."""

    kept: ClassVar[dict[str, bytes]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is kept; Jinja sees by its checksum whether it is of this source."""
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self.kept[bucket.key] = bucket.bytecode_to_string()


def settings_for(store: Store) -> Settings:
    """Return the settings of a test's application."""
    return Settings(
        data_dir=Path(store.data_dir),
        database_url=store.url,
        secret_key="a secret of the tests alone, long enough",
        public_url="https://ridgewatch.example",
    )


def app_on(store: Store) -> Flask:
    """Return an application of the test's own, which tells its faults."""
    app = create_app(settings_for(store), store)
    app.testing = True
    app.jinja_env.bytecode_cache = CompiledOnce()
    app.config["PROPAGATE_EXCEPTIONS"] = False  # faults become the page that people see
    return app


_IDLE: list[tuple[Flask, dict[str, Any]]] = []  # each with its configuration


@pytest.fixture
def app_of(request: pytest.FixtureRequest) -> Iterator[Callable[[Store], Flask]]:
    """Lends applications: to make one, with its two hundred routes, takes longer than most tests.

    For tests that change nothing of it but its configuration.
    """
    lent = []

    def lend(store: Store) -> Flask:
        if not _IDLE:
            app = app_on(store)
            _IDLE.append((app, dict(app.config)))
        app, config = _IDLE.pop()
        lent.append((app, config))
        app.config.clear()
        app.config.update(config, DATA_DIR=Path(store.data_dir))
        app.extensions.update(settings=settings_for(store), store=store)
        with app.app_context():
            db.engines[None] = store.engine  # as `Database` does when it is made
        return app

    yield lend
    if "origin" not in request.fixturenames:  # then its server may still answer an old question
        _IDLE.extend(lent)


@pytest.fixture
def app(app_of: Callable[[Store], Flask], sqlite_store: Store) -> Flask:
    """The application, where the kind of database makes no difference."""
    return app_of(sqlite_store)


@pytest.fixture
def cast(app: Flask, sqlite_store: Store) -> Cast:
    """The people, on SQLite."""
    return make_cast(app, sqlite_store)


@pytest.fixture
def cast_everywhere(app_of: Callable[[Store], Flask], store: Store) -> Cast:
    """The people, once on SQLite and once on PostgreSQL."""
    return make_cast(app_of(store), store)
