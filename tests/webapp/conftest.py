"""What page tests need: an application on a fresh database, and its people."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from models.settings import Settings
from models.store import Store
from tests.webapp.cast import Cast, make_cast
from webapp.app import create_app


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
    """Return an application that tells its faults."""
    app = create_app(settings_for(store), store)
    app.testing = True
    app.jinja_env.bytecode_cache = CompiledOnce()
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
