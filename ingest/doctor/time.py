"""Time: the site's is the real one, and the machine's is right."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.doctor.finding import Finding, fault, warning
from models.clock import site_clock
from models.heartbeat import Heartbeat
from models.times import iso

MOST_AHEAD = timedelta(seconds=60)


def look_at_time(session: Session, machine_now: datetime) -> Iterator[Finding]:
    """Look at the clock row, at what was written "in the future", and at the time service."""
    row = site_clock(session)
    if row is not None and row.mode != "real":
        yield warning("made_up_time", mode=row.mode, at=iso(row.now(machine_now)))
    ahead = max(session.scalars(select(Heartbeat.beat_at)), default=machine_now)
    if ahead - machine_now > MOST_AHEAD:
        yield fault("clock_went_back", at=iso(ahead.replace(microsecond=0)))
    if _is_synchronised() is False:
        yield warning("not_synchronised")


def _is_synchronised() -> bool | None:
    """Ask systemd; None where it is not there to be asked (a container, another system)."""
    program = shutil.which("timedatectl")
    if program is None:
        return None
    asked = [program, "show", "--property=NTPSynchronized", "--value"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"yes": True, "no": False}.get(done.stdout.strip())
