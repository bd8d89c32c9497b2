"""Lets one process do a thing while the others stand by; a token fences off one that woke late."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.heartbeat import Lease

LASTS = timedelta(seconds=10)


def hold(session: Session, name: str, holder: str, machine_now: datetime) -> int | None:
    """Take or keep a lease; return its token, None where another holds it. The caller commits.

    Asked in the same transaction as the work, so that whoever lost it can't write any more.
    """
    row = session.scalars(select(Lease).where(Lease.name == name).with_for_update()).first()
    until = machine_now + LASTS
    if row is None:
        first = Lease(name=name, holder=holder, token=1, until=until)
        return first.token if _is_first(session, first) else None
    if row.holder != holder:
        if row.until > machine_now:
            return None
        row.holder, row.token = holder, row.token + 1
    row.until = until
    return row.token


def _is_first(session: Session, lease: Lease) -> bool:
    """Add the row; where another asked at the same moment, PostgreSQL waits to see who was it."""
    try:
        with session.begin_nested():
            session.add(lease)
    except IntegrityError:
        return False
    return True


def let_go(session: Session, name: str, holder: str, machine_now: datetime) -> None:
    """Give a lease back at an orderly stop, so that the next need not wait for its end."""
    row = session.get(Lease, name)
    if row is not None and row.holder == holder:
        row.until = machine_now
