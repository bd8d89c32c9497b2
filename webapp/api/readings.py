"""A sensor's readings: raw, by the hour or by the day, page by page in order of time."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from flask import Response
from pydantic import Field
from sqlalchemy import select

from models.bars import Bar
from models.errors import BadInput, Fault
from models.reading import Rollup
from models.readings import Point, bars, raw, resolution_for, span_of
from models.reasons import reason
from models.sensor import Sensor
from models.times import from_ms, to_ms
from models.units import canonical_unit
from webapp.api.edge import answer_of
from webapp.api.operations import Part
from webapp.api.paging import Paged, after_cursor, cursor_at
from webapp.api.sensors import find_sensor
from webapp.api.values import LAST_MOMENT, Answer, Moment
from webapp.db import db, site_now

part = Part("readings")
pages = part.pages

USUAL_SPAN = timedelta(hours=24)
RESOLUTION_HEADER = "Ridgewatch-Resolution"
BarsAre = Literal["hour", "day"]


class RawReading(Answer):
    """One value as it was measured, corrected by the sensor's epochs; `raw` as it came.

    `quality`: 1 good, 2 not evaluated, 3 questionable, 4 bad, 9 missing.
    """

    time: Moment
    value: float | None
    unit: str
    quality: int
    raw: float | None


class BarReading(Answer):
    """An hour or a day by its end: the mean, for rain the sum in mm; `count` good readings."""

    time: Moment
    value: float | None
    min: float | None
    max: float | None
    count: int
    quality: int


class ReadingList(Answer):
    """A page of readings: all raw, or all of one resolution."""

    items: list[RawReading] | list[BarReading]
    next: str | None


class ReadingQuery(Paged):
    """Which stretch, `(since, until]`, and how fine."""

    since: Annotated[
        Moment | None, Field(description="Exclusive; 24 hours before `until` where it lacks.")
    ] = None
    until: Annotated[
        Moment | None, Field(description="Inclusive; up to the newest where it lacks.")
    ] = None
    resolution: Annotated[
        Literal["raw", "hour", "day", "auto"],
        Field(description="`auto`: the finest that keeps a chart below some thousand points."),
    ] = "raw"


@part.get(
    "/sensors/<site>/<code>/readings",
    ReadingList,
    "The readings of a sensor, the oldest first",
    query=ReadingQuery,
    headers={
        RESOLUTION_HEADER: {
            "description": "What the items are: raw, hour or day.",
            "schema": {"type": "string", "enum": ["raw", "hour", "day"]},
        }
    },
)
def readings(site: str, code: str, query: ReadingQuery) -> Response:
    """List the readings of a stretch."""
    since, until = _stretch(query)
    sensor = find_sensor(site, code)
    resolution = query.resolution
    if resolution == "auto":
        resolution = resolution_for(since, min(until, site_now()), sensor.interval_s)
    after = after_cursor(query)
    if after is not None:
        # What the first page settled holds for all: `until` and `auto` must not drift.
        after_ms, until_ms, resolution = after
        since, until = from_ms(after_ms), from_ms(until_ms)
    items = _read(sensor, resolution, since, until, query.limit + 1)
    more = len(items) > query.limit
    items = items[: query.limit]
    following = None
    if more:
        following = cursor_at((to_ms(items[-1].time), to_ms(until), resolution))
    answer = answer_of(ReadingList(items=items, next=following))
    answer.headers[RESOLUTION_HEADER] = resolution
    return answer


def _stretch(query: ReadingQuery) -> tuple[datetime, datetime]:
    until = query.until or LAST_MOMENT
    since = query.since or min(until, site_now()) - USUAL_SPAN
    if since >= until:
        raise BadInput([Fault("since", reason("api.since_after_until"))])
    return since, until


def _read(
    sensor: Sensor, resolution: str, since: datetime, until: datetime, most: int
) -> list[Any]:
    if resolution == "raw":
        unit = canonical_unit(sensor.quantity)
        return [_raw(point, unit) for point in raw(db.session(), sensor, since, until, most)]
    span_s = span_of(resolution)
    found = bars(db.session(), sensor, span_s, since, _page_end(sensor, span_s, since, until, most))
    # The growing one comes also where its row is there already; one hour is one item.
    unique = {bar.end_ms: bar for bar in found if to_ms(since) < bar.end_ms <= to_ms(until)}
    return [_bar(unique[end_ms]) for end_ms in sorted(unique)][:most]


def _page_end(sensor: Sensor, span_s: int, since: datetime, until: datetime, most: int) -> datetime:
    """Return where a page of `most` bars ends, so that years are never read for one page."""
    last_ms = db.session.scalar(
        select(Rollup.end_ms)
        .where(
            Rollup.sensor == sensor.key,
            Rollup.span_s == span_s,
            Rollup.end_ms > to_ms(since),
            Rollup.end_ms <= to_ms(until),
        )
        .order_by(Rollup.end_ms)
        .offset(most - 1)
        .limit(1)
    )
    return until if last_ms is None else from_ms(last_ms)


def _raw(point: Point, unit: str) -> RawReading:
    at = from_ms(point.at_ms)
    return RawReading(time=at, value=point.value, unit=unit, quality=point.quality, raw=point.raw)


def _bar(bar: Bar) -> BarReading:
    return BarReading(
        time=from_ms(bar.end_ms),
        value=bar.value,
        min=bar.min,
        max=bar.max,
        count=bar.count,
        quality=bar.quality,
    )
