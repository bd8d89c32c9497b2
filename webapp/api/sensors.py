"""Sensors: what each measures, from where, what it said last, and whether it still speaks."""

import uuid

from flask import g
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from models.errors import Missing
from models.readings import NEVER, Correction, Latest, latest
from models.registry import Element, Site
from models.sensor import Sensor
from models.times import from_ms, to_ms
from models.units import canonical_unit
from webapp.api.finding import site_of
from webapp.api.operations import Part
from webapp.api.paging import Order, Paged, page_of
from webapp.api.values import Answer, Line, Moment, Named, Thing, moment_of, named
from webapp.db import db, site_now

part = Part("sensors")
pages = part.pages

BY_SITE_AND_CODE = Order((Site.code, Sensor.code), lambda one: (one.site.code, one.code))


class SourceObject(Answer):
    """The channel of a device that a sensor is read from, and the unit in which it reports."""

    device: str
    channel: str
    unit: str


class LatestObject(Answer):
    """The newest reading. `value` null: reported, but not believable."""

    time: Moment
    value: float | None
    unit: str
    quality: int | None


class SensorObject(Thing):
    """One quantity at one place; its readings are in `unit`, the canonical one.

    `state`: fresh, stale (2 intervals), unknown (silent), never (not heard yet) or retired.
    """

    site: str
    building: str | None
    element: str | None
    name: Named | None
    quantity: str
    unit: str
    interval_s: int
    serves: list[str]
    compensate_with: str | None
    source: SourceObject | None
    heard_at: Moment | None
    silent_since: Moment | None
    retired_at: Moment | None
    latest: LatestObject | None


class SensorList(Answer):
    """A page of sensors."""

    items: list[SensorObject]
    next: str | None


class SensorQuery(Paged):
    """Which sensors."""

    site: Line | None = None


@part.get("/sensors", SensorList, "The sensors, by site and code", query=SensorQuery)
def sensors(query: SensorQuery) -> SensorList:
    """List the sensors of all sites, or of one."""
    statement = _whole()
    site = site_of("site", query.site)
    if site is not None:
        statement = statement.where(Sensor.site_id == site.id)
    rows, following = page_of(statement, BY_SITE_AND_CODE, query)
    said = latest(db.session(), [row.key for row in rows])
    return SensorList(
        items=[present(row, said.get(row.key, NEVER)) for row in rows], next=following
    )


@part.get("/sensors/<site>/<code>", SensorObject, "One sensor")
def sensor(site: str, code: str) -> SensorObject:
    """Show one sensor."""
    row = find_sensor(site, code)
    return present(row, latest(db.session(), [row.key]).get(row.key, NEVER))


def find_sensor(site: str, code: str) -> Sensor:
    """Return the sensor of an address; site and sensor by code or id. Raises Missing."""
    if "\x00" in site + code:
        raise Missing("sensor", "")
    match = _is(Site, site) & _is(Sensor, code)
    row = db.session.scalars(_whole().where(match)).unique().first()
    if row is None:
        raise Missing("sensor", f"{site}/{code}"[:120])
    return row


def _is(noun: type[Site] | type[Sensor], key: str) -> ColumnElement[bool]:
    try:
        return noun.id == uuid.UUID(key)
    except ValueError:
        return noun.code == key


def _whole() -> Select[tuple[Sensor]]:
    return (
        select(Sensor)
        .join(Sensor.site)
        .where(Sensor.visible_to(g.actor))
        .options(
            contains_eager(Sensor.site),
            joinedload(Sensor.building),
            joinedload(Sensor.element).joinedload(Element.building),
            selectinload(Sensor.epochs),
        )
    )


def present(sensor: Sensor, said: Latest) -> SensorObject:
    """Return a sensor as the API tells it."""
    building = sensor.building or (sensor.element.building if sensor.element else None)
    unit = canonical_unit(sensor.quantity)
    return SensorObject(
        id=sensor.id,
        code=sensor.code,
        version=sensor.version,
        state=_state(sensor, said),
        actions=[],
        site=sensor.site.code,
        building=building.code if building else None,
        element=sensor.element.code if sensor.element else None,
        name=named(sensor.name),
        quantity=sensor.quantity,
        unit=unit,
        interval_s=sensor.interval_s,
        serves=list(sensor.serves or ()),
        compensate_with=sensor.compensate_with,
        source=_source(sensor),
        heard_at=moment_of(said.heard_ms),
        silent_since=moment_of(said.silent_since_ms),
        retired_at=sensor.retired_at,
        latest=_latest(sensor, said, unit),
    )


def _state(sensor: Sensor, said: Latest) -> str:
    if sensor.retired_at is not None:
        return "retired"
    return said.standing(to_ms(site_now()), sensor.interval_s)


def _source(sensor: Sensor) -> SourceObject | None:
    last = sensor.epochs[-1] if sensor.epochs else None
    if last is None or last.device is None or last.kind == "retired":
        return None
    return SourceObject(device=last.device, channel=last.channel or "", unit=sensor.unit)


def _latest(sensor: Sensor, said: Latest, unit: str) -> LatestObject | None:
    if said.at_ms is None:
        return None
    value = Correction(sensor)(said.at_ms, said.value)
    at = from_ms(said.at_ms)
    return LatestObject(time=at, value=value, unit=unit, quality=said.quality)
