"""Keeps new readings: those of open hours as rows, others straight in their hour, made anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ingest import storing
from ingest.storing import Row, upsert
from models import stored
from models.bars import Bar, day_end_ms, day_start_ms, of_hours, of_readings
from models.packed import Stored, pack, unpack
from models.reading import DAY_S, HOUR_S, ReadingHour, ReadingMark, Rollup
from models.stored import HOUR_MS, hour_end_ms, is_good, last_good

# Whoever writes packed hours holds this until its transaction ends: it reads what it replaces.
_LOCK = "SELECT pg_advisory_xact_lock(7274020)"

Hour = tuple[int, int]
"""(end, sensor)"""


class Measured(NamedTuple):
    """What has to be known of a sensor to make its hours and days."""

    quantity: str
    timezone: str
    begins_ms: tuple[int, ...] = ()  # from when on each counter of rain has hung there


def keep(session: Session, sensors: Mapping[int, Any], rows: Collection[Row]) -> None:
    """Store readings that are new; the caller commits. `sensors`: `Measured`, or more, by key."""
    if not rows:
        return
    closed_ms = hold_open(session)
    late = [row for row in rows if row.at_ms <= closed_ms]
    if not late:
        storing.insert_recent(session, rows)
        return
    storing.insert_recent(session, [row for row in rows if row.at_ms > closed_ms])
    hours: dict[Hour, list[Stored]] = defaultdict(list)
    for row in late:
        hours[hour_end_ms(row.at_ms), row.sensor].append(row.stored())
    days = days_of(sensors, merge_hours(session, sensors, hours))
    write_days(session, sensors, {day for day in days if day[1] <= closed_ms})


def count_again(session: Session, sensors: Mapping[int, Any], key: int, since_ms: int) -> list[int]:
    """Make the closed hour anew in which a rain counter's first good total after an instant lies.

    Its day, too. Return the ends of the hours that were made; the caller commits.
    """
    closed_ms = hold_open(session)
    _hold_hours(session)
    good = (one for one in stored.between(session, key, since_ms, closed_ms) if is_good(one))
    first = next(good, None)
    if first is None:
        return []
    end_ms = hour_end_ms(first.at_ms)
    readings = stored.hour_of(session, key, end_ms)
    if not readings:
        return []
    bars = _bars(session, sensors, {(end_ms, key): readings})
    _write(session, HOUR_S, [(key, bar) for bar in bars.values()])
    write_days(session, sensors, {day for day in days_of(sensors, bars) if day[1] <= closed_ms})
    return sorted(end_ms for end_ms, _ in bars)


def hold_open(session: Session) -> int:
    """Return up to where hours are closed, which stays so until the caller's transaction ends."""
    return session.execute(
        select(ReadingMark.closed_ms).where(ReadingMark.id == 1).with_for_update(read=True)
    ).scalar_one()


def merge_hours(
    session: Session,
    sensors: Mapping[int, Any],
    hours: Mapping[Hour, Sequence[Stored]],
) -> set[Hour]:
    """Put readings into their packed hours, in order; return which hours' rollups are made anew.

    Of two readings of one instant the one that lies there stays. A rain counter's next hour with
    a good total is made anew as well: its first credit begins at the last total before.
    """
    _hold_hours(session)
    whole = {}
    there = _packed(session, hours)
    for place, new in hours.items():
        known = {one.at_ms: one for one in (*new, *there.get(place, ()))}
        whole[place] = [known[at_ms] for at_ms in sorted(known)]
    upsert(
        session,
        ReadingHour,
        [
            {"end_ms": end_ms, "sensor": key, "packed": _pack(readings, end_ms)}
            for (end_ms, key), readings in whole.items()
        ],
        ["end_ms", "sensor"],
    )
    bars = _bars(session, sensors, whole)
    _write(session, HOUR_S, [(key, bar) for (_, key), bar in bars.items()])
    return set(bars)


def _hold_hours(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(_LOCK))


def days_of(sensors: Mapping[int, Any], hours: Iterable[Hour]) -> set[tuple[int, int]]:
    """Return the local days that hours lie in, as (sensor, end)."""
    return {
        (key, day_end_ms(end_ms, sensors[key].timezone)) for end_ms, key in hours if key in sensors
    }


def write_days(
    session: Session, sensors: Mapping[int, Any], days: Iterable[tuple[int, int]]
) -> None:
    """Make local days, by (sensor, end), of their hours."""
    found = []
    for key, end_ms in sorted(days):
        since_ms = day_start_ms(end_ms, sensors[key].timezone)
        hours = session.execute(_HOURS, {"key": key, "since": since_ms, "until": end_ms}).all()
        if hours:
            bars = [Bar(*hour) for hour in hours]
            found.append((key, of_hours(end_ms, bars, sensors[key].quantity)))
    _write(session, DAY_S, found)


# In the driver's own words: it runs for each of a million sensors when a day is over.
_HOURS = text(
    "SELECT end_ms, value, min, max, count, quality FROM rollup"
    f" WHERE sensor = :key AND span_s = {HOUR_S} AND end_ms > :since AND end_ms <= :until"
    " ORDER BY end_ms"
)


def _packed(session: Session, hours: Iterable[Hour]) -> dict[Hour, list[Stored]]:
    by_end: dict[int, list[int]] = defaultdict(list)
    for end_ms, key in hours:
        by_end[end_ms].append(key)
    found = {}
    for end_ms, keys in by_end.items():
        rows = session.execute(
            select(ReadingHour.sensor, ReadingHour.packed).where(
                ReadingHour.end_ms == end_ms, ReadingHour.sensor.in_(keys)
            )
        )
        found.update({(end_ms, key): unpack(packed, end_ms) for key, packed in rows})
    return found


def _pack(readings: Sequence[Stored], end_ms: int) -> bytes:
    """Pack an hour and read it back: what was not packed well must not replace what it is of."""
    packed = pack(readings, end_ms)
    if unpack(packed, end_ms) != readings:
        raise RuntimeError(f"an hour that ends at {end_ms} does not come back as it was packed")
    return packed


def _bars(
    session: Session, sensors: Mapping[int, Any], hours: Mapping[Hour, Sequence[Stored]]
) -> dict[Hour, Bar]:
    found = {}
    last: dict[int, Stored | None] = {}  # of rain counters: the last good total so far
    for (end_ms, key), readings in sorted(hours.items(), key=lambda one: one[0]):
        quantity = sensors[key].quantity if key in sensors else ""
        begins_ms = sensors[key].begins_ms if key in sensors else ()
        before = None
        if quantity == "rain_total":
            before = _before(session, key, end_ms, last.get(key))
            last[key] = next(filter(is_good, reversed(readings)), before)
        found[end_ms, key] = of_readings(end_ms, readings, quantity, before, begins_ms)
        if quantity == "rain_total":
            found |= _following(session, key, end_ms, last[key], hours, begins_ms)
    return found


def _before(session: Session, key: int, end_ms: int, known: Stored | None) -> Stored | None:
    """Return the last good total before an hour; asked for only where it can be another's."""
    if known is not None and known.at_ms > end_ms - 2 * HOUR_MS:
        return known
    return last_good(session, key, end_ms - HOUR_MS)


def _following(
    session: Session,
    key: int,
    end_ms: int,
    before: Stored | None,
    made: Mapping[Hour, Sequence[Stored]],
    begins_ms: Sequence[int],
) -> dict[Hour, Bar]:
    """Return a rain counter's next hour with a good total anew, unless it is made anyway."""
    next_ms = session.scalar(
        select(Rollup.end_ms)
        .where(
            Rollup.sensor == key,
            Rollup.span_s == HOUR_S,
            Rollup.end_ms > end_ms,
            Rollup.count > 0,
        )
        .order_by(Rollup.end_ms)
        .limit(1)
    )
    if next_ms is None or (next_ms, key) in made:
        return {}
    readings = stored.hour_of(session, key, next_ms)
    bar = of_readings(next_ms, readings, "rain_total", before, begins_ms)
    return {(next_ms, key): bar} if readings else {}


def _write(session: Session, span_s: int, bars: Iterable[tuple[int, Bar]]) -> None:
    rows = [{"sensor": key, "span_s": span_s, **bar._asdict()} for key, bar in bars]
    upsert(session, Rollup, rows, ["sensor", "span_s", "end_ms"])
