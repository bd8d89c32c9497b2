"""Writes the whole registry as a file; loading that file changes nothing."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models.people import Organisation
from models.reasons import Json
from models.registry import Building, Drawing, Element, Site, Zone
from models.registry_file.known import Known, source_of, working_epoch
from models.registry_file.places import pins_of
from models.rulebook import RuleRow
from models.sensor import Sensor
from models.times import iso


def dump(session: Session) -> dict[str, Json]:
    """Return the registry as a document, in order of codes; what is retired says so."""
    known = Known.read(session)
    return {
        "organisations": [_organisation(row, known) for row in _sorted(known.organisations)],
        "sites": [_site(row, known) for row in _sorted(known.sites)],
        "rules": [_rule(row) for row in _sorted(known.rules)],
    }


def _sorted(rows: Mapping[str, Any]) -> list[Any]:
    return [row for _, row in sorted(rows.items())]


def _organisation(row: Organisation, known: Known) -> dict[str, Json]:
    parents = {each.id: each.code for each in known.organisations.values()}
    licence = {
        "grade": row.licence_grade,
        "scope": row.licence_scope,
        "number": row.licence_number,
        "until": None if row.licence_until is None else _day(row.licence_until),
    }
    return _given(
        code=row.code,
        kind=row.kind,
        name=row.name,
        parent=parents[row.parent_id] if row.parent_id else None,
        phone=row.phone or None,
        licence={key: value for key, value in licence.items() if value} or None,
    )


def _day(until: datetime) -> str:
    """Return the last whole day where it ends at midnight, UTC, else the moment."""
    until = until.astimezone(UTC)
    if until == until.replace(hour=0, minute=0, second=0, microsecond=0):
        return (until - timedelta(days=1)).date().isoformat()
    return iso(until)


def _site(row: Site, known: Known) -> dict[str, Json]:
    owners = {each.id: each.code for each in known.organisations.values()}
    located = row.latitude is not None and row.longitude is not None
    buildings = _of_site(known.buildings.values(), row.id)
    return _given(
        code=row.code,
        name=row.name,
        organisation=owners[row.organisation_id] if row.organisation_id else None,
        protection_level=row.protection_level,
        timezone=row.timezone,
        location={"lat": row.latitude, "lon": row.longitude} if located else None,
        address=row.address,
        phone=row.phone or None,
        responsible=row.responsible,
        superiors=row.superiors,
        retired=row.retired or None,
        sensors=_sensors(row.id, None, known),
        buildings=[_building(building, known) for building in buildings],
        zones=[_zone(zone, known) for zone in _of_site(known.zones.values(), row.id)],
        drawings=_drawings(row.id, None, known),
    )


def _building(row: Building, known: Known) -> dict[str, Json]:
    elements = [each for each in known.elements.values() if each.building_id == row.id]
    return _given(
        code=row.code,
        name=row.name,
        retired=row.retired or None,
        elements=[_element(each) for each in sorted(elements, key=lambda each: each.code)],
        sensors=_sensors(row.site_id, row.id, known),
        drawings=_drawings(row.site_id, row.id, known),
    )


def _element(row: Element) -> dict[str, Json]:
    return _given(
        code=row.code,
        type=row.type or None,
        name=row.name,
        orientation=row.orientation or None,
        height_m=row.height_m,
        retired=row.retired or None,
    )


def _zone(row: Zone, known: Known) -> dict[str, Json]:
    buildings = {str(each.id): each.code for each in known.buildings.values()}
    elements = {str(each.id): f"{key[1]}/{key[2]}" for key, each in known.elements.items()}
    zones = {str(each.id): each.code for each in known.zones.values()}
    return _given(
        code=row.code,
        name=row.name,
        buildings=[buildings[each] for each in row.building_ids],
        elements=[elements[each] for each in row.element_ids],
        parents=[zones[each] for each in row.parent_ids],
        also_affects=[zones[each] for each in row.also_affects],
        retired=row.retired or None,
    )


def _sensors(site: uuid.UUID, building: uuid.UUID | None, known: Known) -> list[Json]:
    rows = _of_site(known.sensors.values(), site)
    return [_sensor(row, known) for row in rows if row.building_id == building]


def _sensor(row: Sensor, known: Known) -> dict[str, Json]:
    elements = {each.id: each.code for each in known.elements.values()}
    epoch, source = working_epoch(row), source_of(row)
    offset, scale = (epoch.offset, epoch.scale) if epoch else (0.0, 1.0)
    return _given(
        code=row.code,
        name=row.name,
        quantity=row.quantity,
        unit=row.unit,
        element=elements[row.element_id] if row.element_id else None,
        interval_s=row.interval_s,
        serves=row.serves or None,
        source={"device": source[0], "channel": source[1]} if source else None,
        compensate_with=row.compensate_with,
        offset=offset or None,
        scale=None if scale == 1.0 else scale,
        retired=True if row.retired_at else None,
    )


def _drawings(site: uuid.UUID, building: uuid.UUID | None, known: Known) -> list[Json]:
    rows = _of_site(known.drawings.values(), site)
    return [_drawing(row, known) for row in rows if row.building_id == building]


def _drawing(row: Drawing, known: Known) -> dict[str, Json]:
    elements = {each.id: f"{key[1]}/{key[2]}" for key, each in known.elements.items()}
    sensors = {each.id: each.code for each in known.sensors.values()}
    return _given(
        code=row.code,
        kind=row.kind,
        orientation=row.orientation or None,
        name=row.name,
        width=row.width,
        height=row.height,
        shapes=row.shapes,
        pins=[
            _given(
                sensor=sensors[pin.sensor_id] if pin.sensor_id else None,
                element=elements[pin.element_id] if pin.element_id else None,
                x=pin.x,
                y=pin.y,
            )
            for pin in pins_of(row)
        ],
    )


def _rule(row: RuleRow) -> dict[str, Json]:
    spec = dict(row.current.spec)
    return {**spec, "off": True} if row.off_at else spec


def _of_site(rows: Iterable[Any], site: uuid.UUID) -> list[Any]:
    return sorted((row for row in rows if row.site_id == site), key=lambda row: row.code)


def _given(**values: Json) -> dict[str, Json]:
    return {key: value for key, value in values.items() if value is not None}
