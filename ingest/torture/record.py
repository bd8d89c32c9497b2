"""What a run leaves behind, without what says only when a process did it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ingest.moving import GRACE, close_hours
from models.alert import Alert
from models.happenings import rows as happenings
from models.notice import Notice
from models.reading import HOUR_S, RainEpisode, Rollup, WaitingReading
from models.readings import raw
from models.sensor import Sensor
from models.store import Store
from models.stored import hour_end_ms
from models.times import from_ms, iso

Place = tuple[str, str, int]
"""(device, channel, observed ms): by this one reading is told from all others."""

_EVER = datetime(1990, 1, 1, tzinfo=UTC), datetime(2190, 1, 1, tzinfo=UTC)
_TOLD = ("subject", "to", "severity", "observed_at")
# Silence in an outage is not the sensors'; that a role died is told as long as it is dead.
_OF_OUTAGES = ("unknown", "known")
_SYSTEM = "SYSTEM"


@dataclass(frozen=True)
class Record:
    """Readings, the hours and rain made of them, alerts in all their steps, and pages."""

    values: dict[Place, float | None]
    rollups: list[Any]
    rain: list[Any]
    alerts: list[Any]
    pages: list[str]
    until_ms: int = 0

    @classmethod
    def of(cls, store: Store, until_ms: int) -> Record:
        """Read it; the same for SQLite and PostgreSQL. All hours up to then are closed before."""
        close_hours(store, from_ms(until_ms))
        with store.reading() as session:
            hours = _all(session, Rollup.sensor, Rollup.span_s, Rollup.end_ms, Rollup.value)
            return cls(
                dict(_stored(session)),
                [hour for hour in hours if hour[2] < until_ms],
                _all(session, RainEpisode.began_ms, RainEpisode.last_rain_ms),
                _alerts(session),
                _pages(session),
                until_ms,
            )

    def hours_left_open(self) -> set[str]:
        """Return which hours are over and hold readings, and nothing was made of them."""
        over_ms = self.until_ms - GRACE // timedelta(milliseconds=1)
        held = {hour_end_ms(at_ms) for _, _, at_ms in self.values}
        made = {end_ms for _, span_s, end_ms, _ in self.rollups if span_s == HOUR_S}
        return {iso(end_ms) for end_ms in held - made if end_ms <= over_ms}


def stored(store: Store) -> list[tuple[Place, float | None]]:
    """Return every reading with its place: bound, or waiting to be claimed."""
    with store.reading() as session:
        if not store.is_sqlite:  # one state for all sensors, while others write
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return list(_stored(session))


def is_sound(store: Store) -> bool:
    """Whether the database file is whole; PostgreSQL sees to that by its own log."""
    if not store.is_sqlite:
        return True
    with store.reading() as session:
        return bool(session.scalar(text("PRAGMA integrity_check")) == "ok")


def _stored(session: Session) -> Iterable[tuple[Place, float | None]]:
    for sensor in session.scalars(select(Sensor).order_by(Sensor.key)):
        source = sensor.epochs[-1]
        for point in raw(session, sensor, *_EVER):
            yield (source.device or "", source.channel or "", point.at_ms), point.value
    waiting = select(
        WaitingReading.device, WaitingReading.channel, WaitingReading.at_ms, WaitingReading.value
    )
    for device, channel, at_ms, value in session.execute(waiting):
        yield (device, channel, at_ms), value


def _all(session: Session, *columns: Any) -> list[Any]:
    return sorted((tuple(row) for row in session.execute(select(*columns))), key=repr)


def _alerts(session: Session) -> list[Any]:
    """Return (rule, version, subject, to, level, observed_at) of every step."""
    found = session.execute(select(Alert.rule_code, Alert.rule_version).distinct())
    versions: dict[str, int] = dict(found.all())
    return sorted(
        (row["rule"], versions[row["rule"]], *(row[name] for name in _TOLD))
        for row in happenings(session)
        if row["kind"] == "alert"
        and row["to"] not in _OF_OUTAGES
        and not row["rule"].startswith(_SYSTEM)
    )


def _pages(session: Session) -> list[str]:
    """Return the keys of the pages of alerts; what escalates later depends on who is awake."""
    keys = session.scalars(select(Notice.key).where(Notice.kind == "page"))
    return sorted(key for key in keys if not key.startswith(_SYSTEM))
