"""Opens the database and its transactions; the one module that knows SQLite from PostgreSQL."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

import models.tables  # noqa: F401  (relationships name each other: all or none can be mapped)

_WRITING = "ridgewatch_writing"
_LOCK = "ridgewatch_write_lock"
_LOCK_PATH = "ridgewatch_lock_path"
BUSY_TIMEOUT_MS = 30_000


class Store:
    """One database. A read transaction can't write; writers wait for each other in a fair row."""

    def __init__(self, url: str, data_dir: Path, *, durable: bool = True) -> None:
        """Open a database; a throw-away one need not be `durable`, and is faster for it."""
        self.url = url
        self.data_dir = data_dir
        self.engine = open_engine(url, data_dir, durable=durable)
        self.sessions = sessionmaker(self.engine, class_=StoreSession, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one consistent state and can change nothing."""
        with self.sessions() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that holds the write lock; commits once, at the end."""
        with self.sessions() as session:
            begin_write(session)
            yield session
            session.commit()

    def checkpoint(self) -> None:
        """Fold SQLite's log into the database under the write lock (its WAL-reset fault)."""
        if not self.is_sqlite:
            return
        with _locked(self.data_dir / "write.lock"):
            connection = self.engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                connection.close()

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


class StoreSession(Session):
    """A session that lets go of the write lock when its transaction has ended."""


def begin_write(session: Session) -> None:
    """End the read transaction and begin a writing one; objects reload inside it.

    On SQLite it holds `write.lock` round BEGIN IMMEDIATE … COMMIT: beside a busy batch writer a
    page waited 3.3 s with busy_timeout alone and 17 ms with the lock.
    """
    session.rollback()
    path = session.get_bind().get_execution_options().get(_LOCK_PATH)
    if path is not None:
        session.info[_LOCK] = _take(path)
    try:
        session.connection(execution_options={_WRITING: True})
    except BaseException:
        _release(session)
        raise


@event.listens_for(StoreSession, "after_transaction_end")
def _unlock(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        _release(session)


def _release(session: Session) -> None:
    lock = session.info.pop(_LOCK, None)
    if lock is not None:
        os.close(lock)


def _take(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = _take(path)
    try:
        yield
    finally:
        os.close(lock)


def open_engine(url: str, data_dir: Path, *, durable: bool = True) -> Engine:
    """Return an engine whose transactions are read-only unless begun by `begin_write`."""
    if url.startswith("sqlite"):
        data_dir.mkdir(parents=True, exist_ok=True)
        engine: Engine = create_engine(
            url,
            pool_size=32,
            max_overflow=32,
            connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
        ).execution_options(**{_LOCK_PATH: data_dir / "write.lock"})
        event.listen(engine, "connect", _prepare_sqlite)
        if not durable:
            event.listen(engine, "connect", _make_careless)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(url, pool_size=16, max_overflow=32, pool_pre_ping=True)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Durable and honest settings: reliability.md measured what the defaults lose."""
    connection.isolation_level = None  # BEGIN is ours, so that writers can say IMMEDIATE
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "wal_autocheckpoint=0",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "cache_size=-65536",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _make_careless(connection: Any, _record: object) -> None:
    """A rehearsal's database is thrown away: nothing has to survive a power cut."""
    connection.execute("PRAGMA synchronous=OFF")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writing else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if not connection.get_execution_options().get(_WRITING, False):
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
