"""Makes closed hours and days of readings, so that a year's chart never reads raw rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.bindings import Bindings, SensorFacts, hour_end_ms
from ingest.storing import upsert
from models.reading import DAY_S, HOUR_S, Reading, Rollup
from models.rules.rain import Gauge, mm_of
from models.times import from_ms, to_ms

HOUR_MS = HOUR_S * 1000
BELIEVABLE = 3


def touched(newest_ms: int | None, at_ms: int, key: int) -> Iterator[tuple[int, int]]:
    """Yield (sensor, hour end) of the hours that a reading closes or changes.

    The open hour is written when it closes, or by `close_hours` for an out-of-order reading;
    until then pages make it from the raw rows.
    """
    if newest_ms is None or at_ms <= newest_ms:
        yield key, hour_end_ms(at_ms)
    elif hour_end_ms(at_ms) != hour_end_ms(newest_ms):
        yield key, hour_end_ms(newest_ms)


def close_hours(session: Session, bindings: Bindings, hours: Iterable[tuple[int, int]]) -> None:
    """Make these hours, and the days that they lie in, from what is stored now."""
    ends = sorted(set(hours))
    if not ends:
        return
    rows = [_bar(session, bindings.sensors[key], end - HOUR_MS, end, HOUR_S) for key, end in ends]
    upsert(session, Rollup, rows, ["sensor", "span_s", "end_ms"])
    days = {(key, day_end_ms(end, bindings.sensors[key].timezone)) for key, end in ends}
    rows = [_day(session, bindings.sensors[key], end) for key, end in sorted(days)]
    upsert(session, Rollup, rows, ["sensor", "span_s", "end_ms"])


def day_end_ms(at_ms: int, timezone: str) -> int:
    """Return the end of the site's local day `(midnight, midnight]` that an instant falls in."""
    local = from_ms(at_ms - 1).astimezone(ZoneInfo(timezone))
    midnight = datetime(local.year, local.month, local.day, tzinfo=local.tzinfo)
    return to_ms(midnight + timedelta(days=1))


def _bar(
    session: Session, facts: SensorFacts, since_ms: int, until_ms: int, span_s: int
) -> dict[str, Any]:
    if facts.is_rain:
        return _rain_bar(session, facts, since_ms, until_ms, span_s)
    inside = (Reading.sensor == facts.key, Reading.at_ms > since_ms, Reading.at_ms <= until_ms)
    good = (*inside, Reading.quality <= BELIEVABLE, Reading.value.is_not(None))
    mean, low, high, count = session.execute(
        select(
            func.avg(Reading.value),
            func.min(Reading.value),
            func.max(Reading.value),
            func.count(),
        ).where(*good)
    ).one()
    worst = session.scalar(select(func.max(Reading.quality)).where(*inside))
    return _row(facts.key, span_s, until_ms, mean, low, high, count, worst or 9)


def _rain_bar(
    session: Session, facts: SensorFacts, since_ms: int, until_ms: int, span_s: int
) -> dict[str, Any]:
    """Credit to the interval what its readings credit; a counter needs the one before."""
    inside = (Reading.sensor == facts.key, Reading.at_ms > since_ms, Reading.at_ms <= until_ms)
    rows = session.execute(
        select(Reading.at_ms, Reading.value, Reading.quality).where(*inside).order_by(Reading.at_ms)
    ).all()
    gauge = Gauge(counter=facts.quantity == "rain_total")
    before = session.execute(
        select(Reading.at_ms, Reading.value)
        .where(
            Reading.sensor == facts.key,
            Reading.at_ms <= since_ms,
            Reading.quality <= BELIEVABLE,
            Reading.value.is_not(None),
        )
        .order_by(Reading.at_ms.desc())
        .limit(1)
    ).first()
    if before is not None and gauge.counter:
        gauge.read(before[0], before[1])
    credits, good = [], 0
    for at_ms, value, quality in rows:
        if value is None or quality > BELIEVABLE:
            continue
        good += 1
        credit = gauge.read(at_ms, value)
        credits.append(mm_of(credit.um) if credit else 0.0)
    total = sum(credits) if good else None
    low, high = (min(credits), max(credits)) if good else (None, None)
    worst = max((quality for _, _, quality in rows), default=9)
    return _row(facts.key, span_s, until_ms, total, low, high, good, worst)


def _day(session: Session, facts: SensorFacts, end_ms: int) -> dict[str, Any]:
    """Make a day from its hours: the mean weighted by count, or for rain the sum."""
    key, timezone = facts.key, facts.timezone
    start_ms = day_end_ms(end_ms - HOUR_MS * 36, timezone)
    start_ms = start_ms if start_ms < end_ms else end_ms - DAY_S * 1000
    hours = session.execute(
        select(Rollup.value, Rollup.min, Rollup.max, Rollup.count, Rollup.quality, Rollup.end_ms)
        .where(
            Rollup.sensor == key,
            Rollup.span_s == HOUR_S,
            Rollup.end_ms > start_ms,
            Rollup.end_ms <= end_ms,
        )
        .order_by(Rollup.end_ms)
    ).all()
    full = [hour for hour in hours if hour.count and hour.value is not None]
    count = sum(hour.count for hour in full)
    worst = max((hour.quality for hour in hours), default=9)
    if not full:
        return _row(key, DAY_S, end_ms, None, None, None, 0, worst)
    if facts.is_rain:
        value = sum(hour.value for hour in full)
    else:
        value = sum(hour.value * hour.count for hour in full) / count
    low, high = min(hour.min for hour in full), max(hour.max for hour in full)
    return _row(key, DAY_S, end_ms, value, low, high, count, worst)


def _row(
    key: int,
    span_s: int,
    end_ms: int,
    value: float | None,
    low: float | None,
    high: float | None,
    count: int,
    quality: int,
) -> dict[str, Any]:
    return {
        "sensor": key,
        "span_s": span_s,
        "end_ms": end_ms,
        "value": None if value is None else round(value, 6),
        "min": low,
        "max": high,
        "count": count,
        "quality": quality,
    }
