"""Brings a database to the schema of this version: forward only, whole or not at all."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from models.errors import Refusal
from models.reasons import reason
from models.store import Store

_SCRIPTS = Path(__file__).parent / "migrations"
# Any number that no other program takes as an advisory lock in our database.
_POSTGRESQL_LOCK = 7_243_001


def upgrade(store: Store) -> bool:
    """Bring the database to the newest revision; True if anything had to be done.

    One transaction under the write lock, so that a second process waits and then finds nothing
    to do. Raises Refusal where the database belongs to a newer version of Ridgewatch.
    """
    if current(store) == head():
        return False
    with store.writing() as session:
        connection = session.connection()
        if not store.is_sqlite:
            lock = text("SELECT pg_advisory_xact_lock(:number)")
            connection.execute(lock, {"number": _POSTGRESQL_LOCK})
        return _upgrade(connection)


def current(store: Store) -> str | None:
    """Return the revision that the database has; None where it is empty."""
    with store.reading() as session:
        return _revision(session.connection())


def head() -> str:
    """Return the newest revision that this version knows."""
    return ScriptDirectory(str(_SCRIPTS)).get_current_head() or ""


def _upgrade(connection: Connection) -> bool:
    revision = _revision(connection)
    if revision == head():
        return False
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if revision is not None:
        _require_known(revision)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True


def _require_known(revision: str) -> None:
    known = {script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()}
    if revision not in known:
        raise Refusal(reason("registry.database_newer", revision=revision, head=head()))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
