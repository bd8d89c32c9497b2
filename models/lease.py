"""Lets one process do a thing while the others stand by; a token fences off one that woke late."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, select, text, update
from sqlalchemy.orm import Session

from models.heartbeat import Lease

LASTS = timedelta(seconds=10)


class LeaseLost(Exception):
    """Another holds the lease by now: nothing of this transaction may be kept."""


def hold(
    session: Session,
    name: str,
    holder: str,
    machine_now: datetime,
    lasts: timedelta = LASTS,
    gone: Callable[[str], bool] = lambda holder: False,
) -> int | None:
    """Take or keep a lease; return its token, None where another holds it. The caller commits.

    Asked in the same transaction as the work, so that whoever lost it can't write any more.
    `gone` says of a holder that it has certainly ended, so that nobody need wait for its lease.
    A row that is locked is in use, and not waited for.
    """
    free = select(Lease).where(Lease.name == name).with_for_update(skip_locked=True)
    row = session.scalars(free).first()
    until = machine_now + lasts
    if row is None:
        if session.scalar(select(Lease.name).where(Lease.name == name)) is not None:
            return None
        session.add(Lease(name=name, holder=holder, token=1, until=until))
        session.flush()
        return 1
    if row.holder != holder:
        if row.until > machine_now and not gone(row.holder):
            return None
        row.holder, row.token = holder, row.token + 1
    row.until = until
    return row.token


def fence(
    session: Session, name: str, holder: str, token: int, machine_now: datetime, lasts: timedelta
) -> None:
    """Prolong a lease and lock it to the end of the transaction. Raises LeaseLost.

    To be asked first in every transaction of the holder: whoever wants to take the lease over
    waits for the commit, or the commit fails. A holder that is stopped in the middle of a
    transaction would lock it for as long: the database ends such a transaction when the lease ends.
    """
    mine = (Lease.name == name, Lease.holder == holder, Lease.token == token)
    kept = session.execute(
        update(Lease)
        .where(*mine)
        .values(until=machine_now + lasts)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", kept).rowcount != 1:
        raise LeaseLost(name)
    if session.get_bind().dialect.name == "postgresql":
        idle_ms = int(lasts.total_seconds() * 1000)
        session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {idle_ms}"))


def let_go(session: Session, name: str, holder: str, machine_now: datetime) -> None:
    """Give a lease back at an orderly stop, so that the next need not wait for its end."""
    row = session.get(Lease, name)
    if row is not None and row.holder == holder:
        row.until = machine_now
