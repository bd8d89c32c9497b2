"""Fresh databases for tests, on SQLite and on PostgreSQL, migrated once and then copied."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.migrate import upgrade
from models.store import Store
from tests.harness.compiled import share
from tests.harness.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database; every test that uses one runs on both."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database with the whole schema; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{database}_url")
    return url


@pytest.fixture
def empty_database_url(
    database: str, data_dir: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The URL of a database without any table, for tests of the migrations themselves."""
    if database == "sqlite":
        yield f"sqlite+pysqlite:///{data_dir}/empty.db"
        return
    cluster: Postgres = request.getfixturevalue("postgres")
    name = cluster.create()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The DATA_DIR of the test."""
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    folder = tmp_path_factory.mktemp("template")
    path = folder / "template.db"
    _migrate(f"sqlite+pysqlite:///{path}", folder)
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, data_dir: Path) -> str:
    """The URL of a fresh migrated SQLite database in the test's DATA_DIR."""
    path = data_dir / "ridgewatch.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite+pysqlite:///{path}"


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    name = postgres.create()
    _migrate(postgres.url(name), tmp_path_factory.mktemp("template"))
    return name


@pytest.fixture
def postgres_url(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    """The URL of a fresh migrated PostgreSQL database."""
    name = postgres.create(postgres_template)
    yield postgres.url(name)
    postgres.drop(name)


def _migrate(url: str, folder: Path) -> None:
    store = Store(url, folder)
    upgrade(store)
    store.close()  # closing the last connection moves SQLite's log into the file


def _opened(url: str, data_dir: Path) -> Store:
    store = Store(url, data_dir)
    share(store.engine)
    return store


@pytest.fixture
def store(database_url: str, data_dir: Path) -> Iterator[Store]:
    """A migrated, empty store; the test runs on SQLite and on PostgreSQL."""
    opened = _opened(database_url, data_dir)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(sqlite_url: str, data_dir: Path) -> Iterator[Store]:
    """A migrated, empty store on SQLite, for tests in which the database makes no difference."""
    opened = _opened(sqlite_url, data_dir)
    yield opened
    opened.close()


@pytest.fixture
def postgres_store(postgres_url: str, data_dir: Path) -> Iterator[Store]:
    """A migrated, empty store on PostgreSQL, for what only that database does."""
    opened = _opened(postgres_url, data_dir)
    yield opened
    opened.close()
