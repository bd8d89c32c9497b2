"""Reads a sensor's past as a chart draws it: few enough points, gaps as gaps, rain beside it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from models import readings, stored
from models.bars import Trend, is_rain
from models.reading import DAY_S, HOUR_S
from models.readings import Correction
from models.rules.rain import Gauge, mm_of
from models.sensor import Sensor
from models.stored import BELIEVABLE, HOUR_MS, is_good
from models.times import from_ms, to_ms

MOST_POINTS = 1000
MOST_COARSE = 400
MOST_RAW = 1500
# A gap is drawn where nothing was heard for three intervals: then a sensor counts as silent.
GAP_INTERVALS = 3
RAIN_BY_HOUR_UP_TO = timedelta(days=14)


class Spot(NamedTuple):
    """A point: an instant in ms, the value, and its extremes; None is a gap."""

    at_ms: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """What the chart draws of a sensor."""

    spots: Sequence[Spot]
    has_band: bool
    gap_ms: int
    """Spots further apart than this are not joined."""

    def to_json(self) -> dict[str, list]:
        """Return seconds and values, as static/js/evidence.js wants them."""
        found: dict[str, list] = {
            "t": [spot.at_ms / 1000 for spot in self.spots],
            "v": [_short(spot.value) for spot in self.spots],
        }
        if self.has_band:
            found["min"] = [_short(spot.low) for spot in self.spots]
            found["max"] = [_short(spot.high) for spot in self.spots]
        return found


def line(
    session: Session,
    sensor: Sensor,
    since: datetime,
    until: datetime,
    *,
    rain_hours: int = 24,
) -> Line:
    """Return a stretch: raw where it is short, else hours put together by their extremes.

    A rain gauge is drawn as the sum of the last `rain_hours`, which is what its rules judge.
    """
    if is_rain(sensor.quantity):
        bars = rain_by_hour(session, sensor, since, until, rain_hours)
        return rain_line(bars, since, until, rain_hours)
    span_s = (until - since).total_seconds()
    if span_s / max(sensor.interval_s, 1) <= MOST_RAW:
        found = raw_spots(session, sensor, since, until)
        if found:
            return raw_line(sensor, found)
    hours = trend_of(session, sensor, since, until)
    return buckets(hours, since, until)


def raw_line(sensor: Sensor, spots: Sequence[Spot]) -> Line:
    """Return readings as they are, with a gap where the sensor was silent."""
    gap_ms = sensor.interval_s * 1000 * GAP_INTERVALS
    return Line(with_gaps(spots, gap_ms), False, gap_ms)


def joined(coarse: Line, fine: Line) -> Line:
    """Return the coarse past up to where the fine line begins, and then the fine one."""
    if not fine.spots:
        return coarse
    first, *rest = fine.spots
    earlier = [spot for spot in coarse.spots if spot.at_ms < first.at_ms]
    gap_ms = max(coarse.gap_ms, fine.gap_ms)
    between = with_gaps([*earlier[-1:], first], gap_ms)
    return Line([*earlier[:-1], *between, *rest], coarse.has_band or fine.has_band, gap_ms)


def raw_spots(session: Session, sensor: Sensor, since: datetime, until: datetime) -> list[Spot]:
    """Return the readings themselves; what can't be believed is left out."""
    return raw_of(session, [sensor], since, until).get(sensor.key, [])


def raw_of(
    session: Session, sensors: Iterable[Sensor], since: datetime, until: datetime
) -> dict[int, list[Spot]]:
    """Return the readings of several sensors, by key. One query."""
    correct = {sensor.key: Correction(sensor) for sensor in sensors}
    rows = stored.of_many(session, list(correct), to_ms(since), to_ms(until))
    return {
        key: [
            _spot(one.at_ms, correct[key](one.at_ms, one.value)) for one in readings if is_good(one)
        ]
        for key, readings in rows.items()
    }


def _spot(at_ms: int, value: float | None) -> Spot:
    return Spot(at_ms, value, value, value)


def trend_of(
    session: Session, sensor: Sensor, since: datetime, until: datetime, span_s: int = HOUR_S
) -> Trend:
    """Return hours (or days) of a sensor."""
    return trends_of(session, [sensor], since, until, span_s)[sensor.key]


def trends_of(
    session: Session,
    sensors: Iterable[Sensor],
    since: datetime,
    until: datetime,
    span_s: int = HOUR_S,
) -> dict[int, Trend]:
    """Return hours (or days) of several sensors, by key; rain by its end, others by their middle.

    Those that end after `until` are left out. A fixed number of queries.
    """
    named = {sensor.key: sensor for sensor in sensors}
    since_ms, until_ms = to_ms(since), to_ms(until)
    written = readings.trends_of(session, named.values(), span_s, since_ms, until_ms)
    return {key: _drawn(named[key], trend, span_s, until_ms) for key, trend in written.items()}


def _drawn(sensor: Sensor, trend: Trend, span_s: int, until_ms: int) -> Trend:
    ended = trend.within(0, until_ms)
    correct = Correction(sensor).trend(ended)
    if is_rain(sensor.quantity):
        return correct
    half_ms = span_s * 500
    return correct._replace(at_ms=[end_ms - half_ms for end_ms in ended.at_ms])


def with_gaps(spots: Sequence[Spot], most_ms: int) -> list[Spot]:
    """Put a gap wherever two points lie further apart than `most_ms`."""
    found: list[Spot] = []
    for spot in spots:
        if found and found[-1].value is not None and spot.at_ms - found[-1].at_ms > most_ms:
            found.append(Spot(found[-1].at_ms + most_ms // 2, None, None, None))
        found.append(spot)
    return found


def buckets(trend: Trend, since: datetime, until: datetime, most: int = MOST_POINTS) -> Line:
    """Put hours together so that at most `most` remain; an empty stretch is a gap."""
    start_ms, span_ms = to_ms(since), to_ms(until) - to_ms(since)
    width_ms = max(HOUR_MS, -(-span_ms // most))
    found, first = [], 0
    while first < len(trend.at_ms):
        end_ms = start_ms + ((trend.at_ms[first] - start_ms) // width_ms + 1) * width_ms
        last = bisect_left(trend.at_ms, end_ms, first)
        found.append(_together(trend, first, last))
        first = last
    gap_ms = max(2 * width_ms, GAP_INTERVALS * HOUR_MS)
    return Line(with_gaps(found, gap_ms), True, gap_ms)


def _together(trend: Trend, first: int, last: int) -> Spot:
    values = trend.values[first:last]
    return Spot(
        trend.at_ms[(first + last) // 2],
        sum(values) / len(values),
        min(trend.lows[first:last]),
        max(trend.highs[first:last]),
    )


def rain_by_hour(
    session: Session, gauge: Sensor, since: datetime, until: datetime, hours: int
) -> list[tuple[int, float]]:
    """Return the hours whose sums fall into a stretch."""
    return rain_hours(session, gauge, since - timedelta(hours=hours), until)


def rain_line(
    bars: Sequence[tuple[int, float]],
    since: datetime,
    until: datetime,
    hours: int,
    most: int = MOST_POINTS,
) -> Line:
    """Return the sums of the last `hours` at the end of each hour of a stretch."""
    ends = [end_ms for end_ms, _ in bars]
    total, totals = 0.0, [0.0]
    for _, mm in bars:
        total += mm
        totals.append(total)
    first = bisect_right(ends, to_ms(since))
    ends_drawn = ends[first : bisect_right(ends, to_ms(until) + HOUR_MS)]
    sums = [
        totals[index] - totals[bisect_right(ends, end_ms - hours * HOUR_MS)]
        for index, end_ms in enumerate(ends_drawn, start=first + 1)
    ]
    if len(sums) > most:
        return buckets(Trend(ends_drawn, sums, sums, sums), since, until, most)
    spots = [_spot(end_ms, mm) for end_ms, mm in zip(ends_drawn, sums, strict=True)]
    gap_ms = GAP_INTERVALS * HOUR_MS
    return Line(with_gaps(spots, gap_ms), False, gap_ms)


def rain_hours(
    session: Session, gauge: Sensor, since: datetime, until: datetime
) -> list[tuple[int, float]]:
    """Return (end of the hour, mm), with the hour that is growing."""
    found = mm_by_hour(trend_of(session, gauge, since, until))
    last_ms = found[-1][0] if found else to_ms(since)
    if to_ms(until) - last_ms > 2 * HOUR_MS:
        return found
    spots = raw_spots(session, gauge, from_ms(last_ms - HOUR_MS), until)
    return with_growing(gauge, found, spots, last_ms)


def mm_by_hour(trend: Trend) -> list[tuple[int, float]]:
    """Return (end of the hour, mm) of a gauge's hours."""
    return list(zip(trend.at_ms, trend.values, strict=True))


def with_growing(
    gauge: Sensor, hours: list[tuple[int, float]], spots: Sequence[Spot], last_ms: int
) -> list[tuple[int, float]]:
    """Add the hour that is growing, from the readings after the last full one."""
    reader = Gauge(counter=gauge.quantity == "rain_total")
    fallen, heard = 0, False
    for spot in spots:
        if spot.value is None or spot.at_ms <= last_ms - HOUR_MS:
            continue
        credit = reader.read(spot.at_ms, spot.value, gauge.begins_ms)
        if spot.at_ms > last_ms:
            heard = True
            fallen += credit.um if credit else 0
    return [*hours, (last_ms + HOUR_MS, mm_of(fallen))] if heard else hours


def rain_bars(
    session: Session, gauge: Sensor | None, since: datetime, until: datetime
) -> tuple[list[list[float]], int]:
    """Return ([middle in seconds, mm], width in seconds): hours where short, else days."""
    if gauge is None:
        return [], HOUR_S
    if until - since <= RAIN_BY_HOUR_UP_TO:
        hours = rain_hours(session, gauge, since, until)
        return [[end_ms / 1000 - HOUR_S / 2, _mm(mm)] for end_ms, mm in hours if mm], HOUR_S
    days = mm_by_hour(trend_of(session, gauge, since, until, DAY_S))
    bars = [[end_ms / 1000 - DAY_S / 2, _mm(mm)] for end_ms, mm in days if mm]
    return bars, DAY_S


def gauge_for(sensors: Iterable[Sensor], sensor: Sensor) -> Sensor | None:
    """Return the rain gauge that tells the weather at a sensor: its site's, serving it if any."""
    here = [
        one
        for one in sensors
        if is_rain(one.quantity) and one.site_id == sensor.site_id and one.retired_at is None
    ]
    serving = [one for one in here if one.serves]
    return next(iter(serving or here), None)


def changes(hours: Trend) -> list[float]:
    """Return by how much each day's mean differed from the day before, without sign, sorted."""
    days: dict[int, list[float]] = {}
    for at_ms, value in zip(hours.at_ms, hours.values, strict=True):
        days.setdefault(at_ms // (DAY_S * 1000), []).append(value)
    means = {day: sum(values) / len(values) for day, values in days.items()}
    return sorted(abs(mean - means[day - 1]) for day, mean in means.items() if day - 1 in means)


def usual(found: Sequence[float]) -> float | None:
    """Return what 95 of 100 days stay below; None where there are too few to say."""
    return found[int(len(found) * 0.95)] if len(found) >= 30 else None


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the last day's readings were."""

    flags: dict[int, int]
    late: int
    expected: int

    @property
    def count(self) -> int:
        """How many readings there were."""
        return sum(self.flags.values())

    @property
    def good(self) -> int:
        """How many of them can be believed."""
        return sum(n for flag, n in self.flags.items() if flag <= BELIEVABLE)


def quality(session: Session, sensor: Sensor, now: datetime, hours: int = 24) -> Quality:
    """Count the flags of the last hours."""
    since_ms = to_ms(now - timedelta(hours=hours))
    readings = list(stored.between(session, sensor.key, since_ms, to_ms(now)))
    return Quality(
        dict(Counter(one.quality for one in readings)),
        sum(one.arrived_ms is not None for one in readings),
        round(hours * 3600 / max(sensor.interval_s, 1)),
    )


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _mm(value: float | None) -> float:
    return round(value or 0.0, 2)
