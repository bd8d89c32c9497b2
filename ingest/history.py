"""Loads a past that nobody has to judge any more: hourly readings with their hours and days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby, starmap
from typing import cast

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session, joinedload

from ingest.moving import count_as_moved
from ingest.storing import insert_rows, write_many
from models.bars import Bar, day_end_ms, is_rain, of_hours
from models.packed import Stored, pack
from models.reading import DAY_S, HOUR_S, ReadingHour, Rollup, SensorState
from models.rules.rain import Gauge, mm_of
from models.sensor import Sensor
from models.stored import hour_end_ms
from models.units import quality_of

# Tuples in the order of the tables' columns; a `Bar` is in that order after sensor and span.
_INSERT_HOUR = insert_rows(cast(Table, ReadingHour.__table__))
_INSERT_BAR = insert_rows(cast(Table, Rollup.__table__))

Hourly = tuple[str, int, float]
"""`site/code`, milliseconds, value in the canonical unit."""


def load_history(session: Session, readings: Iterable[Hourly]) -> int:
    """Load hourly readings, in order of time, of sensors that have none yet; return how many.

    The caller commits. It is for whole years: one statement a table and sensor.
    """
    by_sensor: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for name, at_ms, value in readings:
        by_sensor[name].append((at_ms, value))
    rows = session.scalars(select(Sensor).options(joinedload(Sensor.site)))
    sensors = {f"{row.site.code}/{row.code}": row for row in rows}
    days = _Days()
    for name in sorted(by_sensor):
        _load(session, sensors[name], by_sensor[name], days)
    last_ms = max((values[-1][0] for values in by_sensor.values() if values), default=0)
    count_as_moved(session, hour_end_ms(last_ms))
    return sum(map(len, by_sensor.values()))


def _load(
    session: Session, sensor: Sensor, values: Sequence[tuple[int, float]], days: _Days
) -> None:
    key = sensor.key
    flagged = [(at_ms, value, quality_of(sensor.quantity, value)) for at_ms, value in values]
    packed = [
        (end_ms, key, pack(list(readings), end_ms))
        for end_ms, readings in groupby(
            starmap(Stored, flagged), key=lambda one: hour_end_ms(one.at_ms)
        )
    ]
    write_many(session, _INSERT_HOUR, packed)
    hours = _hours(sensor.quantity, flagged)
    bars = [(key, HOUR_S, *hour) for hour in hours]
    bars += [(key, DAY_S, *day) for day in days.of(hours, sensor)]
    write_many(session, _INSERT_BAR, bars)
    at_ms, value, quality = flagged[-1]
    state = {"sensor": key, "heard_ms": at_ms, "at_ms": at_ms, "value": value, "quality": quality}
    session.execute(insert(SensorState), [state])


def _hours(quantity: str, values: Iterable[tuple[int, float, int]]) -> list[Bar]:
    """Return an hour of each reading: what it measured, or what rain it credits."""
    if not is_rain(quantity):
        return [Bar(at_ms, value, value, value, 1, q) for at_ms, value, q in values]
    gauge = Gauge(counter=quantity == "rain_total")
    hours = []
    for at_ms, value, quality in values:
        credit = gauge.read(at_ms, value)
        mm = mm_of(credit.um) if credit else 0.0
        hours.append(Bar(at_ms, mm, mm, mm, 1, quality))
    return hours


class _Days:
    """Puts hours into local days; sites share zones, and so the reckoning."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int], int] = {}

    def of(self, hours: Iterable[Bar], sensor: Sensor) -> list[Bar]:
        """Return the days that are over."""
        found: dict[int, list[Bar]] = defaultdict(list)
        for hour in hours:
            found[self._end(sensor.site.timezone, hour.end_ms)].append(hour)
        newest_ms = max((hour.end_ms for day in found.values() for hour in day), default=0)
        return [
            of_hours(end_ms, day, sensor.quantity)
            for end_ms, day in found.items()
            if end_ms <= newest_ms
        ]

    def _end(self, zone: str, at_ms: int) -> int:
        known = self._ends.get((zone, at_ms))
        if known is None:
            known = self._ends[zone, at_ms] = day_end_ms(at_ms, zone)
        return known
