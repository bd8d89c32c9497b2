"""What tests ask of stored readings, wherever these lie, and how they put some there."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from models.packed import Stored
from models.reading import ReadingMark, RecentReading
from models.sensor import Sensor
from models.stored import everything


def readings_of(session: Session, key: int | None = None) -> list[Stored]:
    """Return the readings of one sensor, or of all, by sensor and time."""
    return [one for sensor, one in everything(session) if key in (None, sensor)]


def readings_named(session: Session, code: str) -> list[Stored]:
    """Return the readings of the sensor with this code."""
    return readings_of(session, session.scalars(select(Sensor.key).filter_by(code=code)).one())


def put_readings(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put readings among the recent ones, without the ingester."""
    session.execute(insert(RecentReading), list(rows))


def count_as_moved(session: Session, until_ms: int) -> None:
    """Let rollups that a test wrote itself count: up to here hours are whole."""
    session.execute(update(ReadingMark).values(closed_ms=until_ms, moved_ms=until_ms))
