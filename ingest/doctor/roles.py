"""The roles: all that are needed have begun, and still turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.doctor.finding import Finding, fault, warning
from models.heartbeat import DEAD_AFTER, Heartbeat
from models.times import iso

NEEDED = ("ingest", "clock", "work")


def look_at_roles(session: Session, machine_now: datetime) -> Iterator[Finding]:
    """Look at the heartbeats."""
    beats = {row.role: row.beat_at for row in session.scalars(select(Heartbeat))}
    for role in NEEDED:
        if role not in beats:
            yield warning("never_ran", role=role)
        elif machine_now - beats[role] > DEAD_AFTER:
            yield fault("role_dead", role=role, since=iso(beats[role].replace(microsecond=0)))
