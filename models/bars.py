"""Makes an hour or a day of readings: mean, extremes and count, or for rain the credited mm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models.reading import DAY_S, HOUR_S, Reading, Rollup
from models.rules.rain import Gauge, mm_of
from models.times import from_ms, to_ms

BELIEVABLE = 3  # quality flags up to "questionable"
MISSING = 9
HOUR_MS, DAY_MS = HOUR_S * 1000, DAY_S * 1000

# Built once: hot paths run them thousands of times.
_reading, _rollup = Reading.__table__.c, Rollup.__table__.c
_INSIDE = (
    select(_reading.at_ms, _reading.value, _reading.quality)
    .where(
        _reading.sensor == bindparam("sensor"),
        _reading.at_ms > bindparam("since"),
        _reading.at_ms <= bindparam("until"),
    )
    .order_by(_reading.at_ms)
)
_LAST_BEFORE = (
    select(_reading.at_ms, _reading.value)
    .where(
        _reading.sensor == bindparam("sensor"),
        _reading.at_ms <= bindparam("since"),
        _reading.quality <= BELIEVABLE,
        _reading.value.is_not(None),
    )
    .order_by(_reading.at_ms.desc())
    .limit(1)
)
_HOURS = (
    select(_rollup.end_ms, _rollup.value, _rollup.min, _rollup.max, _rollup.count, _rollup.quality)
    .where(
        _rollup.sensor == bindparam("sensor"),
        _rollup.span_s == HOUR_S,
        _rollup.end_ms > bindparam("since"),
        _rollup.end_ms <= bindparam("until"),
    )
    .order_by(_rollup.end_ms)
)


class Bar(NamedTuple):
    """An hour or a day, by its end; for rain `value` is the credited millimetres."""

    end_ms: int
    value: float | None
    min: float | None
    max: float | None
    count: int  # type: ignore[assignment]  # hides tuple.count
    quality: int


def is_rain(quantity: str) -> bool:
    """Whether a quantity counts rain."""
    return quantity in ("rain_total", "rain_increment")


def hour_end_ms(at_ms: int) -> int:
    """Return the end of the hour `(start, end]` that an instant falls in."""
    return -(-at_ms // HOUR_MS) * HOUR_MS


def day_end_ms(at_ms: int, timezone: str) -> int:
    """Return the end of the site's local day `(midnight, midnight]` that an instant falls in."""
    local = from_ms(at_ms - 1).astimezone(ZoneInfo(timezone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return to_ms(_next_day(midnight))


def day_start_ms(end_ms: int, timezone: str) -> int:
    """Return when the local day began that ends at `end_ms`; 23 to 25 hours before."""
    return day_end_ms(end_ms - 30 * HOUR_MS, timezone)


def make_hour(session: Session, key: int, quantity: str, end_ms: int) -> Bar:
    """Make an hour from the raw readings that are stored now."""
    since_ms = end_ms - HOUR_MS
    rows = session.execute(_INSIDE, {"sensor": key, "since": since_ms, "until": end_ms}).all()
    worst = max((quality for _, _, quality in rows), default=MISSING)
    good = [(at, value) for at, value, q in rows if value is not None and q <= BELIEVABLE]
    if not good:
        return Bar(end_ms, None, None, None, 0, worst)
    if is_rain(quantity):
        credits = _credits(session, key, quantity, since_ms, good)
        return Bar(end_ms, _round(sum(credits)), min(credits), max(credits), len(good), worst)
    values = [value for _, value in good]
    mean = _round(sum(values) / len(values))
    return Bar(end_ms, mean, min(values), max(values), len(good), worst)


def make_day(session: Session, key: int, quantity: str, timezone: str, end_ms: int) -> Bar:
    """Make a local day from its hours."""
    since_ms = day_start_ms(end_ms, timezone)
    rows = session.execute(_HOURS, {"sensor": key, "since": since_ms, "until": end_ms}).all()
    return of_hours(end_ms, [Bar(*row) for row in rows], quantity)


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
    session: Session, key: int, quantity: str, since_ms: int, good: Sequence[tuple[int, float]]
) -> list[float]:
    """Return what each reading credits; a counter needs the total before the first."""
    gauge = Gauge(counter=quantity == "rain_total")
    if gauge.counter:
        before = session.execute(_LAST_BEFORE, {"sensor": key, "since": since_ms}).first()
        if before is not None:
            gauge.read(before[0], before[1])
    found = (gauge.read(at_ms, value) for at_ms, value in good)
    return [mm_of(credit.um) if credit else 0.0 for credit in found]


def _next_day(midnight: datetime) -> datetime:
    return (midnight + timedelta(days=1)).replace(fold=0)


def _round(value: float) -> float:
    return round(value, 6)
