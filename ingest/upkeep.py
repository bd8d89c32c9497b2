"""Puts sensors that need a hand on the maintenance list; what is found is read first."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.alert import Alert
from models.clock import machine_now, site_now
from models.closure import IN_FORCE, Closure
from models.maintenance import LIVE, Maintenance, open_maintenance
from models.people import machine
from models.sensor import Sensor
from models.sensor_signs import Sign, right_clocks, signs
from models.store import Store
from models.zoning import zone_scope

CLOCK = machine("clock")
EVERY = timedelta(minutes=10)  # of site time


@dataclass
class Upkeep:
    """Looks every ten minutes of site time. What it finds it finds again: nothing is remembered."""

    _looked_at: datetime | None = None

    def __call__(self, store: Store) -> None:
        """Look, if it is time."""
        with store.reading() as session:
            now = site_now(session)
            last = self._looked_at
            if last is not None and last <= now < last + EVERY:
                return
            found = signs(session, now, machine_now())
            idle = not (found or _of_retired(session) or right_clocks(session))
        self._looked_at = now
        if idle:
            return
        with store.writing() as session:
            take(session, found, now)


def take(session: Session, found: Iterable[Sign], now: datetime) -> list[Maintenance]:
    """Open what was found, and end what is over by itself; the caller commits.

    That is the work at retired sensors, and at clocks that are right again: a clock is all that was
    wrong. What is heard again may have been silent for a reason, and stays.
    """
    for row in _of_retired(session):
        row.end_with_sensor(by=CLOCK, now=now)
    for row in right_clocks(session):
        row.end_with_right_clock(by=CLOCK, now=now)
    opened = []
    by_id = {sign.sensor.id: sign for sign in found}
    urgent = _urgent(session, by_id) if by_id else set()
    for sign in found:
        sensor = session.get_one(Sensor, sign.sensor.id)
        severity = "high" if sensor.id in urgent else sign.severity
        opened.append(
            open_maintenance(
                session,
                sensor,
                sign.kind,
                severity,
                sign.reason,
                since=sign.since,
                by=CLOCK,
                now=now,
            )
        )
    return opened


def _of_retired(session: Session) -> list[Maintenance]:
    mine = select(Maintenance).join(Maintenance.sensor)
    gone = mine.where(Maintenance.state.in_(LIVE), Sensor.retired_at.is_not(None))
    return list(session.scalars(gone))


def _urgent(session: Session, sensors: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return those whose zone is shut, or on which a high alert hangs: people wait for them."""
    wanted = list(sensors)
    alerts = select(Alert.sensor_id).where(
        Alert.live, Alert.severity.in_(("high", "critical")), Alert.sensor_id.in_(wanted)
    )
    urgent = {one for one in session.scalars(alerts) if one is not None}
    shut = session.scalars(
        select(Closure).where(Closure.state.in_(IN_FORCE)).options(joinedload(Closure.zone))
    ).all()
    if not shut:
        return urgent
    rows = session.scalars(
        select(Sensor).where(Sensor.id.in_(wanted)).options(joinedload(Sensor.site))
    ).all()
    for closure in shut:
        scope = zone_scope(session, closure.zone)
        at_site = [one for one in rows if one.site_id == closure.site_id]
        urgent |= {one.id for one in at_site if scope.covers_sensor(one)}
    return urgent
