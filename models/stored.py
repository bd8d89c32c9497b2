"""Reads stored readings: the recent ones row by row, those of closed hours unpacked.

All that reads readings goes through here. One statement reads both, so that a reading which moves
meanwhile is not missed; one that lies in both places is told once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from heapq import merge
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Float,
    Integer,
    LargeBinary,
    SmallInteger,
    and_,
    bindparam,
    cast,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from models.packed import Stored, count, unpack
from models.reading import HOUR_S, ReadingHour, ReadingMark, RecentReading, Rollup

HOUR_MS = HOUR_S * 1000
BELIEVABLE = 3  # quality flags up to "questionable"
_AT_ONCE = 20  # packed hours, where mostly the first one answers

RECENT = select(
    RecentReading.sensor,
    RecentReading.at_ms,
    RecentReading.value,
    RecentReading.quality,
    RecentReading.raw,
    RecentReading.arrived_ms,
)
# A sensor's hours are found by its rollups, which lie together.
_PACKED = and_(ReadingHour.end_ms == Rollup.end_ms, ReadingHour.sensor == Rollup.sensor)
_KEYS: BindParameter[int] = bindparam("keys", type_=Integer, expanding=True)
_SINCE = bindparam("since", type_=BigInteger)
_BOTH = union_all(
    RECENT.add_columns(cast(null(), LargeBinary)).where(
        RecentReading.at_ms > _SINCE,
        RecentReading.at_ms <= bindparam("until", type_=BigInteger),
        RecentReading.sensor.in_(_KEYS),
    ),
    select(
        Rollup.sensor,
        Rollup.end_ms,
        cast(null(), Float),
        cast(null(), SmallInteger),
        cast(null(), Float),
        cast(null(), BigInteger),
        ReadingHour.packed,
    )
    .join(ReadingHour, _PACKED)
    .where(
        Rollup.sensor.in_(_KEYS),
        Rollup.span_s == HOUR_S,
        Rollup.end_ms > _SINCE,
        Rollup.end_ms < bindparam("hours", type_=BigInteger),
    ),
)

_OF_ONE = (
    select(ReadingHour.end_ms, ReadingHour.packed)
    .select_from(Rollup)
    .join(ReadingHour, _PACKED)
    .where(Rollup.sensor == bindparam("key"), Rollup.span_s == HOUR_S)
    .execution_options(yield_per=_AT_ONCE)
)
_OLDEST = _OF_ONE.where(Rollup.end_ms > _SINCE).order_by(Rollup.end_ms).limit(2)
_NEWEST = _OF_ONE.where(Rollup.end_ms < bindparam("hours", type_=BigInteger)).order_by(
    Rollup.end_ms.desc()
)
FAR_MS = 2**62  # later than any reading, and within the databases' integers


def moved_ms(session: Session) -> int:
    """Return up to where rollups are whole, and nothing is left among the recent."""
    return session.execute(select(ReadingMark.moved_ms).where(ReadingMark.id == 1)).scalar_one()


def hour_end_ms(at_ms: int) -> int:
    """Return the end of the hour `(start, end]` that an instant falls in."""
    return -(-at_ms // HOUR_MS) * HOUR_MS


def between(session: Session, key: int, since_ms: int, until_ms: int) -> Iterator[Stored]:
    """Yield the readings of one sensor in `(since, until]`, in order of time."""
    both = _both(session, [key], since_ms, until_ms).get(key)
    return iter(()) if both is None else both.in_order()


def of_many(
    session: Session, keys: Collection[int], since_ms: int, until_ms: int
) -> dict[int, list[Stored]]:
    """Return the readings in `(since, until]` of several sensors by key; one query."""
    both = _both(session, keys, since_ms, until_ms)
    return {key: list(found.in_order()) for key, found in sorted(both.items())}


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
    packed = (
        one.at_ms
        for end_ms, hour in session.execute(_OLDEST, {"key": key, "since": since_ms})
        for one in unpack(hour, end_ms)
        if one.at_ms > since_ms
    )
    return min((one for one in (recent, next(packed, None)) if one is not None), default=None)


def all_since(session: Session, since_ms: int) -> Iterator[tuple[int, Stored]]:
    """Yield every sensor's readings after `since_ms`, a few minutes ago, each sensor's in order.

    Two statements: the caller holds the mark (`ingest.rollups.hold_open`), lest readings move
    from one to the other in between.
    """
    packed = session.execute(
        select(ReadingHour.sensor, ReadingHour.end_ms, ReadingHour.packed)
        .where(ReadingHour.end_ms > since_ms)
        .order_by(ReadingHour.end_ms)
        .execution_options(yield_per=1000)
    )
    for key, end_ms, hour in packed:
        yield from ((key, one) for one in unpack(hour, end_ms) if one.at_ms > since_ms)
    recent = session.execute(
        RECENT.where(RecentReading.at_ms > since_ms)
        .order_by(RecentReading.at_ms)
        .execution_options(yield_per=1000)
    )
    yield from ((row.sensor, Stored(*row[1:])) for row in recent)


def last_good(session: Session, key: int, until_ms: int) -> Stored | None:
    """Return the last believable reading up to `until_ms`, such as a counter's total."""
    row = session.execute(
        RECENT.where(
            RecentReading.sensor == key,
            RecentReading.at_ms <= until_ms,
            RecentReading.quality <= BELIEVABLE,
            RecentReading.value.is_not(None),
        )
        .order_by(RecentReading.at_ms.desc())
        .limit(1)
    ).first()
    packed = (
        one
        for end_ms, hour in session.execute(
            _NEWEST, {"key": key, "hours": min(until_ms + HOUR_MS, FAR_MS)}
        )
        for one in reversed(unpack(hour, end_ms))
        if one.at_ms <= until_ms and is_good(one)
    )
    recent = None if row is None else Stored(*row[1:])
    found = [one for one in (recent, next(packed, None)) if one is not None]
    return max(found, default=None, key=lambda one: one.at_ms)


def count_between(session: Session, keys: Collection[int], since_ms: int, until_ms: int) -> int:
    """Return how many readings several sensors have in `(since, until]`."""
    return sum(one.how_many() for one in _both(session, keys, since_ms, until_ms).values())


def everything(session: Session) -> Iterator[tuple[int, Stored]]:
    """Yield every reading with its sensor's key, by sensor and time; for who checks it all."""
    keys = {*session.scalars(select(RecentReading.sensor).distinct())}
    keys |= {*session.scalars(select(ReadingHour.sensor).distinct())}
    for key in sorted(keys):
        yield from ((key, one) for one in between(session, key, 0, FAR_MS))


def is_good(one: Stored) -> bool:
    """Whether a reading is believable."""
    return one.value is not None and one.quality <= BELIEVABLE


class _Both(NamedTuple):
    """What one sensor has in `(since, until]`: recent readings, and the hours that touch it."""

    since_ms: int
    until_ms: int
    recent: list[Stored]
    hours: list[tuple[int, bytes]]  # (end, packed)

    def in_order(self) -> Iterator[Stored]:
        """Yield them in order of time; what is in both, since it is being moved, once."""
        recent = sorted(self.recent)
        hours = sorted(self.hours)
        packed = (one for hour in hours for one in self._inside(*hour))
        if not recent:
            yield from packed
            return
        last_ms = None
        for one in merge(packed, recent, key=lambda one: one.at_ms):
            if one.at_ms != last_ms:
                yield one
            last_ms = one.at_ms

    def how_many(self) -> int:
        """Return how many there are; a whole hour is not unpacked for that."""
        if self.recent:
            return sum(1 for _ in self.in_order())
        return sum(
            count(packed) if self._is_whole(end_ms) else len(self._inside(end_ms, packed))
            for end_ms, packed in self.hours
        )

    def _is_whole(self, end_ms: int) -> bool:
        return self.since_ms <= end_ms - HOUR_MS and end_ms <= self.until_ms

    def _inside(self, end_ms: int, packed: bytes) -> Sequence[Stored]:
        readings = unpack(packed, end_ms)
        if self._is_whole(end_ms):
            return readings
        return [one for one in readings if self.since_ms < one.at_ms <= self.until_ms]


def _both(
    session: Session, keys: Collection[int], since_ms: int, until_ms: int
) -> dict[int, _Both]:
    rows = session.execute(
        _BOTH,
        {
            "keys": list(keys),
            "since": since_ms,
            "until": until_ms,
            "hours": min(until_ms + HOUR_MS, FAR_MS),
        },
    )
    found: dict[int, _Both] = {}
    for key, at_ms, value, quality, raw, arrived_ms, packed in rows:
        both = found.get(key)
        if both is None:
            both = found[key] = _Both(since_ms, until_ms, [], [])
        if packed is None:
            both.recent.append(Stored(at_ms, value, quality, raw, arrived_ms))
        else:
            both.hours.append((at_ms, packed))
    return found
