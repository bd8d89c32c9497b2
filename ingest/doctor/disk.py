"""The disk: room for weeks, the reserve in its place, and nobody else's eyes on the data."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.doctor.finding import Finding, fault, warning
from models.disk import RESERVE_BYTES, Disk
from models.event import Event
from models.heartbeat import Heartbeat
from models.store import Store

FEWEST_DAYS, DAYS_AHEAD = 3, 30
YOUNGEST_DAYS = 1.0  # before that its growth says nothing


def look_at_disk(
    store: Store, machine_now: datetime, reserve_bytes: int = RESERVE_BYTES
) -> Iterator[Finding]:
    """Look at room, growth, reserve and permissions of the data folder."""
    disk = Disk.of(store.data_dir, reserve_bytes)
    if disk.is_full:
        yield fault("disk_full", mb=disk.free_bytes >> 20)
    elif (days := _days_left(store, disk, machine_now)) is not None and days < DAYS_AHEAD:
        short = fault if days < FEWEST_DAYS else warning
        yield short("disk_low", days=round(days, 1), mb=disk.free_bytes >> 20)
    with store.reading() as session:
        has_run = session.get(Heartbeat, "ingest") is not None
    if has_run and disk.reserve_bytes and not disk.reserved_bytes and not disk.is_full:
        yield warning("no_reserve", mb=disk.reserve_bytes >> 20)
    mode = store.data_dir.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield fault("others_may_look", path=str(store.data_dir), mode=f"{mode & 0o777:o}")


def _days_left(store: Store, disk: Disk, machine_now: datetime) -> float | None:
    """Return for how many days the room lasts, if all goes on as since the installation."""
    with store.reading() as session:
        began = _began(session)
    path = Path(str(store.engine.url.database))
    if began is None or not store.is_sqlite or not path.exists():
        return None
    days = (machine_now - began).total_seconds() / 86_400
    return None if days < YOUNGEST_DAYS else disk.free_bytes / (path.stat().st_size / days)


def _began(session: Session) -> datetime | None:
    return session.scalar(select(func.min(Event.recorded_at)))
