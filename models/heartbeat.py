"""Signs of life: each role says when it last turned, and up to which site instant it is done."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.clock import machine_now


class Heartbeat(Base):
    """A role's last turn; all that fell due until site instant `done_until` is done."""

    __tablename__ = "heartbeat"

    role: Mapped[str] = mapped_column(primary_key=True)  # ingest | clock | work | web | simulate
    beat_at: Mapped[datetime]  # machine time
    done_until: Mapped[datetime | None]
    pid: Mapped[int | None]
    facts: Mapped[dict[str, Any] | None]


class Lease(Base):
    """Who may do a thing that only one may do; the token fences off a sleeper who wakes."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    token: Mapped[int]
    until: Mapped[datetime]  # machine time


# A role that has not turned for this long is taken for dead.
DEAD_AFTER = timedelta(seconds=15)
# A fact of the ingester: site milliseconds; silence of before tells nothing of a sensor.
LISTENING_SINCE = "listening_since_ms"
# Another: by how much the rows of sensors may lag behind what was heard of them.
ROWS_LAG = "rows_lag_ms"


def beat(
    session: Session,
    role: str,
    *,
    done_until: datetime | None = None,
    pid: int | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Say that a role has turned; what isn't given stays. The caller commits."""
    row = session.get(Heartbeat, role)
    if row is None:
        row = Heartbeat(role=role, beat_at=machine_now())
        session.add(row)
    row.beat_at = machine_now()
    row.done_until = done_until or row.done_until
    row.pid = pid or row.pid
    row.facts = facts if facts is not None else row.facts


def note_fact(session: Session, role: str, name: str, value: Any) -> None:
    """Let others know one thing more of a role; the caller commits."""
    row = session.get(Heartbeat, role)
    if row is not None and (row.facts or {}).get(name) != value:
        row.facts = {**(row.facts or {}), name: value}


_INGESTERS = (Heartbeat.role == "ingest") | Heartbeat.role.startswith("ingest/")


def ingesters(session: Session) -> list[Heartbeat]:
    """Return the rows of the ingester, or of the owners of its shares where it has several."""
    return list(session.scalars(select(Heartbeat).where(_INGESTERS).order_by(Heartbeat.role)))


def rows_lag_ms() -> ScalarSelect[int]:
    """Return a column: by how much the rows of sensors may lag, 0 where they don't."""
    lags = Heartbeat.facts[ROWS_LAG].as_integer()
    return select(func.coalesce(func.max(lags), 0)).where(_INGESTERS).scalar_subquery()


def dead_roles(session: Session, roles: Iterable[str], now: datetime) -> list[str]:
    """Return the roles that have beaten once and not lately; `now` is machine time."""
    rows = session.scalars(select(Heartbeat).where(Heartbeat.role.in_(list(roles))))
    return sorted(row.role for row in rows if now - row.beat_at > DEAD_AFTER)
