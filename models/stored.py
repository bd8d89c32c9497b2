"""Reads stored readings: the recent ones row by row, those of closed hours unpacked.

All that reads readings goes through here. Recent ones are read first: a reading that moves
between two statements is then found twice, and told once, and never missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import merge
from typing import NamedTuple

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from models.packed import Stored, count, unpack
from models.reading import HOUR_S, ReadingHour, ReadingMark, RecentReading, Rollup

HOUR_MS = HOUR_S * 1000
BELIEVABLE = 3  # quality flags up to "questionable"
_AT_ONCE = 200  # packed hours

RECENT = select(
    RecentReading.sensor,
    RecentReading.at_ms,
    RecentReading.value,
    RecentReading.quality,
    RecentReading.raw,
    RecentReading.arrived_ms,
)


class Mark(NamedTuple):
    """How far hours are closed, and how far their readings have been moved; see `ReadingMark`."""

    closed_ms: int
    moved_ms: int


def mark(session: Session) -> Mark:
    """Return how far hours are closed; one row by its key."""
    row = session.execute(
        select(ReadingMark.closed_ms, ReadingMark.moved_ms).where(ReadingMark.id == 1)
    ).one()
    return Mark(*row)


def hour_end_ms(at_ms: int) -> int:
    """Return the end of the hour `(start, end]` that an instant falls in."""
    return -(-at_ms // HOUR_MS) * HOUR_MS


def between(session: Session, key: int, since_ms: int, until_ms: int) -> Iterator[Stored]:
    """Yield the readings of one sensor in `(since, until]`, in order of time."""
    recent = _recent(session, [key], since_ms, until_ms).get(key, [])
    hours = session.execute(_hours([key], since_ms, until_ms).execution_options(yield_per=_AT_ONCE))
    yield from _in_order(
        (one for _, end_ms, packed in hours for one in _inside(packed, end_ms, since_ms, until_ms)),
        recent,
    )


def of_many(
    session: Session, keys: Collection[int], since_ms: int, until_ms: int
) -> dict[int, list[Stored]]:
    """Return the readings in `(since, until]` of several sensors by key; two queries."""
    recent = _recent(session, keys, since_ms, until_ms)
    packed: dict[int, list[Stored]] = {}
    for key, end_ms, hour in session.execute(_hours(keys, since_ms, until_ms)):
        packed.setdefault(key, []).extend(_inside(hour, end_ms, since_ms, until_ms))
    return {
        key: list(_in_order(packed.get(key, ()), recent.get(key, [])))
        for key in sorted({*recent, *packed})
    }


def at(session: Session, key: int, at_ms: int) -> Stored | None:
    """Return the reading of exactly this instant, or None where there is none."""
    row = session.execute(
        select(
            RecentReading.value, RecentReading.quality, RecentReading.raw, RecentReading.arrived_ms
        ).where(RecentReading.at_ms == at_ms, RecentReading.sensor == key)
    ).first()
    if row is not None:
        return Stored(at_ms, *row)
    hour = hour_of(session, key, hour_end_ms(at_ms))
    return next((one for one in hour if one.at_ms == at_ms), None)


def hour_of(session: Session, key: int, end_ms: int) -> list[Stored]:
    """Return what is packed of one hour."""
    packed = session.scalar(
        select(ReadingHour.packed).where(ReadingHour.end_ms == end_ms, ReadingHour.sensor == key)
    )
    return [] if packed is None else unpack(packed, end_ms)


def first_ms(session: Session, key: int, since_ms: int) -> int | None:
    """Return the instant of a sensor's first reading after `since_ms`."""
    recent = session.scalar(
        select(RecentReading.at_ms)
        .where(RecentReading.sensor == key, RecentReading.at_ms > since_ms)
        .order_by(RecentReading.at_ms)
        .limit(1)
    )
    hours = session.execute(_hours([key], since_ms, None).limit(2))
    packed = (
        one.at_ms for _, end_ms, hour in hours for one in _inside(hour, end_ms, since_ms, None)
    )
    return min((one for one in (recent, next(packed, None)) if one is not None), default=None)


def last_ms(session: Session, key: int) -> int | None:
    """Return the last instant of which a sensor has a reading, also one told ahead of its time."""
    recent = session.scalar(
        select(func.max(RecentReading.at_ms)).where(RecentReading.sensor == key)
    )
    if recent is not None:
        return recent
    hours = _hours([key], 0, None).order_by(None).order_by(Rollup.end_ms.desc()).limit(1)
    packed = session.execute(hours).first()
    return None if packed is None else unpack(packed[2], packed[1])[-1].at_ms


def last_good(session: Session, key: int, until_ms: int) -> Stored | None:
    """Return the last believable reading up to `until_ms`, such as a counter's total."""
    row = session.execute(
        select(RecentReading.at_ms, RecentReading.value, RecentReading.quality)
        .where(
            RecentReading.sensor == key,
            RecentReading.at_ms <= until_ms,
            RecentReading.quality <= BELIEVABLE,
            RecentReading.value.is_not(None),
        )
        .order_by(RecentReading.at_ms.desc())
        .limit(1)
    ).first()
    hours = (
        _hours([key], 0, until_ms)
        .order_by(None)
        .order_by(Rollup.end_ms.desc())
        .execution_options(yield_per=_AT_ONCE)
    )
    packed = (
        one
        for _, end_ms, hour in session.execute(hours)
        for one in reversed(_inside(hour, end_ms, 0, until_ms))
        if is_good(one)
    )
    found = [one for one in (row and Stored(*row), next(packed, None)) if one is not None]
    return max(found, default=None, key=lambda one: one.at_ms)


def count_between(session: Session, keys: Collection[int], since_ms: int, until_ms: int) -> int:
    """Return how many readings several sensors have in `(since, until]`."""
    recent = _recent(session, keys, since_ms, until_ms)
    found = sum(map(len, recent.values()))
    for key, end_ms, hour in session.execute(_hours(keys, since_ms, until_ms)):
        whole = since_ms <= end_ms - HOUR_MS and end_ms <= until_ms and key not in recent
        if whole:
            found += count(hour)
        else:
            twice = {one.at_ms for one in recent.get(key, ())}
            inside = _inside(hour, end_ms, since_ms, until_ms)
            found += sum(one.at_ms not in twice for one in inside)
    return found


def everything(session: Session) -> Iterator[tuple[int, Stored]]:
    """Yield every reading with its sensor's key, by sensor and time; for who checks it all."""
    keys = {*session.scalars(select(RecentReading.sensor).distinct())}
    keys |= {*session.scalars(select(ReadingHour.sensor).distinct())}
    for key in sorted(keys):
        yield from ((key, one) for one in between(session, key, 0, 2**62))


def is_good(one: Stored) -> bool:
    """Whether a reading is believable."""
    return one.value is not None and one.quality <= BELIEVABLE


def _recent(
    session: Session, keys: Collection[int], since_ms: int, until_ms: int
) -> dict[int, list[Stored]]:
    rows = session.execute(
        RECENT.where(
            RecentReading.at_ms > since_ms,
            RecentReading.at_ms <= until_ms,
            RecentReading.sensor.in_(keys),
        ).order_by(RecentReading.at_ms)
    )
    found: dict[int, list[Stored]] = {}
    for row in rows:
        found.setdefault(row.sensor, []).append(Stored(*row[1:]))
    return found


def _hours(keys: Collection[int], since_ms: int, until_ms: int | None) -> Select[int, int, bytes]:
    """Select (sensor, end, packed) of the hours that touch `(since, until]`.

    They are found by their rollups, which lie together by sensor.
    """
    statement = (
        select(Rollup.sensor, Rollup.end_ms, ReadingHour.packed)
        .join(
            ReadingHour,
            and_(ReadingHour.end_ms == Rollup.end_ms, ReadingHour.sensor == Rollup.sensor),
        )
        .where(Rollup.sensor.in_(keys), Rollup.span_s == HOUR_S, Rollup.end_ms > since_ms)
        .order_by(Rollup.sensor, Rollup.end_ms)
    )
    return statement if until_ms is None else statement.where(Rollup.end_ms < until_ms + HOUR_MS)


def _inside(packed: bytes, end_ms: int, since_ms: int, until_ms: int | None) -> Sequence[Stored]:
    readings = unpack(packed, end_ms)
    if since_ms <= end_ms - HOUR_MS and (until_ms is None or end_ms <= until_ms):
        return readings
    return [
        one
        for one in readings
        if one.at_ms > since_ms and (until_ms is None or one.at_ms <= until_ms)
    ]


def _in_order(packed: Iterable[Stored], recent: Sequence[Stored]) -> Iterator[Stored]:
    """Put both together; what is in both, since it is being moved, is told once."""
    if not recent:
        yield from packed
        return
    last_ms = None
    for one in merge(packed, recent, key=lambda one: one.at_ms):
        if one.at_ms != last_ms:
            yield one
        last_ms = one.at_ms
