"""Lets go of what is kept for a time only: readings that nobody claimed, refused messages."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from models.clock import machine_now
from models.gap import Gap
from models.idempotency import forget_old_answers
from models.job import OVER, Job
from models.people import LoginAttempt, WebSession
from models.reading import Quarantined, WaitingReading
from models.times import to_ms

WAITING_FOR = timedelta(days=30)
QUARANTINE_FOR = timedelta(days=90)
GAPS_FOR = timedelta(days=366)
JOBS_FOR = timedelta(days=90)
ATTEMPTS_FOR = timedelta(days=1)


def tidy(session: Session, now: datetime) -> None:
    """Delete what is past its time; the caller commits. Evidence, events and alerts stay."""
    machine = machine_now()
    for statement in (
        delete(WaitingReading).where(WaitingReading.received_ms < to_ms(now - WAITING_FOR)),
        delete(Quarantined).where(Quarantined.received_at < now - QUARANTINE_FOR),
        delete(Gap).where(Gap.found_ms < to_ms(now - GAPS_FOR)),
        delete(Job).where(Job.state.in_(OVER), Job.ended_at < machine - JOBS_FOR),
        delete(WebSession).where(WebSession.expires_at < machine),
        delete(LoginAttempt).where(LoginAttempt.at < machine - ATTEMPTS_FOR),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
    forget_old_answers(session, machine)
