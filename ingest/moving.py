"""Closes hours: what is recent moves into packed hours, and their rollups are written.

In the background, in small transactions, and safe to be cut off anywhere: until the recent rows
of a closed hour are deleted they lie in both places, and whoever reads tells each once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ingest.rollups import Hour, Measured, days_of, merge_hours, write_days
from models.bars import day_end_ms
from models.chunks import chunks
from models.packed import Stored
from models.reading import ReadingHour, ReadingMark, RecentReading
from models.registry import Site
from models.sensor import Sensor, counters_begin
from models.store import Store
from models.stored import HOUR_MS, hour_end_ms, moved_ms, recent_of_range
from models.times import to_ms

GRACE = timedelta(minutes=2)  # what comes by then is moved with its hour, not written into it
LONGEST_DAY_MS = 25 * HOUR_MS
MOST_ROWS = 500_000  # are read at once: some 100 MB
AT_ONCE, CLEARS_AT_ONCE = 300, 10_000  # hours, rows of one transaction: live messages wait for it

Pair = tuple[int, int]
Opens = Callable[[], AbstractContextManager[Session]]
_MARK = select(ReadingMark).where(ReadingMark.id == 1).with_for_update()


def close_hours(store: Store, now: datetime) -> None:
    """Move what lies in hours that are over at `now`, in many small transactions."""
    _move(store.reading, store.writing, now)


def close_hours_within(session: Session, now: datetime) -> None:
    """Do the same in one transaction of the caller's, who alone uses the database."""
    _move(lambda: nullcontext(session), lambda: nullcontext(session), now)


def _move(reading: Opens, writing: Opens, now: datetime) -> None:
    with reading() as session:
        before_ms, over_ms = moved_ms(session), _over_ms(session, now)
    if over_ms <= before_ms:
        return
    with writing() as session:
        closed_ms = _close(session, over_ms)
    with reading() as session:
        sensors, slices = measured(session), list(_slices(session, closed_ms))
    days = _begun(sensors, before_ms)
    for low, high in slices:
        with reading() as session:
            hours = _gather(session, low, high, closed_ms)
        for some in chunks(sorted(hours), AT_ONCE):
            with writing() as session:
                made = merge_hours(session, sensors, {place: hours[place] for place in some})
            days |= days_of(sensors, made)
    for ended in chunks(sorted(day for day in days if day[1] <= closed_ms), AT_ONCE):
        with writing() as session:
            write_days(session, sensors, ended)
    cleared = False
    while not cleared:
        with writing() as session:
            cleared = _clear(session, closed_ms)


def count_as_moved(session: Session, until_ms: int) -> None:
    """Say that hours up to here are closed and whole, where nothing was ever recent up to it."""
    recent = select(RecentReading.at_ms).where(RecentReading.end_s <= until_ms // 1000).limit(1)
    if session.scalar(recent) is None:
        row = session.scalars(_MARK).one()
        row.closed_ms = max(row.closed_ms, until_ms)
        row.moved_ms = max(row.moved_ms, until_ms)


def _over_ms(session: Session, now: datetime) -> int:
    """Return the end of the last hour that is over, up to the end of the newest reading's day.

    No further: a clock that is wrong for a while must not close years to come, whose readings
    would each have to be written into a packed hour.
    """
    recent_s = session.scalar(select(func.max(RecentReading.end_s))) or 0
    packed_ms = session.scalar(select(func.max(ReadingHour.end_ms))) or 0
    newest_ms = max(hour_end_ms(recent_s * 1000), packed_ms)
    return min(to_ms(now - GRACE) // HOUR_MS * HOUR_MS, newest_ms + LONGEST_DAY_MS)


def _close(session: Session, over_ms: int) -> int:
    """Say that hours are closed; from here on their readings go into them, not among the recent.

    Whoever is storing holds the row: what it has put among the recent is there to be gathered.
    """
    row = session.scalars(_MARK).one()
    row.closed_ms = max(row.closed_ms, over_ms)  # a clock may have been set back
    session.flush()
    return row.closed_ms


def measured(session: Session) -> dict[int, Measured]:
    """Return what has to be known of each sensor to make its hours and days."""
    rows = session.execute(
        select(Sensor.key, Sensor.quantity, Site.timezone).join(Site, Site.id == Sensor.site_id)
    )
    begins = counters_begin(session)
    return {key: Measured(quantity, zone, begins.get(key, ())) for key, quantity, zone in rows}


def _slices(session: Session, closed_ms: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of sensors of which each has about as many readings as are read at once."""
    low, high, n = session.execute(
        select(func.min(RecentReading.sensor), func.max(RecentReading.sensor), func.count()).where(
            RecentReading.end_s <= closed_ms // 1000
        )
    ).one()
    if not n:
        return
    width = max(1, (high - low + 1) * MOST_ROWS // n)
    for start in range(low, high + 1, width):
        yield start, min(start + width - 1, high)


def _gather(session: Session, low: int, high: int, closed_ms: int) -> dict[Hour, list[Stored]]:
    hours: dict[Hour, list[Stored]] = defaultdict(list)
    for key, one in recent_of_range(session, low, high, closed_ms // 1000):
        hours[hour_end_ms(one.at_ms), key].append(one)
    return hours


def _begun(sensors: Mapping[int, Measured], before_ms: int) -> set[Pair]:
    """Return the local days that had begun when hours were last moved, of whoever is silent too."""
    if not before_ms:
        return set()
    zones = {facts.timezone for facts in sensors.values()}
    ends = {zone: day_end_ms(before_ms, zone) for zone in zones}
    return {(key, ends[facts.timezone]) for key, facts in sensors.items()}


def _clear(session: Session, closed_ms: int) -> bool:
    """Delete some of the recent rows that have been moved; once none is left, say so.

    It holds the row meanwhile: who reads recent and packed one after the other holds it too.
    """
    row = session.scalars(_MARK).one()
    closed_s = closed_ms // 1000
    last_s = session.scalar(
        select(RecentReading.end_s)
        .where(RecentReading.end_s <= closed_s)
        .order_by(RecentReading.end_s)
        .limit(1)
        .offset(CLEARS_AT_ONCE)
    )
    until_s = closed_s if last_s is None else last_s
    session.execute(delete(RecentReading).where(RecentReading.end_s <= until_s))
    if last_s is None:
        row.moved_ms = closed_ms
        session.flush()
    return last_s is None
