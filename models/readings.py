"""Reads a sensor's past: raw values, hours and days, with its epochs' corrections applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Select, bindparam, select
from sqlalchemy.orm import Session

from models import stored
from models.bars import (
    NO_TREND,
    Bar,
    Trend,
    day_end_ms,
    day_start_ms,
    hours_of,
    is_rain,
    of_hours,
)
from models.heartbeat import rows_lag_ms
from models.packed import Stored
from models.reading import DAY_S, HOUR_S, Rollup, SensorState
from models.sensor import Sensor, counters_begin
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


# Asked of the table, not of the class: the ORM would take as long for a row as the database does.
_ROLLUP = Rollup.__table__.c
_LINE = (_ROLLUP.sensor, _ROLLUP.end_ms, _ROLLUP.value, _ROLLUP.min, _ROLLUP.max)
_WHERE = (
    _ROLLUP.sensor.in_(bindparam("keys", type_=Integer, expanding=True)),
    _ROLLUP.span_s == bindparam("span"),
    _ROLLUP.end_ms > bindparam("since", type_=BigInteger),
    _ROLLUP.end_ms <= bindparam("until", type_=BigInteger),
)
_WRITTEN = (
    select(*_LINE, _ROLLUP["count"], _ROLLUP.quality)
    .where(*_WHERE)
    .order_by(_ROLLUP.sensor, _ROLLUP.end_ms)
)
_DRAWN = (
    select(*_LINE)
    .where(*_WHERE, _ROLLUP.value.is_not(None))
    .order_by(_ROLLUP.sensor, _ROLLUP.end_ms)
)

DELAYED_AFTER_MS = 600_000  # design §3.6: over three intervals, at least ten minutes


@dataclass(frozen=True, slots=True)
class Latest:
    """What a sensor said last, and whether it is still speaking."""

    at_ms: int | None
    value: float | None
    quality: int | None
    heard_ms: int | None
    silent_since_ms: int | None
    lag_ms: int = 0  # by how much this may lag behind what was heard

    def standing(self, now_ms: int, interval_s: int) -> str:
        """Return `never`, `unknown` (silent), `stale` or `fresh`. Never 'normal'."""
        if self.heard_ms is None:
            return "never"
        if self.silent_since_ms is not None:
            return "unknown"
        interval_ms = interval_s * 1000
        told_ms = self.heard_ms if self.at_ms is None else self.at_ms
        known_ms = now_ms - self.lag_ms  # up to when all is known that was heard
        late = known_ms - self.heard_ms > 2 * interval_ms
        # One that speaks but only tells of long ago says nothing of now.
        old = known_ms - told_ms > max(3 * interval_ms, DELAYED_AFTER_MS)
        return "stale" if late or old else "fresh"


NEVER = Latest(None, None, None, None, None)


def latest_columns() -> tuple[Any, ...]:
    """Return the columns of a `Latest`, in its order."""
    return (
        SensorState.at_ms,
        SensorState.value,
        SensorState.quality,
        SensorState.heard_ms,
        SensorState.silent_since_ms,
        rows_lag_ms(),
    )


def latest(session: Session, keys: Iterable[int]) -> dict[int, Latest]:
    """Return what each sensor said last; one query."""
    rows = session.execute(
        select(SensorState.sensor, *latest_columns()).where(SensorState.sensor.in_(list(keys)))
    )
    return {sensor: Latest(*said) for sensor, *said in rows}


def raw(
    session: Session, sensor: Sensor, since: datetime, until: datetime, most: int | None = None
) -> list[Point]:
    """Return the raw readings of `(since, until]`, in order, corrected by their epochs."""
    correct = Correction(sensor)
    rows = islice(stored.between(session, sensor.key, to_ms(since), to_ms(until)), most)
    return [
        Point(at_ms, correct(at_ms, value), quality, value if came is None else came)
        for at_ms, value, quality, came, _ in rows
    ]


class Correction:
    """Applies the epoch that covers an instant: `value × scale + offset`.

    Rain that fell is a difference of readings, so its millimetres are scaled alone; and an
    increment of rain is such a difference itself.
    """

    def __init__(self, sensor: Sensor) -> None:
        self._rain = is_rain(sensor.quantity)
        shifts = sensor.quantity != "rain_increment"
        self._steps = [(to_ms(e.since), e.scale, e.offset * shifts) for e in sensor.epochs]
        self._plain = all(scale == 1.0 and not offset for _, scale, offset in self._steps)

    def __call__(self, at_ms: int, value: float | None) -> float | None:
        """Return a reading as the site understands it."""
        if self._plain or value is None:
            return value
        scale, offset = self._at(at_ms)
        return value * scale + offset

    def fallen(self, at_ms: int, rain: float) -> float:
        """Return how much rain fell where the readings as stored credit so much."""
        return rain if self._plain else rain * self._at(at_ms)[0]

    def of_span(self, end_ms: int, value: float | None) -> float | None:
        """Return a value of an hour or a day as the site understands it."""
        if value is None or not self._rain:
            return self(end_ms, value)
        return self.fallen(end_ms, value)

    def bar(self, bar: Bar) -> Bar:
        """Return an hour or a day as the site understands it."""
        if self._plain or bar.value is None:
            return bar
        value, *ends = (self.of_span(bar.end_ms, one) for one in (bar.value, bar.min, bar.max))
        low, high = sorted(one for one in ends if one is not None)  # a scale may be negative
        return bar._replace(value=value, min=low, max=high)

    def trend(self, trend: Trend) -> Trend:
        """Return hours or days, which lie by their ends, as the site understands them."""
        if self._plain:
            return trend
        at_ms, *columns = trend
        corrected: Any = [list(map(self.of_span, at_ms, column)) for column in columns]
        values, one, other = corrected
        # A scale may be negative.
        return Trend(at_ms, values, list(map(min, one, other)), list(map(max, one, other)))

    def _at(self, at_ms: int) -> tuple[float, float]:
        """Return scale and offset of an instant."""
        for since_ms, scale, offset in reversed(self._steps):
            if at_ms > since_ms:
                return scale, offset
        return 1.0, 0.0


def bars(
    session: Session, sensor: Sensor, span_s: int, since: datetime, until: datetime
) -> list[Bar]:
    """Return hours or days whose ends lie in `(since, until]`, and the one that is growing."""
    found = bars_of(session, [sensor], span_s, to_ms(since), to_ms(until))[sensor.key]
    return list(map(Correction(sensor).bar, found))


def bars_of(
    session: Session, sensors: Iterable[Sensor], span_s: int, since_ms: int, until_ms: int
) -> dict[int, list[Bar]]:
    """Return hours or days by sensor's key, uncorrected: those that end in `(since, until]`, and
    the one that is growing.

    What is not written yet is made of the readings; a fixed number of queries.
    """
    named = {sensor.key: sensor for sensor in sensors}
    return _bars(session, named, span_s, since_ms, until_ms, stored.moved_ms(session))


def _bars(
    session: Session,
    named: Mapping[int, Sensor],
    span_s: int,
    since_ms: int,
    until_ms: int,
    moved_ms: int,
) -> dict[int, list[Bar]]:
    found: dict[int, list[Bar]] = {key: [] for key in named}
    for key, *bar in _written(session, named, span_s, since_ms, min(until_ms, moved_ms)):
        found[key].append(Bar(*bar))
    for key, growing in _growing(session, named, span_s, since_ms, until_ms, moved_ms).items():
        found[key] += growing
    return found


def trends_of(
    session: Session, sensors: Iterable[Sensor], span_s: int, since_ms: int, until_ms: int
) -> dict[int, Trend]:
    """Return the same of `bars_of` as charts read it: those with a value, by their ends."""
    named = {sensor.key: sensor for sensor in sensors}
    moved_ms = stored.moved_ms(session)
    rows = _written(session, named, span_s, since_ms, min(until_ms, moved_ms), _DRAWN)
    written = {key: list(bars) for key, bars in groupby(rows, key=itemgetter(0))}
    growing = _growing(session, named, span_s, since_ms, until_ms, moved_ms)
    found = {}
    for key in named:
        drawn = written.get(key, [])
        drawn += [(key, *bar[:4]) for bar in growing.get(key, ()) if bar.value is not None]
        found[key] = Trend(*list(zip(*drawn, strict=True))[1:]) if drawn else NO_TREND
    return found


def _growing(
    session: Session,
    named: Mapping[int, Sensor],
    span_s: int,
    since_ms: int,
    until_ms: int,
    moved_ms: int,
) -> dict[int, list[Bar]]:
    """Return the hours or days that are not written yet, made of what is."""
    if span_s == HOUR_S:
        return _growing_hours(session, named, since_ms, until_ms, moved_ms)
    return _growing_days(session, named, since_ms, until_ms, moved_ms)


def _growing_hours(
    session: Session, named: Mapping[int, Sensor], since_ms: int, until_ms: int, moved_ms: int
) -> dict[int, list[Bar]]:
    since_ms = max(moved_ms, since_ms // HOUR_MS * HOUR_MS)
    until_ms = hour_end_ms(until_ms)
    if since_ms >= until_ms:
        return {}
    counters = [key for key, sensor in named.items() if sensor.quantity == "rain_total"]
    begins = counters_begin(session, counters)
    return {
        key: _open_hours(session, named[key], readings, begins.get(key, ()))
        for key, readings in stored.of_many(session, named, since_ms, until_ms).items()
    }


def _growing_days(
    session: Session, named: Mapping[int, Sensor], since_ms: int, until_ms: int, moved_ms: int
) -> dict[int, list[Bar]]:
    open_since = {
        zone: max(since_ms, day_start_ms(day_end_ms(moved_ms + 1, zone), zone))
        for zone in {sensor.site.timezone for sensor in named.values()}
    }
    if not open_since or min(open_since.values()) >= until_ms:
        return {}
    hours = _bars(session, named, HOUR_S, min(open_since.values()), until_ms, moved_ms)
    found = {}
    for key, sensor in named.items():
        zone = sensor.site.timezone
        days: dict[int, list[Bar]] = {}
        for hour in hours[key]:
            end_ms = day_end_ms(hour.end_ms, zone)
            if end_ms > max(moved_ms, since_ms):
                days.setdefault(end_ms, []).append(hour)
        found[key] = [of_hours(end_ms, day, sensor.quantity) for end_ms, day in days.items()]
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
    session: Session,
    keys: Iterable[int],
    span_s: int,
    since_ms: int,
    until_ms: int,
    wanted: Select[*tuple[Any, ...]] = _WRITTEN,
) -> Iterable[Sequence[Any]]:
    """Return rows of what was written, by sensor and time."""
    if since_ms >= until_ms:
        return ()
    told = {"keys": list(keys), "span": span_s, "since": since_ms, "until": until_ms}
    return session.execute(wanted, told).all()


def resolution_for(since: datetime, until: datetime, interval_s: int) -> str:
    """Return the finest resolution of which a chart of the span stays below 2,000 points."""
    span_s = (until - since).total_seconds()
    if span_s / max(interval_s, 1) <= 2000:
        return "raw"
    return "hour" if span_s / HOUR_S <= 9000 else "day"


def span_of(resolution: str) -> int:
    """Return the seconds of `hour` or `day`."""
    return {"hour": HOUR_S, "day": DAY_S}[resolution]
