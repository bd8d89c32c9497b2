"""Reads a sensor's past: raw values, hours and days, with its epochs' corrections applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple, cast

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from models import stored
from models.bars import Bar, day_end_ms, day_start_ms, hours_of, is_rain, of_hours
from models.packed import Stored
from models.reading import DAY_S, HOUR_S, Rollup, SensorState
from models.sensor import Epoch, Sensor, counters_begin
from models.stored import HOUR_MS, hour_end_ms
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


_ROLLUP = cast(Table, Rollup.__table__).c
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
    rows = islice(stored.between(session, sensor.key, to_ms(since), to_ms(until)), most)
    return [
        Point(at_ms, correct(at_ms, value), quality, value if came is None else came)
        for at_ms, value, quality, came, _ in rows
    ]


class Correction:
    """Applies the epoch that covers an instant: `value × scale + offset`."""

    def __init__(self, epochs: Sequence[Epoch]) -> None:
        self._steps = [(to_ms(e.since), e.scale, e.offset) for e in epochs]
        self.changes_nothing = all(scale == 1.0 and not offset for _, scale, offset in self._steps)

    def __call__(self, at_ms: int, value: float | None) -> float | None:
        """Return the value as the site understands it."""
        if self.changes_nothing or value is None:
            return value
        for since_ms, scale, offset in reversed(self._steps):
            if at_ms > since_ms:
                return value * scale + offset
        return value


def bars(
    session: Session, sensor: Sensor, span_s: int, since: datetime, until: datetime
) -> list[Bar]:
    """Return hours or days whose ends lie in `(since, until]`, and the one that is growing."""
    found = bars_of(session, [sensor], span_s, to_ms(since), to_ms(until))[sensor.key]
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


def bars_of(
    session: Session, sensors: Iterable[Sensor], span_s: int, since_ms: int, until_ms: int
) -> dict[int, list[Bar]]:
    """Return hours or days by sensor's key, uncorrected: those that end in `(since, until]`, and
    the one that is growing.

    What is not written yet is made of the readings; a fixed number of queries.
    """
    named = {sensor.key: sensor for sensor in sensors}
    moved_ms = stored.moved_ms(session)
    if span_s == HOUR_S:
        return _hours(session, named, since_ms, until_ms, moved_ms)
    found = _written(session, named, DAY_S, since_ms, min(until_ms, moved_ms))
    open_since = {
        zone: max(since_ms, day_start_ms(day_end_ms(moved_ms + 1, zone), zone))
        for zone in {sensor.site.timezone for sensor in named.values()}
    }
    if not open_since or min(open_since.values()) >= until_ms:
        return found
    hours = _hours(session, named, min(open_since.values()), until_ms, moved_ms)
    for key, sensor in named.items():
        zone = sensor.site.timezone
        days: dict[int, list[Bar]] = {}
        for hour in hours[key]:
            end_ms = day_end_ms(hour.end_ms, zone)
            if end_ms > max(moved_ms, since_ms):
                days.setdefault(end_ms, []).append(hour)
        found[key] += [of_hours(end_ms, day, sensor.quantity) for end_ms, day in days.items()]
    return found


def _hours(
    session: Session, named: Mapping[int, Sensor], since_ms: int, until_ms: int, moved_ms: int
) -> dict[int, list[Bar]]:
    found = _written(session, named, HOUR_S, since_ms, min(until_ms, moved_ms))
    since_ms = max(moved_ms, since_ms // HOUR_MS * HOUR_MS)
    until_ms = hour_end_ms(until_ms)
    if since_ms >= until_ms:
        return found
    counters = [key for key, sensor in named.items() if sensor.quantity == "rain_total"]
    begins = counters_begin(session, counters)
    for key, readings in stored.of_many(session, named, since_ms, until_ms).items():
        found[key] += _open_hours(session, named[key], readings, begins.get(key, ()))
    return found


def _open_hours(
    session: Session, sensor: Sensor, readings: Sequence[Stored], begins_ms: Sequence[int]
) -> list[Bar]:
    """Return the hours of some readings that lie in whole hours, in order of time."""
    before = None
    if sensor.quantity == "rain_total" and readings:
        before = stored.last_good(session, sensor.key, hour_end_ms(readings[0].at_ms) - HOUR_MS)
    return hours_of(readings, sensor.quantity, before, begins_ms)


def _written(
    session: Session, named: Mapping[int, Sensor], span_s: int, since_ms: int, until_ms: int
) -> dict[int, list[Bar]]:
    # A year has 8,760 hours: by way of the session's rows and the bar's class they took most of the
    # time of a sensor's page. All are numbers, which the drivers give as they are.
    found: dict[int, list[Bar]] = {key: [] for key in named}
    if since_ms >= until_ms:
        return found
    rows = session.connection().execute(
        select(_ROLLUP.sensor, *(_ROLLUP[name] for name in Bar._fields))
        .where(
            _ROLLUP.sensor.in_(list(named)),
            _ROLLUP.span_s == span_s,
            _ROLLUP.end_ms > since_ms,
            _ROLLUP.end_ms <= until_ms,
        )
        .order_by(_ROLLUP.sensor, _ROLLUP.end_ms)
    )
    plain = rows.cursor.fetchall() if rows.cursor is not None else ()
    rows.close()
    for key, of_sensor in groupby(plain, itemgetter(0)):
        found[key] = [tuple.__new__(Bar, row[1:]) for row in of_sensor]
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
