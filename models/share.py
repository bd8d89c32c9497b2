"""Deals devices to ingesters: which share a device is in, and who may take which share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.errors import Refusal
from models.heartbeat import Heartbeat, Lease
from models.lease import hold
from models.reasons import reason

SHARE_LASTS = timedelta(seconds=5)
_SHARE, _INGESTER, _AGREED = "share/", "ingester/", "shares"
_FORGOTTEN_AFTER = timedelta(minutes=10)
Gone = Callable[[str], bool]


def share_of(device: str, shares: int) -> int:
    """Return the number of a device's share, from 0. The same for ever, on every machine."""
    if shares == 1:
        return 0
    digest = blake2b(device.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) % shares


def lease_name(number: int) -> str:
    """Return the name of a share's lease."""
    return f"{_SHARE}{number}"


def role_of(number: int) -> str:
    """Return the role under which a share's owner beats: `ingest`, `ingest/1`, …"""
    return f"ingest/{number}" if number else "ingest"


def number_of(role: str) -> int:
    """Return the number of the share whose owner beats under a role."""
    return int(role.partition("/")[2] or 0)


def shares_agreed(session: Session) -> int:
    """Return into how many shares the devices are dealt."""
    return session.scalar(select(Lease.token).where(Lease.name == _AGREED)) or 1


def agree(session: Session, shares: int, holder: str, machine_now: datetime, gone: Gone) -> None:
    """Settle the number of shares. Raises Refusal while ingesters with another number live."""
    row = session.scalars(select(Lease).where(Lease.name == _AGREED).with_for_update()).first()
    if row is None:
        row = Lease(name=_AGREED, holder=holder, token=shares, until=machine_now)
        session.add(row)
        session.flush()
    if row.token == shares:
        return
    others = _live(session, _SHARE, machine_now, gone) | _live(
        session, _INGESTER, machine_now, gone
    )
    if others - {holder}:
        raise Refusal(reason("shares.disagree", here=shares, there=row.token))
    row.token = shares
    for beat in session.scalars(select(Heartbeat).where(Heartbeat.role.startswith("ingest/"))):
        if number_of(beat.role) >= shares:
            session.delete(beat)


def join(session: Session, holder: str, machine_now: datetime, gone: Gone) -> int:
    """Be one of the ingesters for another while; return how many there are. The caller commits."""
    hold(session, _INGESTER + holder, holder, machine_now, SHARE_LASTS)
    session.flush()
    old = Lease.name.startswith(_INGESTER) & (Lease.until < machine_now - _FORGOTTEN_AFTER)
    session.execute(delete(Lease).where(old).execution_options(synchronize_session=False))
    return len(_live(session, _INGESTER, machine_now, gone) | {holder})


def leave(session: Session, holder: str) -> None:
    """Be no ingester any more; the caller commits."""
    session.execute(delete(Lease).where(Lease.name == _INGESTER + holder))


def take_share(
    session: Session, number: int, holder: str, machine_now: datetime, gone: Gone
) -> int | None:
    """Take a share that nobody holds; return its fencing token, None where it is held."""
    return hold(session, lease_name(number), holder, machine_now, SHARE_LASTS, gone)


def _live(session: Session, kind: str, machine_now: datetime, gone: Gone) -> set[str]:
    rows = session.scalars(
        select(Lease.holder).where(Lease.name.startswith(kind), Lease.until > machine_now)
    )
    return {holder for holder in rows if not gone(holder)}
