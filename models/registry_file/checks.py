"""Checks what a registry file says against itself and against what is registered already."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from models.registry_file import walk
from models.registry_file.known import InBuilding, InSite, Known, element_key, has_readings
from models.registry_file.sensor_checks import SensorChecks
from models.registry_file.where import Entry


@dataclass(slots=True)
class Names:
    """Every code that exists once the file is loaded."""

    organisations: set[str]
    sites: set[str]
    buildings: set[InSite]
    elements: set[InBuilding]
    zones: set[InSite]
    sensors: set[InSite]

    @classmethod
    def after(cls, document: Entry, known: Known) -> "Names":
        """Return what is known and what the file adds."""
        return cls(
            {*known.organisations, *(each.code for each in document.entries("organisations"))},
            {*known.sites, *(code for code, _ in walk.sites(document))},
            {*known.buildings, *(key for key, _ in walk.in_sites(document, "buildings"))},
            {*known.elements, *(key for key, _ in walk.elements(document))},
            {*known.zones, *(key for key, _ in walk.in_sites(document, "zones"))},
            {*known.sensors, *(key for key, _, _ in walk.placed(document, "sensors"))},
        )


def check(session: Session, document: Entry, known: Known, pruned: Collection[InSite]) -> None:
    """Note on the file's places everything that can't be loaded; changes nothing."""
    names = Names.after(document, known)
    _check_codes(document)
    _check_organisations(document, known, names)
    for code, site in walk.sites(document):
        _require(site, code in known.sites, "name")
        _check_owner(site, document, known)
    for key, building in walk.in_sites(document, "buildings"):
        _require(building, key in known.buildings, "name")
    for place, element in walk.elements(document):
        _require(element, place in known.elements, "name")
    for key, zone in walk.in_sites(document, "zones"):
        _require(zone, key in known.zones, "name")
        _check_zone(key, zone, names)
    _check_zone_parents(document, known)
    for key, building_code, drawing in walk.placed(document, "drawings"):
        _require(drawing, key in known.drawings, "kind", "name")
        _check_pins(key[0], building_code, drawing, names)
    sensors = SensorChecks(document, known, names.sites, names.zones, names.elements, pruned)
    sensors.run(lambda sensor: has_readings(session, sensor))


def _require(entry: Entry, exists: bool, *keys: str) -> None:
    for key in keys:
        if not exists and key not in entry.given and key not in entry.faulty:
            entry.at.key(key).fault("required", key=key)


def _check_codes(document: Entry) -> None:
    """Every code once: sensors and drawings in their site, the rest in its list."""
    _unique((each.code, each) for each in document.entries("organisations"))
    _unique((each.code, each) for each in document.entries("rules"))
    _unique(walk.sites(document))
    for key in ("buildings", "zones"):
        _unique(walk.in_sites(document, key))
    _unique(walk.elements(document))
    for key in ("sensors", "drawings"):
        _unique((found, entry) for found, _, entry in walk.placed(document, key))


def _unique(entries: Iterable[tuple[Any, Entry]]) -> None:
    seen: dict[Any, Entry] = {}
    for key, entry in entries:
        if not isinstance(key, str | tuple):
            continue  # no code at all: whoever reads the entry says so
        if key and key in seen:
            entry.at.key("code").fault("code_twice", code=entry.code, first=seen[key].at.path)
        seen.setdefault(key, entry)


def _check_organisations(document: Entry, known: Known, names: Names) -> None:
    parents = {
        row.code: [other.code]
        for row in known.organisations.values()
        for other in known.organisations.values()
        if other.id == row.parent_id
    }
    for entry in document.entries("organisations"):
        _require(entry, entry.code in known.organisations, "kind", "name")
        parent = entry.given.get("parent")
        if parent is not None and parent not in names.organisations:
            entry.at.key("parent").fault("no_such", kind="organisation", code=parent)
        if "parent" in entry.given:
            parents[entry.code] = [parent] if parent else []
    for entry in document.entries("organisations"):
        if entry.given.get("parent") and _is_own_ancestor(entry.code, parents):
            entry.at.key("parent").fault("own_ancestor", code=entry.code)


def _check_owner(site: Entry, document: Entry, known: Known) -> None:
    owner = site.given.get("organisation")
    if owner is None:
        return
    kinds = {code: row.kind for code, row in known.organisations.items()}
    for entry in document.entries("organisations"):
        kinds[entry.code] = entry.given.get("kind") or kinds.get(entry.code, "authority")
    if owner not in kinds:
        site.at.key("organisation").fault("no_such", kind="organisation", code=owner)
    elif kinds[owner] != "authority":
        site.at.key("organisation").fault("not_an_authority", code=owner)


def _check_zone(key: InSite, zone: Entry, names: Names) -> None:
    site = key[0]
    for place, code in _listed(zone, "buildings"):
        if (site, code) not in names.buildings:
            place.at.fault("no_such", kind="building", code=code)
    for place, reference in _listed(zone, "elements"):
        found = element_key(reference, site, None)
        if found is None:
            place.at.fault("element_needs_building", code=reference)
        elif found not in names.elements:
            place.at.fault("no_such", kind="element", code=reference)
    for name in ("parents", "also_affects"):
        for place, code in _listed(zone, name):
            if (site, code) not in names.zones:
                place.at.fault("no_such", kind="zone", code=code)
            elif code == zone.code:
                place.at.fault("itself", code=code)


def _listed(entry: Entry, key: str) -> list[tuple[Entry, str]]:
    place = entry.at.key(key)
    codes: list[str] = entry.given.get(key) or []
    return [(Entry(place.item(index), {}), code) for index, code in enumerate(codes)]


def _check_zone_parents(document: Entry, known: Known) -> None:
    codes = {str(row.id): key for key, row in known.zones.items()}
    parents: dict[Any, list[Any]] = {
        key: [codes[each] for each in row.parent_ids if each in codes]
        for key, row in known.zones.items()
    }
    for key, zone in walk.in_sites(document, "zones"):
        if "parents" in zone.given:
            parents[key] = [(key[0], code) for code in zone.given["parents"]]
    for key, zone in walk.in_sites(document, "zones"):
        if zone.given.get("parents") and _is_own_ancestor(key, parents):
            zone.at.key("parents").fault("own_ancestor", code=zone.code)


def _is_own_ancestor(key: Any, parents: Mapping[Any, list[Any]]) -> bool:
    seen: set[Any] = set()
    ahead = list(parents.get(key, ()))
    while ahead:
        each = ahead.pop()
        if each == key:
            return True
        if each not in seen:
            seen.add(each)
            ahead += parents.get(each, ())
    return False


def _check_pins(site: str, building: str | None, drawing: Entry, names: Names) -> None:
    for pin in drawing.entries("pins"):
        sensor, reference = pin.given.get("sensor"), pin.given.get("element")
        if (sensor is None) == (reference is None):
            if not pin.faulty & {"sensor", "element"}:
                pin.at.fault("pin_of_one")
        elif sensor is not None:
            if (site, sensor) not in names.sensors:
                pin.at.key("sensor").fault("no_such", kind="sensor", code=sensor)
        elif reference is not None:
            found = element_key(reference, site, None if "/" in reference else building)
            if found is None:
                pin.at.key("element").fault("element_needs_building", code=reference)
            elif found not in names.elements:
                pin.at.key("element").fault("no_such", kind="element", code=reference)
