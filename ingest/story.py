"""Steers the clock of a demo: fast until an alert, then at life's speed until somebody acts."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.alert import SEVERITIES, rank
from models.clock import SiteClock, machine_now, site_clock
from models.event import Event
from models.store import Store
from models.times import iso

log = logging.getLogger(__name__)

STANDS_S = 60.0
GOES_ON_AT = 60.0


@dataclass
class Story:
    """Falls to life's speed at the alert that the row names.

    With `goes_on` it runs on when somebody has acted, or by itself after a minute; a pace that
    somebody has set meanwhile is kept.
    """

    goes_on: bool = False
    modes: tuple[str, ...] = ("led",)
    _since_event: int | None = None
    _stopped_s: float | None = None

    def __call__(self, store: Store) -> None:
        """Look, and change the pace where it is time to."""
        with store.reading() as session:
            change = self._change(session)
        if change is None:
            return
        with store.writing() as session:
            row = site_clock(session)
            if row is not None:
                row.set_pace(machine_now(), speed=change)
                row.stop_at_alert = None
                log.info("pace speed=%g at=%s", change, iso(row.site_at))

    def _change(self, session: Session) -> float | None:
        """Return the speed to change to, None to leave it."""
        row = site_clock(session)
        if row is None or row.mode not in self.modes:
            return None
        newest = session.scalar(select(func.max(Event.number))) or 0
        if self._since_event is None:
            self._begin(row, newest)
        if row.stop_at_alert is not None and self._alarmed(session, row.stop_at_alert):
            self._since_event, self._stopped_s = newest, time.monotonic()
            return 1.0
        if row.stop_at_alert is None and self._stopped_s is None:
            self._since_event = newest
        return self._goes_on(session, row)

    def _begin(self, row: SiteClock, newest: int) -> None:
        """After a restart at life's speed it is as if the alert had just come."""
        self._since_event = newest
        if row.speed == 1.0 and row.stop_at_alert is None and not row.paused:
            self._stopped_s = time.monotonic()

    def _goes_on(self, session: Session, row: SiteClock) -> float | None:
        if self._stopped_s is None:
            return None
        if row.speed != 1.0 or row.paused or not self.goes_on:
            self._stopped_s = None
            return None
        waited_s = time.monotonic() - self._stopped_s
        if waited_s < STANDS_S and not self._somebody_acted(session):
            return None
        self._stopped_s = None
        return GOES_ON_AT

    def _alarmed(self, session: Session, severity: str) -> bool:
        wanted = [one for one in SEVERITIES if rank(one) >= rank(severity)]
        return self._any(
            session,
            Event.kind == "alert",
            Event.action.in_(["raised", "escalated"]),
            Event.after.in_(wanted),
        )

    def _somebody_acted(self, session: Session) -> bool:
        return self._any(
            session,
            Event.by_kind.in_(["person", "token"]),
            Event.kind.in_(["alert", "closure", "incident"]),
        )

    def _any(self, session: Session, *conditions: object) -> bool:
        newer = select(Event.number).where(Event.number > (self._since_event or 0), *conditions)  # type: ignore[arg-type]
        return session.scalars(newer.limit(1)).first() is not None
