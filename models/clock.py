"""Site time: what the readings, rules and deadlines live in; one row that all processes read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.pulse import bump

TICK = timedelta(seconds=60)


class SiteClock(Base):
    """`real`: the machine's time. `running`: from `site_at` at `speed`. `led`: by the simulator.

    While led, `site_at` is what the simulator has published and the ingester committed; it moves
    in the transaction that commits it. `target_at` is how far `advance` asks to go.
    """

    __tablename__ = "site_clock"

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(default="real")
    site_at: Mapped[datetime]
    since: Mapped[datetime]  # machine time at which `site_at` held
    speed: Mapped[float] = mapped_column(default=1.0)
    paused: Mapped[bool] = mapped_column(default=False)
    target_at: Mapped[datetime | None]
    stop_at_alert: Mapped[str | None]  # fall to life's speed at an alert of this severity

    def now(self, machine_now: datetime) -> datetime:
        """Return the site's instant at a machine instant."""
        if self.mode == "real":
            return machine_now
        if self.mode == "led" or self.paused:
            return self.site_at
        return self.site_at + (machine_now - self.since) * self.speed

    def move_to(self, at: datetime, machine_now: datetime) -> None:
        """Move the clock forward to `at`; it never goes back."""
        if at > self.site_at:
            self.site_at = at
            self.since = machine_now

    def set_pace(
        self, machine_now: datetime, *, speed: float | None = None, paused: bool | None = None
    ) -> None:
        """Change speed or pause from now on, without a jump."""
        self.site_at = self.now(machine_now)
        self.since = machine_now
        if speed is not None:
            self.speed = speed
        if paused is not None:
            self.paused = paused


class Clock(Protocol):
    """What the edges take: the row's clock, or one in memory for a rehearsal."""

    def now(self) -> datetime:
        """Return the site's instant, UTC."""


@dataclass
class HeldClock:
    """A clock that stands where it is put: rehearsals and tests."""

    at: datetime

    def now(self) -> datetime:
        """Return the instant that it was put to."""
        return self.at


@dataclass(frozen=True)
class ClockStart:
    """How a clock begins: `2022-03-14T00:00:00+08:00*300`."""

    site_at: datetime
    speed: float


def site_clock(session: Session) -> SiteClock | None:
    """Return the clock row; None where the installation lives in real time."""
    return session.get(SiteClock, 1)


def site_now(session: Session) -> datetime:
    """Return the site's instant from the row."""
    row = site_clock(session)
    return machine_now() if row is None else row.now(machine_now())


def start_clock(session: Session, start: ClockStart | None, mode: str = "running") -> SiteClock:
    """Fill the clock row where it is empty; a clock that has run goes on. The caller commits."""
    row = site_clock(session)
    if row is None:
        real = start is None
        at = machine_now()
        row = SiteClock(
            id=1,
            mode="real" if real else mode,
            site_at=at if start is None else start.site_at,
            since=at,
            speed=1.0 if start is None else start.speed,
        )
        session.add(row)
        bump(session)
    elif row.mode == "running":
        row.since = machine_now()  # a stop freezes site time; a restart goes on from it
    return row


def machine_now() -> datetime:
    """Return real time; only edges and this module may ask for it."""
    return datetime.now(UTC)
