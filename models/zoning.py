"""What belongs to a zone: its buildings and elements, its part zones, and what also affects it."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.registry import Building, Element, Site, Zone
from models.sensor import Sensor


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything whose trouble is the zone's trouble. Ids are texts, as zones store them."""

    site_id: uuid.UUID
    zone_ids: frozenset[str]
    building_ids: frozenset[str]  # also those of which only an element belongs
    element_ids: frozenset[str]
    served_as: frozenset[str]  # the codes by which a sensor may serve it

    def covers(
        self,
        *,
        zone_id: uuid.UUID | None = None,
        building_id: uuid.UUID | None = None,
        element_id: uuid.UUID | None = None,
    ) -> bool:
        """Whether a thing that hangs there concerns the zone; one on the whole site does."""
        if zone_id is not None and str(zone_id) in self.zone_ids:
            return True
        if element_id is not None:
            return str(element_id) in self.element_ids
        if building_id is not None:
            return str(building_id) in self.building_ids
        return zone_id is None

    def covers_sensor(self, sensor: Sensor) -> bool:
        """Whether a sensor stands in the zone or serves it."""
        if self.served_as.intersection(sensor.serves or ()):
            return True
        if sensor.building_id is None and sensor.element_id is None:
            return not sensor.serves
        return self.covers(building_id=sensor.building_id, element_id=sensor.element_id)


def zone_scope(session: Session, zone: Zone) -> Scope:
    """Return what belongs to a zone: itself, its parts, what also affects it, and its wholes.

    A zone named in `parent_ids` contains the zone; a zone lists in `also_affects` those that
    its own trouble reaches. What hangs on a containing zone as such concerns its parts as well,
    and so does what hangs on a zone that shares an element with it. An element that was taken
    off the registry still counts: its findings and sensors are not settled by that.
    """
    zones = session.scalars(select(Zone).where(Zone.site_id == zone.site_id)).all()
    inside = _inside(zone, zones)
    wholes = _wholes(zone, zones)
    elements = _elements(session, zone.site_id, retired=True)
    named_buildings = {str(i) for member in inside for i in member.building_ids}
    named_elements = {str(i) for member in inside for i in member.element_ids}
    mine = [
        element
        for element in elements
        if str(element.id) in named_elements or str(element.building_id) in named_buildings
    ]
    around = {one.id: one for one in (*inside, *wholes, *_sharing(mine, zones))}.values()
    return Scope(
        site_id=zone.site_id,
        zone_ids=frozenset(str(member.id) for member in around),
        building_ids=frozenset(named_buildings | {str(one.building_id) for one in mine}),
        element_ids=frozenset(str(one.id) for one in mine),
        served_as=frozenset({zone.site.code} | {member.code for member in around}),
    )


def own_elements(session: Session, zone: Zone) -> list[Element]:
    """Return the elements that stand in the zone itself and in its parts."""
    zones = session.scalars(select(Zone).where(Zone.site_id == zone.site_id)).all()
    return elements_in(zone, zones, _elements(session, zone.site_id))


def elements_in(zone: Zone, zones: Iterable[Zone], elements: Iterable[Element]) -> list[Element]:
    """Return those of the site's elements that stand in the zone itself and in its parts."""
    parts = _grow({zone.id: zone}, zones, lambda found, one: _ids(one.parent_ids) & found)
    buildings = {str(i) for part in parts for i in part.building_ids}
    names = {str(i) for part in parts for i in part.element_ids}
    return [
        element
        for element in elements
        if str(element.id) in names or str(element.building_id) in buildings
    ]


def proposed_radius_m(session: Session, zone: Zone) -> float | None:
    """Return the height of the zone's highest element: what falls may land that far away.

    ICCROM, First Aid to Cultural Heritage: a circular buffer, its radius the element's height.
    """
    heights = [one.height_m for one in own_elements(session, zone) if one.height_m is not None]
    return max(heights, default=None)


def zones_with(
    session: Session,
    site_id: uuid.UUID,
    *,
    building_id: uuid.UUID | None = None,
    element_id: uuid.UUID | None = None,
) -> list[Zone]:
    """Return the zones that name the element or its building, the narrowest first."""
    if element_id is not None and building_id is None:
        element = session.get(Element, element_id)
        building_id = element.building_id if element else None
    zones = session.scalars(
        select(Zone).where(Zone.site_id == site_id, Zone.retired.is_(False)).order_by(Zone.code)
    )
    by_element = str(element_id) if element_id else None
    found = [zone for zone in zones if _names(zone, by_element, str(building_id))]
    return sorted(found, key=lambda zone: (by_element not in _ids(zone.element_ids), zone.code))


def zone_of_building(session: Session, building: Building) -> Zone:
    """Return the zone that is the whole building; it is made where nobody has named one."""
    for zone in zones_with(session, building.site_id, building_id=building.id):
        if _ids(zone.building_ids) == {str(building.id)} and not zone.element_ids:
            return zone
    taken = set(session.scalars(select(Zone.code).where(Zone.site_id == building.site_id)))
    code = building.code if building.code not in taken else f"{building.code}-whole"
    zone = Zone(
        id=uuid.uuid4(),
        site=building.site,
        code=code,
        name=building.name,
        building_ids=[str(building.id)],
        element_ids=[],
        parent_ids=[],
        also_affects=[],
    )
    session.add(zone)
    session.flush()
    return zone


def _names(zone: Zone, element_id: str | None, building_id: str) -> bool:
    return element_id in _ids(zone.element_ids) or building_id in _ids(zone.building_ids)


def _ids(stored: Iterable[Any] | None) -> set[str]:
    return {str(one) for one in stored or ()}


def _inside(zone: Zone, zones: Iterable[Zone]) -> list[Zone]:
    return _grow(
        {zone.id: zone},
        zones,
        lambda found, one: (_ids(one.parent_ids) | _ids(one.also_affects)) & found,
    )


def _sharing(elements: Iterable[Element], zones: Iterable[Zone]) -> list[Zone]:
    """Return the zones to which at least one of the elements belongs."""
    places = [(str(one.id), str(one.building_id)) for one in elements]
    return [zone for zone in zones if any(_names(zone, *place) for place in places)]


def _wholes(zone: Zone, zones: Iterable[Zone]) -> list[Zone]:
    by_id = {str(one.id): one for one in zones}
    found: dict[str, Zone] = {}
    waiting = _ids(zone.parent_ids)
    while waiting:
        key = waiting.pop()
        if key in by_id and key not in found:
            found[key] = by_id[key]
            waiting |= _ids(by_id[key].parent_ids)
    return list(found.values())


def _grow(found: dict[uuid.UUID, Zone], zones: Iterable[Zone], belongs: Any) -> list[Zone]:
    grown = True
    while grown:
        names = {str(key) for key in found}
        more = {one.id: one for one in zones if one.id not in found and belongs(names, one)}
        grown = bool(more)
        found = {**found, **more}
    return list(found.values())


def _elements(session: Session, site_id: uuid.UUID, *, retired: bool = False) -> list[Element]:
    mine = select(Element).join(Building).where(Building.site_id == site_id)
    if not retired:
        mine = mine.where(Element.retired.is_(False))
    return list(session.scalars(mine.options(selectinload(Element.building))))


def site_of(session: Session, site_id: uuid.UUID) -> Site:
    """Return a site that must be there."""
    return session.get_one(Site, site_id)
