"""The database: whole, of this version, durable, and not held up by anybody."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import text

from ingest.doctor.finding import Finding, fault, warning
from models.migrate import current, head
from models.reasons import Reason, reason
from models.store import Store

LARGEST_LOG_BYTES = 256 * 1024 * 1024
LOCK_WITHIN_S = 5.0
# https://sqlite.org/wal.html: from 3.7.0 to 3.51.2 a checkpoint beside a commit could damage the
# file; fixed in 3.51.3. Ours is closed by checkpoints under the write lock alone (models/store).
WAL_RESET_FAULT = ((3, 7, 0), (3, 51, 2))


def look_at_database(store: Store) -> Iterator[Finding]:
    """Look at the schema, and at what the kind of database needs."""
    revision = current(store)
    if revision != head():
        yield fault("schema", revision=revision or "", head=head())
        return
    yield from _sqlite(store) if store.is_sqlite else _postgresql(store)


def facts_of_database(store: Store) -> Iterator[Reason]:
    """Say which database it is, and where it stands to SQLite's WAL-reset fault."""
    if not store.is_sqlite:
        with store.reading() as session:
            yield reason(
                "doctor.is.postgresql", version=str(session.scalar(text("SHOW server_version")))
            )
        return
    version = sqlite3.sqlite_version_info
    since, until = WAL_RESET_FAULT
    code = "doctor.is.sqlite_closed" if since <= version <= until else "doctor.is.sqlite"
    yield reason(code, version=sqlite3.sqlite_version)


def _sqlite(store: Store) -> Iterator[Finding]:
    with store.reading() as session:
        told = {name: session.scalar(text(f"PRAGMA {name}")) for name in _WANTED}
        broken = [line for line in session.scalars(text("PRAGMA quick_check(5)")) if line != "ok"]
    for name, wanted in _WANTED.items():
        if told[name] != wanted:
            yield fault("pragma", setting=name, is_now=str(told[name]), wanted=str(wanted))
    if broken:
        yield fault("damaged", what=broken[0][:200])
    path = Path(str(store.engine.url.database))
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        yield warning("log_grows", mb=log.stat().st_size >> 20)
    if not _gets_lock(store.data_dir / "write.lock"):
        yield fault("lock_held", seconds=LOCK_WITHIN_S)


_WANTED = {"journal_mode": "wal", "synchronous": 2, "wal_autocheckpoint": 0, "foreign_keys": 1}


def _gets_lock(path: Path) -> bool:
    """Whether writers come in turn: nobody holds the lock for longer than a breath."""
    if not path.exists():
        return True
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        until_s = monotonic() + LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if monotonic() > until_s:
                    return False
                sleep(0.005)
    finally:
        os.close(file)


def _postgresql(store: Store) -> Iterator[Finding]:
    with store.reading() as session:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            told = session.scalar(text(f"SHOW {name}"))
            if told == "off":
                yield fault("postgresql_careless", setting=name)
