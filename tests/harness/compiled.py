"""Lets all databases of a test process share what SQLAlchemy has compiled.

Each test has a database, and so an engine, of its own. Compiling the same few hundred statements
anew for each took a fifth of the tests' time; a process of the product does it once.
"""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_COMPILED: LRUCache[Any, Any] = LRUCache(3_000)


class _Alike:
    """The dialect of one engine is that of another: compiled statements are kept by it."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


class SQLite(_Alike, SQLiteDialect_pysqlite):
    """SQLite's own; a subclass has to say anew that its statements may be kept."""

    supports_statement_cache = True


class PostgreSQL(_Alike, PGDialect_psycopg):
    """PostgreSQL's, in the same way."""

    supports_statement_cache = True


registry.register("sqlite.pysqlite", __name__, "SQLite")
registry.register("postgresql.psycopg", __name__, "PostgreSQL")


def share(engine: Engine) -> None:
    """Have an engine use what others have compiled."""
    engine.update_execution_options(compiled_cache=_COMPILED)
