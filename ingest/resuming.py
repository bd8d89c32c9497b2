"""Lets a clock that runs by itself go on from where it stood when everything stopped."""

from __future__ import annotations

from sqlalchemy import func, select

from models.clock import machine_now, site_clock
from models.heartbeat import DEAD_AFTER, Heartbeat
from models.store import Store

ROLES = ("ingest", "clock")


def resume_clock(store: Store) -> None:
    """Take out of site time what passed while no role was running; real time passes anyway."""
    with store.writing() as session:
        row, now = site_clock(session), machine_now()
        if row is None or row.mode != "running":
            return
        mine = select(func.max(Heartbeat.beat_at)).where(Heartbeat.role.in_(ROLES))
        beaten_at = session.scalar(mine)
        if beaten_at is None:
            row.since = now  # its first start: what was set is where it begins
        elif now - beaten_at > DEAD_AFTER:
            row.site_at = row.now(max(beaten_at, row.since))
            row.since = now
