"""Signs of life: each role says when it last turned, and up to which site instant it is done."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


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
