"""Makes an hour or a day of readings: mean, extremes and count, or for rain the credited mm."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models.packed import Stored
from models.rules.rain import Gauge, mm_of
from models.stored import HOUR_MS, hour_end_ms, is_good
from models.times import from_ms, to_ms

MISSING = 9


class Bar(NamedTuple):
    """An hour or a day, by its end; for rain `value` is the credited millimetres."""

    end_ms: int
    value: float | None
    min: float | None
    max: float | None
    count: int  # type: ignore[assignment]  # hides tuple.count
    quality: int


class Trend(NamedTuple):
    """Hours or days of one sensor that have a value, in order of time: a year in four columns.

    A year has 8,760 hours. As rows they cost a page more than all else on it.
    """

    at_ms: Sequence[int]
    values: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]

    def within(self, since_ms: int, until_ms: int) -> Trend:
        """Return those of `(since, until]`."""
        part = slice(bisect_right(self.at_ms, since_ms), bisect_right(self.at_ms, until_ms))
        at_ms, values, lows, highs = self
        return Trend(at_ms[part], values[part], lows[part], highs[part])


NO_TREND = Trend((), (), (), ())


def is_rain(quantity: str) -> bool:
    """Whether a quantity counts rain."""
    return quantity in ("rain_total", "rain_increment")


def day_end_ms(at_ms: int, timezone: str) -> int:
    """Return the end of the site's local day `(midnight, midnight]` that an instant falls in."""
    local = from_ms(at_ms - 1).astimezone(ZoneInfo(timezone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return to_ms(_next_day(midnight))


def day_start_ms(end_ms: int, timezone: str) -> int:
    """Return when the local day began that ends at `end_ms`; 23 to 25 hours before."""
    return day_end_ms(end_ms - 30 * HOUR_MS, timezone)


def of_readings(
    end_ms: int,
    readings: Sequence[Stored],
    quantity: str,
    before: Stored | None = None,
    begins_ms: Sequence[int] = (),
) -> Bar:
    """Return the hour of its readings; a counter needs the last good total before them.

    `begins_ms`: from when on each counter has hung there.
    """
    worst = max((one.quality for one in readings), default=MISSING)
    good = [one for one in readings if is_good(one)]
    if not good:
        return Bar(end_ms, None, None, None, 0, worst)
    rain = is_rain(quantity)
    values = _credits(quantity, before, good, begins_ms) if rain else list(map(_value, good))
    value = sum(values) if rain else sum(values) / len(values)
    return Bar(end_ms, _round(value), min(values), max(values), len(good), worst)


def hours_of(
    readings: Sequence[Stored],
    quantity: str,
    before: Stored | None = None,
    begins_ms: Sequence[int] = (),
) -> list[Bar]:
    """Return the hours of readings in order of time; `before` is the last good one before them."""
    found = []
    for end_ms, hour in groupby(readings, key=lambda one: hour_end_ms(one.at_ms)):
        listed = list(hour)
        found.append(of_readings(end_ms, listed, quantity, before, begins_ms))
        before = next(filter(is_good, reversed(listed)), before)
    return found


def of_hours(end_ms: int, hours: Sequence[Bar], quantity: str) -> Bar:
    """Return the day of some hours: the mean weighted by count, for rain the sum."""
    worst = max((hour.quality for hour in hours), default=MISSING)
    full = [hour for hour in hours if hour.count and hour.value is not None]
    if not full:
        return Bar(end_ms, None, None, None, 0, worst)
    count = sum(hour.count for hour in full)
    if is_rain(quantity):
        value = sum(hour.value or 0.0 for hour in full)
    else:
        value = sum((hour.value or 0.0) * hour.count for hour in full) / count
    low = min(hour.min for hour in full if hour.min is not None)
    high = max(hour.max for hour in full if hour.max is not None)
    return Bar(end_ms, _round(value), low, high, count, worst)


def _credits(
    quantity: str, before: Stored | None, good: Sequence[Stored], begins_ms: Sequence[int]
) -> list[float]:
    """Return the millimetres that each reading credits."""
    gauge = Gauge(counter=quantity == "rain_total")
    if gauge.counter and before is not None:
        gauge.read(before.at_ms, _value(before))
    found = (gauge.read(one.at_ms, _value(one), begins_ms) for one in good)
    return [mm_of(credit.um) if credit else 0.0 for credit in found]


def _value(one: Stored) -> float:
    return one.value or 0.0


def _next_day(midnight: datetime) -> datetime:
    return (midnight + timedelta(days=1)).replace(fold=0)


def _round(value: float) -> float:
    return round(value, 6)
