"""Reads a sensor's past: raw values, hours and days, with its epochs' corrections applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.bars import Bar, day_end_ms, day_start_ms, hour_end_ms, is_rain, make_hour, of_hours
from models.reading import DAY_S, HOUR_S, Reading, Rollup, SensorState
from models.sensor import Epoch, Sensor
from models.times import to_ms

RESOLUTIONS = ("raw", "hour", "day", "auto")
MOST_RAW = 20_000
GOOD_ENOUGH = 3  # quality flags up to this one are believable


class Point(NamedTuple):
    """A raw reading: the corrected value, and the value as it came."""

    at_ms: int
    value: float | None
    quality: int
    raw: float | None


DELAYED_AFTER_MS = 600_000  # design §3.6: over three intervals, at least ten minutes


@dataclass(frozen=True, slots=True)
class Latest:
    """What a sensor said last, and whether it is still speaking."""

    at_ms: int | None
    value: float | None
    quality: int | None
    heard_ms: int | None
    silent_since_ms: int | None

    def standing(self, now_ms: int, interval_s: int) -> str:
        """Return `never`, `unknown` (silent), `stale` or `fresh`. Never 'normal'."""
        if self.heard_ms is None:
            return "never"
        if self.silent_since_ms is not None:
            return "unknown"
        interval_ms = interval_s * 1000
        told_ms = self.heard_ms if self.at_ms is None else self.at_ms
        late = now_ms - self.heard_ms > 2 * interval_ms
        # One that speaks but only tells of long ago says nothing of now.
        old = now_ms - told_ms > max(3 * interval_ms, DELAYED_AFTER_MS)
        return "stale" if late or old else "fresh"


NEVER = Latest(None, None, None, None, None)


def latest(session: Session, keys: Iterable[int]) -> dict[int, Latest]:
    """Return what each sensor said last; one query."""
    rows = session.scalars(select(SensorState).where(SensorState.sensor.in_(list(keys))))
    return {
        row.sensor: Latest(row.at_ms, row.value, row.quality, row.heard_ms, row.silent_since_ms)
        for row in rows
    }


def raw(
    session: Session, sensor: Sensor, since: datetime, until: datetime, most: int | None = None
) -> list[Point]:
    """Return the raw readings of `(since, until]`, in order, corrected by their epochs."""
    correct = Correction(sensor.epochs)
    rows = session.execute(raw_statement(sensor.key, to_ms(since), to_ms(until), most))
    return [
        Point(at_ms, correct(at_ms, value), quality, value if came is None else came)
        for at_ms, value, quality, came in rows
    ]


def raw_statement(key: int, since_ms: int, until_ms: int, most: int | None = None):  # type: ignore[no-untyped-def]
    """Return the select of (at_ms, value, quality, raw) of a stretch; uncorrected."""
    statement = (
        select(Reading.at_ms, Reading.value, Reading.quality, Reading.raw)
        .where(Reading.sensor == key, Reading.at_ms > since_ms, Reading.at_ms <= until_ms)
        .order_by(Reading.at_ms)
    )
    return statement if most is None else statement.limit(most)


def first_ms(session: Session, key: int, since_ms: int) -> int | None:
    """Return the instant of a sensor's first reading after `since_ms`."""
    return session.scalar(
        select(Reading.at_ms)
        .where(Reading.sensor == key, Reading.at_ms > since_ms)
        .order_by(Reading.at_ms)
        .limit(1)
    )


class Correction:
    """Applies the epoch that covers an instant: `value × scale + offset`."""

    def __init__(self, epochs: Sequence[Epoch]) -> None:
        self._steps = [(to_ms(e.since), e.scale, e.offset) for e in epochs]
        self._plain = all(scale == 1.0 and not offset for _, scale, offset in self._steps)

    def __call__(self, at_ms: int, value: float | None) -> float | None:
        """Return the value as the site understands it."""
        if self._plain or value is None:
            return value
        for since_ms, scale, offset in reversed(self._steps):
            if at_ms > since_ms:
                return value * scale + offset
        return value


def bars(
    session: Session, sensor: Sensor, span_s: int, since: datetime, until: datetime
) -> list[Bar]:
    """Return hours or days whose ends lie in `(since, until]`, and the one that is growing."""
    zone = sensor.site.timezone
    found = _written(session, sensor, span_s, to_ms(since), to_ms(until), zone)
    if is_rain(sensor.quantity):
        return found
    correct = Correction(sensor.epochs)
    return [
        bar._replace(
            value=correct(bar.end_ms, bar.value),
            min=correct(bar.end_ms, bar.min),
            max=correct(bar.end_ms, bar.max),
        )
        for bar in found
    ]


def _written(
    session: Session, sensor: Sensor, span_s: int, since_ms: int, until_ms: int, zone: str
) -> list[Bar]:
    rows = session.execute(
        select(Rollup.end_ms, Rollup.value, Rollup.min, Rollup.max, Rollup.count, Rollup.quality)
        .where(
            Rollup.sensor == sensor.key,
            Rollup.span_s == span_s,
            Rollup.end_ms > since_ms,
            Rollup.end_ms <= until_ms,
        )
        .order_by(Rollup.end_ms)
    )
    found = [Bar(*row) for row in rows]
    newest_ms = session.scalar(select(SensorState.at_ms).where(SensorState.sensor == sensor.key))
    if newest_ms is None or newest_ms <= since_ms:
        return found
    hour_ms = hour_end_ms(newest_ms)
    if span_s == HOUR_S:
        # A reading out of order may have written the hour that is still growing.
        found = [bar for bar in found if bar.end_ms < hour_ms]
        if hour_ms - HOUR_S * 1000 < until_ms:
            found.append(make_hour(session, sensor.key, sensor.quantity, hour_ms))
        return found
    day_ms = day_end_ms(newest_ms, zone)
    start_ms = day_start_ms(day_ms, zone)
    found = [bar for bar in found if bar.end_ms < day_ms]
    if start_ms < until_ms:
        hours = _written(session, sensor, HOUR_S, start_ms, day_ms, zone)
        found.append(of_hours(day_ms, hours, sensor.quantity))
    return found


def resolution_for(since: datetime, until: datetime, interval_s: int) -> str:
    """Return the finest resolution of which a chart of the span stays below 2,000 points."""
    span_s = (until - since).total_seconds()
    if span_s / max(interval_s, 1) <= 2000:
        return "raw"
    return "hour" if span_s / HOUR_S <= 9000 else "day"


def span_of(resolution: str) -> int:
    """Return the seconds of `hour` or `day`."""
    return {"hour": HOUR_S, "day": DAY_S}[resolution]
