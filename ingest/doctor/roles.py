"""The roles: all that are needed have begun, and still turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.doctor.finding import Finding, fault, warning
from models.heartbeat import DEAD_AFTER, Heartbeat
from models.share import role_of, shares_agreed
from models.times import iso

NEEDED = ("ingest", "clock", "work", "web")


def look_at_roles(session: Session, machine_now: datetime) -> Iterator[Finding]:
    """Look at the heartbeats; of several ingesters, at that of each share's owner."""
    beats = {row.role: row.beat_at for row in session.scalars(select(Heartbeat))}
    shares = shares_agreed(session)
    for role in NEEDED if shares == 1 else NEEDED[1:]:
        if role not in beats:
            yield warning("never_ran", role=role)
        elif machine_now - beats[role] > DEAD_AFTER:
            yield fault("role_dead", role=role, since=iso(beats[role].replace(microsecond=0)))
    for number in range(shares) if shares > 1 else ():
        beat_at = beats.get(role_of(number))
        if beat_at is None or machine_now - beat_at > DEAD_AFTER:
            yield fault("share_dead", share=number, shares=shares)
