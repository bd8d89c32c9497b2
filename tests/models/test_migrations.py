"""The migrated schema is the declared one, on both databases, and events can't be rewritten."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError

from models.errors import Refusal
from models.event import Event
from models.migrate import current, head, upgrade
from models.people import Organisation
from models.store import Store
from models.tables import METADATA

NOW = datetime(2022, 3, 21, 8, tzinfo=UTC)

# What compare_metadata doesn't look at: triggers, table options, partial indexes, defaults.
_SQLITE_SCHEMA = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
)
_POSTGRESQL_SCHEMA = """
SELECT 'column', table_name, column_name, data_type || ' ' || is_nullable || ' '
    || coalesce(column_default, '') || ' ' || is_identity
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', tablename, indexname, indexdef
  FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
  FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', '', proname, prosrc
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


@pytest.fixture
def empty_store(empty_database_url: str, data_dir: Path) -> Iterator[Store]:
    """A store without any table."""
    opened = Store(empty_database_url, data_dir)
    yield opened
    opened.close()


def schema(store: Store) -> set[tuple[str, ...]]:
    """Return everything that the database says about its own schema."""
    with store.reading() as session:
        rows = session.execute(text(_SQLITE_SCHEMA if store.is_sqlite else _POSTGRESQL_SCHEMA))
        return {
            tuple(_plain(str(cell)) for cell in row) for row in rows if "alembic" not in str(row)
        }


def _plain(statement: str) -> str:
    """Return a statement whose order of columns and spaces make no difference."""
    if not statement.startswith("CREATE TABLE"):
        return " ".join(statement.split())
    lines = (line.strip().rstrip(",").strip() for line in statement.splitlines())
    return "\n".join(sorted(line.replace('"', "") for line in lines if line))


def test_the_migrated_schema_is_the_declared_one(store: Store, empty_store: Store) -> None:
    with empty_store.writing() as session:
        METADATA.create_all(session.connection())

    assert schema(store) == schema(empty_store)


def is_declared(name: str | None, kind: str, _parents: object) -> bool:
    """Whether autogenerate should look: the months of packed hours come and go by themselves."""
    return kind != "table" or not str(name).startswith("reading_hour_")


def test_autogenerate_finds_nothing_to_do(store: Store) -> None:
    with store.reading() as session:
        context = MigrationContext.configure(
            session.connection(), opts={"compare_type": True, "include_name": is_declared}
        )
        differences: list[Any] = compare_metadata(context, METADATA)

    assert differences == []


def test_an_upgrade_says_whether_it_did_anything(empty_store: Store) -> None:
    assert current(empty_store) is None
    assert upgrade(empty_store) is True
    assert current(empty_store) == head()
    assert upgrade(empty_store) is False


def test_a_failed_upgrade_leaves_nothing_behind(empty_store: Store) -> None:
    with empty_store.writing() as session:
        session.execute(text("CREATE TABLE site (id INTEGER)"))  # in the way of ours

    with pytest.raises(DatabaseError):
        upgrade(empty_store)

    assert current(empty_store) is None
    assert not any("reading" in row for row in schema(empty_store))


def test_a_database_of_a_newer_version_is_refused(store: Store) -> None:
    with store.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Refusal) as refused:
        upgrade(store)

    assert refused.value.reason.code == "registry.database_newer"


def test_events_are_only_appended(store: Store) -> None:
    with store.writing() as session:
        session.add(_event())

    for rewriting in (update(Event).values(action="other"), delete(Event)):
        with pytest.raises(DatabaseError, match="only appended"), store.writing() as session:
            session.execute(rewriting)


def _event() -> Event:
    return Event(
        kind=Organisation.__tablename__,
        action="add",
        by_kind="system",
        at=NOW,
        recorded_at=NOW,
        via="command",
    )


def test_migrating_leaves_the_logging_of_the_program_alone(empty_store: Store) -> None:
    before = logging.getLogger().handlers[:]

    upgrade(empty_store)

    assert logging.getLogger().handlers == before
