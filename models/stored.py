"""Reads stored readings: the recent ones row by row, those of closed hours unpacked.

All that reads readings goes through here. One statement reads both, so that a reading which moves
meanwhile is not missed; one that lies in both places is told once.

Recent rows lie by second, then by sensor. To find those of a few sensors one may walk past the
rows of all, or probe each second for them: see `_way`.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from heapq import merge
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Executable,
    Float,
    Integer,
    LargeBinary,
    Select,
    SmallInteger,
    and_,
    bindparam,
    case,
    cast,
    func,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from models.packed import Stored, count, unpack
from models.reading import (
    HOUR_S,
    ReadingHour,
    ReadingMark,
    RecentReading,
    Rollup,
    SensorState,
    second_of,
)

HOUR_MS = HOUR_S * 1000
BELIEVABLE = 3  # quality flags up to "questionable"
FAR_MS = 2**62  # later than any reading, and within the databases' integers
_AT_ONCE = 20  # packed hours, where mostly the first one answers
_ROWS_A_PROBE = 20  # rows are walked past in the time of a probe, measured on SQLite
_MOST_PROBES = 100_000
_SENSORS = "sensors"  # where a session keeps how many there are

RECENT = select(
    RecentReading.sensor,
    RecentReading.at_ms,
    RecentReading.value,
    RecentReading.quality,
    RecentReading.raw,
    RecentReading.arrived_ms,
)
_IN_ORDER = (RecentReading.end_s, RecentReading.sensor, RecentReading.at_ms)
_KEYS: BindParameter[int] = bindparam("keys", type_=Integer, expanding=True)
_SINCE = bindparam("since", type_=BigInteger)
_FIRST_S, _LAST_S = bindparam("first_s", type_=BigInteger), bindparam("last_s", type_=BigInteger)


def _walking(recent: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Return a statement about recent rows that walks from `first_s` to `last_s`."""
    return recent.where(RecentReading.end_s.between(_FIRST_S, _LAST_S))


def _probing(recent: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Return one that probes each of these seconds: sensors follow seconds in the key."""
    seconds = select(_FIRST_S.label("end_s")).cte("seconds", recursive=True)
    seconds = seconds.union_all(select(seconds.c.end_s + 1).where(seconds.c.end_s < _LAST_S))
    return recent.join_from(seconds, RecentReading, RecentReading.end_s == seconds.c.end_s)


_WANTED = RECENT.where(
    RecentReading.sensor.in_(_KEYS),
    RecentReading.at_ms > _SINCE,
    RecentReading.at_ms <= bindparam("until", type_=BigInteger),
)
_RANGE = RECENT.where(RecentReading.sensor.between(bindparam("low"), bindparam("high")))
_SPREAD = select(
    select(func.min(RecentReading.end_s)).scalar_subquery(),
    select(func.max(RecentReading.end_s)).scalar_subquery(),
)

# A sensor's hours are found by its rollups, which lie together.
_PACKED = and_(ReadingHour.end_ms == Rollup.end_ms, ReadingHour.sensor == Rollup.sensor)
_OF_MANY = (
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
    )
)
_OF_ONE = (
    select(ReadingHour.end_ms, ReadingHour.packed)
    .select_from(Rollup)
    .join(ReadingHour, _PACKED)
    .where(Rollup.sensor == bindparam("key"), Rollup.span_s == HOUR_S)
    .execution_options(yield_per=_AT_ONCE)
)
_END = bindparam("end", type_=BigInteger)
_OF_HOUR = select(ReadingHour.sensor, ReadingHour.packed).where(
    ReadingHour.end_ms == _END, ReadingHour.sensor.in_(_KEYS)
)
_OF_SECOND = RECENT.where(RecentReading.end_s == _END, RecentReading.sensor.in_(_KEYS))
_OLDEST = _OF_ONE.where(Rollup.end_ms > _SINCE).order_by(Rollup.end_ms).limit(2)
_NEWEST = _OF_ONE.where(Rollup.end_ms < bindparam("hours", type_=BigInteger)).order_by(
    Rollup.end_ms.desc()
)


class _Way(NamedTuple):
    """One way to find the recent readings of some sensors, and the statements that go it."""

    both: Executable  # with the hours that touch the same stretch
    first: Executable
    last_good: Executable


def _statements(recent: Select[*tuple[Any, ...]]) -> _Way:
    good = recent.where(RecentReading.quality <= BELIEVABLE, RecentReading.value.is_not(None))
    return _Way(
        union_all(recent.add_columns(cast(null(), LargeBinary)), _OF_MANY),
        recent.order_by(*_IN_ORDER).limit(1),
        good.order_by(*(column.desc() for column in _IN_ORDER)).limit(1),
    )


_WALK, _PROBE = _statements(_walking(_WANTED)), _statements(_probing(_WANTED))
_WALK_RANGE, _PROBE_RANGE = _walking(_RANGE), _probing(_RANGE)


def _way(
    session: Session, keys: Collection[int], since_ms: int, until_ms: int
) -> tuple[_Way, dict[str, Any]]:
    """Return the way that finds readings in `(since, until]` sooner, and its parameters.

    Past all rows, of which a sensor is taken to send one a minute; or with a probe for each
    second and sensor, which with a million sensors is thousands of times quicker.
    """
    told = {"keys": list(keys), "since": since_ms, "until": until_ms}
    first_s, last_s, way = second_of(since_ms + 1), second_of(until_ms), _WALK
    if len(keys) * _ROWS_A_PROBE < _sensors(session) / 60:
        oldest_s, newest_s = session.execute(_SPREAD).one()
        first_s, last_s = max(first_s, oldest_s or 0), min(last_s, newest_s or 0)
        way = _PROBE if last_s - first_s < _MOST_PROBES else _WALK
    return way, {**told, "first_s": first_s, "last_s": last_s}


def _sensors(session: Session) -> int:
    """Return about how many sensors there are: as many as when this session first asked."""
    if _SENSORS not in session.info:
        highest = session.scalar(select(func.max(SensorState.sensor)))
        session.info[_SENSORS] = highest or 0
    found: int = session.info[_SENSORS]
    return found


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


def of_instants(
    session: Session, instants: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Stored]:
    """Return the readings of exactly these (sensor, instant); a query for each hour of theirs, and
    for each second of which something may be recent.
    """
    wanted = set(instants)
    found: dict[tuple[int, int], Stored] = {}
    open_ms = moved_ms(session)
    # The recent first: what moves meanwhile is packed before it is deleted there.
    for end_s, keys in _together((one for one in wanted if one[1] > open_ms), second_of):
        recent = session.execute(_OF_SECOND, {"keys": keys, "end": end_s})
        found.update({(row.sensor, row.at_ms): Stored(*row[1:]) for row in recent})
    for end_ms, keys in _together(wanted, hour_end_ms):
        packed = session.execute(_OF_HOUR, {"keys": keys, "end": end_ms})
        found.update(
            {(key, one.at_ms): one for key, hour in packed for one in unpack(hour, end_ms)}
        )
    return {place: found[place] for place in wanted & found.keys()}


def _together(
    instants: Iterable[tuple[int, int]], end_of: Callable[[int], int]
) -> list[tuple[int, list[int]]]:
    """Return which sensors have instants that end alike, by that end."""
    found: dict[int, set[int]] = {}
    for key, at_ms in instants:
        found.setdefault(end_of(at_ms), set()).add(key)
    return [(end, sorted(keys)) for end, keys in sorted(found.items())]


def hour_of(session: Session, key: int, end_ms: int) -> list[Stored]:
    """Return what is packed of one hour."""
    packed = session.scalar(
        select(ReadingHour.packed).where(ReadingHour.end_ms == end_ms, ReadingHour.sensor == key)
    )
    return [] if packed is None else unpack(packed, end_ms)


def first_ms(session: Session, key: int, since_ms: int) -> int | None:
    """Return the instant of a sensor's first reading after `since_ms`."""
    way, told = _way(session, [key], since_ms, FAR_MS)
    row = session.execute(way.first, told).first()
    recent = None if row is None else row.at_ms
    packed = (
        one.at_ms
        for end_ms, hour in session.execute(_OLDEST, {"key": key, "since": since_ms})
        for one in unpack(hour, end_ms)
        if one.at_ms > since_ms
    )
    return min((one for one in (recent, next(packed, None)) if one is not None), default=None)


def first_of_many(session: Session, stretches: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """Return the instant of each sensor's first reading in its `(since, until]`, if it has one.

    One query for all; and some more for who has nothing in the first hour that touches its own,
    or has recent ones that old.
    """
    if not stretches:
        return {}
    since = case({key: one[0] for key, one in stretches.items()}, value=SensorState.sensor)
    oldest = (
        select(func.min(Rollup.end_ms))
        .where(
            Rollup.sensor == SensorState.sensor,
            Rollup.span_s == HOUR_S,
            Rollup.end_ms > cast(since, BigInteger),
        )
        .scalar_subquery()
    )
    hours = session.execute(
        select(SensorState.sensor, ReadingHour.end_ms, ReadingHour.packed)
        .join(
            ReadingHour,
            and_(ReadingHour.sensor == SensorState.sensor, ReadingHour.end_ms == oldest),
        )
        .where(SensorState.sensor.in_(stretches))
    )
    there = {key: (end_ms, unpack(packed, end_ms)) for key, end_ms, packed in hours}
    open_ms, found = moved_ms(session), {}
    for key, (since_ms, until_ms) in stretches.items():
        end_ms, readings = there.get(key, (None, ()))
        at_ms = next((one.at_ms for one in readings if one.at_ms > since_ms), None)
        if at_ms is None and (end_ms is not None or until_ms > open_ms):
            at_ms = first_ms(session, key, since_ms)
        if at_ms is not None and at_ms <= until_ms:
            found[key] = at_ms
    return found


def all_of(
    session: Session, since_ms: int, until_ms: int, wanted: Container[int] | None
) -> Iterator[tuple[int, Stored]]:
    """Yield the readings in `(since, until]`, some minutes, of all or the wanted sensors.

    Each sensor's are in order. Two statements: the caller holds the mark
    (`ingest.rollups.hold_open`), lest readings move from one to the other in between.
    """
    packed = session.execute(
        select(ReadingHour.sensor, ReadingHour.end_ms, ReadingHour.packed)
        .where(ReadingHour.end_ms > since_ms, ReadingHour.end_ms < min(until_ms + HOUR_MS, FAR_MS))
        .order_by(ReadingHour.end_ms)
        .execution_options(yield_per=1000)
    )
    for key, end_ms, hour in packed:
        if wanted is None or key in wanted:
            readings = unpack(hour, end_ms)
            yield from ((key, one) for one in readings if since_ms < one.at_ms <= until_ms)
    recent = session.execute(
        RECENT.where(
            RecentReading.end_s.between(second_of(since_ms + 1), second_of(until_ms)),
            RecentReading.at_ms > since_ms,
            RecentReading.at_ms <= until_ms,
        )
        .order_by(*_IN_ORDER)
        .execution_options(yield_per=1000)
    )
    yield from (
        (row.sensor, Stored(*row[1:])) for row in recent if wanted is None or row.sensor in wanted
    )


def recent_of_range(
    session: Session, low: int, high: int, last_s: int
) -> Iterator[tuple[int, Stored]]:
    """Yield recent readings of the sensors from `low` to `high`, up to a second."""
    first_s = session.scalar(select(func.min(RecentReading.end_s))) or 0
    statement = _PROBE_RANGE if last_s - first_s < _MOST_PROBES else _WALK_RANGE
    told = {"low": low, "high": high, "first_s": first_s, "last_s": last_s}
    yield from ((row.sensor, Stored(*row[1:])) for row in session.execute(statement, told))


def last_good(session: Session, key: int, until_ms: int) -> Stored | None:
    """Return the last believable reading up to `until_ms`, such as a counter's total."""
    way, told = _way(session, [key], -1, until_ms)
    row = session.execute(way.last_good, told).first()
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
    if not keys:
        return {}
    way, told = _way(session, keys, since_ms, until_ms)
    rows = session.execute(way.both, {**told, "hours": min(until_ms + HOUR_MS, FAR_MS)})
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
