"""Moves site time on by a stretch, and waits until every role has done what fell due in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.clock import SiteClock, machine_now, site_clock
from models.errors import Refusal
from models.heartbeat import DEAD_AFTER, Heartbeat
from models.reasons import reason
from models.store import Store

LOOKS_EVERY_S = 0.05
STRETCH = timedelta(hours=1)  # without a simulator: so far at a time, minute by minute inside
DOES_NOTHING_FOR_S = 120.0


def advance(store: Store, by: timedelta, stopping: Callable[[], bool]) -> datetime:
    """Move the clock on and return where it is. Raises Refusal where it can't be moved."""
    with store.writing() as session:
        row = _movable(session)
        target = row.now(machine_now()) + by
        led = _alive(session, "simulate")
        if led:
            row.target_at = target
    if led:
        _wait(store, target, stopping)
    else:
        _move(store, target, stopping)
    with store.writing() as session:
        row = _movable(session)
        if row.target_at is not None and row.target_at <= row.site_at:
            row.target_at = None
        return row.now(machine_now())


def _movable(session: Session) -> SiteClock:
    row = site_clock(session)
    if row is None or row.mode == "real":
        raise Refusal(reason("clock.is_real"))
    return row


def _move(store: Store, target: datetime, stopping: Callable[[], bool]) -> None:
    """Move the row ourselves; each role passes the minutes one by one."""
    at = None
    while (at is None or at < target) and not stopping():
        with store.writing() as session:
            row = _movable(session)
            at = min(row.now(machine_now()) + STRETCH, target)
            row.move_to(at, machine_now())
        _wait(store, at, stopping)


def _wait(store: Store, target: datetime, stopping: Callable[[], bool]) -> None:
    """Wait for clock row and heartbeats; give up when for long nothing at all has moved."""
    minute = target.replace(second=0, microsecond=0)
    seen: object = None
    moved_s = time.monotonic()
    while not stopping():
        with store.reading() as session:
            row = _movable(session)
            at = row.now(machine_now())
            done = {role.role: role.done_until for role in _living(session)}
        if at >= target and all(until is not None and until >= minute for until in done.values()):
            return
        if seen != (at, done):
            seen, moved_s = (at, done), time.monotonic()
        elif time.monotonic() - moved_s > DOES_NOTHING_FOR_S:
            late = sorted(name for name, until in done.items() if until is None or until < minute)
            raise Refusal(reason("advance.stuck", roles=late or ["simulate"]))
        time.sleep(LOOKS_EVERY_S)


def _living(session: Session) -> list[Heartbeat]:
    """Return the roles that pass minutes and live; without any, moving the row is all."""
    rows = session.scalars(select(Heartbeat).where(Heartbeat.role.in_(["ingest", "clock"])))
    return [row for row in rows if machine_now() - row.beat_at < DEAD_AFTER]


def _alive(session: Session, role: str) -> bool:
    row = session.get(Heartbeat, role)
    return row is not None and machine_now() - row.beat_at < DEAD_AFTER
