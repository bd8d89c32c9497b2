"""Reads a sensor's past as a chart draws it: few enough points, gaps as gaps, rain beside it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from sqlalchemy.orm import Session

from models import stored
from models.bars import Bar, is_rain
from models.reading import DAY_S, HOUR_S
from models.readings import Correction, bars_of
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
    hours = hour_spots(session, sensor, since, until)
    return Line(buckets(hours, since, until), True)


def raw_line(sensor: Sensor, spots: Sequence[Spot]) -> Line:
    """Return readings as they are, with a gap where the sensor was silent."""
    return Line(with_gaps(spots, sensor.interval_s * 1000 * GAP_INTERVALS), False)


def joined(coarse: Line, fine: Line) -> Line:
    """Return the coarse past up to where the fine line begins, and then the fine one."""
    if not fine.spots:
        return coarse
    first = fine.spots[0].at_ms
    earlier = [spot for spot in coarse.spots if spot.at_ms < first]
    return Line([*earlier, *fine.spots], coarse.has_band or fine.has_band)


def raw_spots(session: Session, sensor: Sensor, since: datetime, until: datetime) -> list[Spot]:
    """Return the readings themselves; what can't be believed is left out."""
    return raw_of(session, [sensor], since, until).get(sensor.key, [])


def raw_of(
    session: Session, sensors: Iterable[Sensor], since: datetime, until: datetime
) -> dict[int, list[Spot]]:
    """Return the readings of several sensors, by key. One query."""
    correct = {sensor.key: Correction(sensor.epochs) for sensor in sensors}
    rows = stored.of_many(session, list(correct), to_ms(since), to_ms(until))
    return {
        key: [
            _spot(one.at_ms, correct[key](one.at_ms, one.value)) for one in readings if is_good(one)
        ]
        for key, readings in rows.items()
    }


def _spot(at_ms: int, value: float | None) -> Spot:
    return Spot(at_ms, value, value, value)


def hour_spots(
    session: Session, sensor: Sensor, since: datetime, until: datetime, span_s: int = HOUR_S
) -> list[Spot]:
    """Return hours (or days) of a sensor."""
    return hours_of(session, [sensor], since, until, span_s).get(sensor.key, [])


def hours_of(
    session: Session,
    sensors: Iterable[Sensor],
    since: datetime,
    until: datetime,
    span_s: int = HOUR_S,
) -> dict[int, list[Spot]]:
    """Return hours (or days) of several sensors, by key; rain by its end, others by their middle.

    Those that end after `until` are left out. A fixed number of queries.
    """
    named = {sensor.key: sensor for sensor in sensors}
    written = bars_of(session, named.values(), span_s, to_ms(since), to_ms(until))
    return {key: _spots(named[key], bars, span_s, to_ms(until)) for key, bars in written.items()}


def _spots(sensor: Sensor, bars: Sequence[Bar], span_s: int, until_ms: int) -> list[Spot]:
    ended = [bar for bar in bars if bar.end_ms <= until_ms]
    if is_rain(sensor.quantity):
        return [Spot(bar.end_ms, bar.value, bar.min, bar.max) for bar in ended]
    correct, half = Correction(sensor.epochs), span_s * 500
    if correct.changes_nothing:
        told = ((bar[0] - half, bar[1], bar[2], bar[3]) for bar in ended)
        return [tuple.__new__(Spot, one) for one in told]
    return [
        Spot(end - half, correct(end, value), correct(end, low), correct(end, high))
        for end, value, low, high, _, _ in ended
    ]


def with_gaps(spots: Sequence[Spot], most_ms: int) -> list[Spot]:
    """Put a gap wherever two points lie further apart than `most_ms`."""
    found: list[Spot] = []
    for spot in spots:
        if found and found[-1].value is not None and spot.at_ms - found[-1].at_ms > most_ms:
            found.append(Spot(found[-1].at_ms + most_ms // 2, None, None, None))
        found.append(spot)
    return found


def buckets(
    spots: Sequence[Spot], since: datetime, until: datetime, most: int = MOST_POINTS
) -> list[Spot]:
    """Put hours together so that at most `most` remain; an empty stretch is a gap.

    `spots`: in order of time.
    """
    start_ms, span_ms = to_ms(since), to_ms(until) - to_ms(since)
    width_ms = max(HOUR_MS, -(-span_ms // most))
    told = (spot for spot in spots if spot.value is not None)
    inside = groupby(told, lambda spot: (spot.at_ms - start_ms) // width_ms)
    found = [_together(list(some)) for _, some in inside]
    return with_gaps(found, max(2 * width_ms, GAP_INTERVALS * HOUR_MS))


def _together(spots: Sequence[Spot]) -> Spot:
    instants, values, lows, highs = zip(*spots, strict=True)
    low = min(one for one in lows if one is not None)
    high = max(one for one in highs if one is not None)
    return Spot(instants[len(instants) // 2], sum(values) / len(values), low, high)


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
    spots = []
    for index, end_ms in enumerate(ends):
        if to_ms(since) < end_ms <= to_ms(until) + HOUR_MS:
            mm = totals[index + 1] - totals[bisect_right(ends, end_ms - hours * HOUR_MS)]
            spots.append(Spot(end_ms, mm, mm, mm))
    if len(spots) > most:
        return Line(buckets(spots, since, until, most), True)
    return Line(with_gaps(spots, GAP_INTERVALS * HOUR_MS), False)


def rain_hours(
    session: Session, gauge: Sensor, since: datetime, until: datetime
) -> list[tuple[int, float]]:
    """Return (end of the hour, mm), with the hour that is growing."""
    found = [
        (spot.at_ms, spot.value or 0.0)
        for spot in hour_spots(session, gauge, since, until)
        if spot.value is not None
    ]
    last_ms = found[-1][0] if found else to_ms(since)
    if to_ms(until) - last_ms > 2 * HOUR_MS:
        return found
    spots = raw_spots(session, gauge, from_ms(last_ms - HOUR_MS), until)
    return with_growing(gauge, found, spots, last_ms)


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
    days = hour_spots(session, gauge, since, until, DAY_S)
    bars = [[one.at_ms / 1000 - DAY_S / 2, _mm(one.value)] for one in days if one.value]
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


def changes(hours: Sequence[Spot]) -> list[float]:
    """Return by how much each day's mean differed from the day before, without sign, sorted."""
    days: dict[int, list[float]] = {}
    for spot in hours:
        if spot.value is not None:
            days.setdefault(spot.at_ms // (DAY_S * 1000), []).append(spot.value)
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
