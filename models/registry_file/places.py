"""Loads organisations, sites, buildings, elements, zones and drawings from a checked file."""

import uuid
from typing import Any

from models.people import Organisation
from models.registry import Building, Drawing, Element, Pin, Site, Zone
from models.registry_file import walk
from models.registry_file.known import InSite, Known, element_key
from models.registry_file.ledger import Ledger
from models.registry_file.where import Entry


def load_organisations(ledger: Ledger, document: Entry, known: Known) -> None:
    """Add and change organisations; their parents follow when all are there."""
    entries = document.entries("organisations")
    for entry in entries:
        row = known.organisations.setdefault(
            entry.code, Organisation(id=uuid.uuid4(), code=entry.code)
        )
        values = _given(entry, "kind", "name", "phone")
        licence = entry.given.get("licence")
        for key, value in licence.given.items() if licence else ():
            values[f"licence_{key}"] = value
        ledger.put(row, f"organisation:{entry.code}", values)
    for entry in entries:
        if "parent" in entry.given:
            parent = known.organisations.get(entry.given["parent"])
            values = {"parent_id": parent.id if parent else None}
            ledger.put(known.organisations[entry.code], f"organisation:{entry.code}", values)


def load_places(ledger: Ledger, document: Entry, known: Known) -> None:
    """Add and change sites, buildings, elements and zones."""
    for code, entry in walk.sites(document):
        site = known.sites.setdefault(code, Site(id=uuid.uuid4(), code=code))
        ledger.put(site, f"site:{code}", _site_values(entry, known, not site.version))
    for key, entry in walk.in_sites(document, "buildings"):
        site = known.sites[key[0]]
        building = known.buildings.setdefault(
            key, Building(id=uuid.uuid4(), site_id=site.id, code=entry.code)
        )
        ledger.put(building, _label("building", *key), _given(entry, "name", retired=entry.retired))
    for place, entry in walk.elements(document):
        building = known.buildings[place[:2]]
        element = known.elements.setdefault(
            place, Element(id=uuid.uuid4(), building_id=building.id, code=entry.code)
        )
        values = _given(entry, "type", "name", "orientation", "height_m", retired=entry.retired)
        ledger.put(element, _label("element", *place), values)
    _load_zones(ledger, document, known)


def _load_zones(ledger: Ledger, document: Entry, known: Known) -> None:
    found = list(walk.in_sites(document, "zones"))
    for key, entry in found:
        site = known.sites[key[0]]
        known.zones.setdefault(key, Zone(id=uuid.uuid4(), site_id=site.id, code=entry.code))
    for key, entry in found:  # by now every zone has its id, and may speak of the others
        ledger.put(known.zones[key], _label("zone", *key), _zone_values(key, entry, known))


def load_drawings(ledger: Ledger, document: Entry, known: Known) -> None:
    """Add and change drawings; pins are changed as a whole."""
    for key, building_code, entry in walk.placed(document, "drawings"):
        site = known.sites[key[0]]
        row = known.drawings.setdefault(
            key, Drawing(id=uuid.uuid4(), site_id=site.id, code=entry.code, shapes=[])
        )
        building = known.buildings[key[0], building_code] if building_code else None
        values = _given(entry, "kind", "orientation", "name", "width", "height", "shapes")
        values["building_id"] = building.id if building else None
        ledger.put(row, _label("drawing", *key), values)
        if "pins" in entry.given:
            _load_pins(ledger, row, key, building_code, entry, known)


def _load_pins(
    ledger: Ledger, row: Drawing, key: InSite, building: str | None, entry: Entry, known: Known
) -> None:
    pins = [_pin(pin, key[0], building, known) for pin in entry.entries("pins")]
    if pins == [(pin.element_id, pin.sensor_id, pin.x, pin.y) for pin in pins_of(row)]:
        return
    for old in row.pins:
        ledger.session.delete(old)
    row.pins = [Pin(element_id=e, sensor_id=s, x=x, y=y) for e, s, x, y in pins]
    label = _label("drawing", *key)
    if label not in ledger.added:
        ledger.note("changed", row, label, "change")


def pins_of(drawing: Drawing) -> list[Pin]:
    """Return the pins in the order in which they were given."""
    return sorted(drawing.pins, key=lambda pin: pin.id or 0)


def _pin(
    pin: Entry, site: str, building: str | None, known: Known
) -> tuple[Any, Any, float, float]:
    reference, sensor = pin.given.get("element"), pin.given.get("sensor")
    element_id = sensor_id = None
    if reference is not None:
        place = element_key(reference, site, None if "/" in reference else building)
        assert place is not None, "checked before"
        element_id = known.elements[place].id
    if sensor is not None:
        sensor_id = known.sensors[site, sensor].id
    return element_id, sensor_id, pin.given["x"], pin.given["y"]


def _site_values(entry: Entry, known: Known, new: bool) -> dict[str, Any]:
    values = _given(
        entry,
        "name",
        "protection_level",
        "timezone",
        "address",
        "phone",
        "responsible",
        "superiors",
        retired=entry.retired,
    )
    if "location" in entry.given:
        location = entry.given["location"] or {}
        values |= {"latitude": location.get("lat"), "longitude": location.get("lon")}
    if "organisation" in entry.given:
        owner = entry.given["organisation"]
        values["organisation_id"] = known.organisations[owner].id if owner else None
    elif new:
        authorities = [row for row in known.organisations.values() if row.kind == "authority"]
        values["organisation_id"] = authorities[0].id if len(authorities) == 1 else None
    return values


def _zone_values(key: InSite, entry: Entry, known: Known) -> dict[str, Any]:
    site = key[0]
    values = _given(entry, "name", retired=entry.retired)
    if "buildings" in entry.given:
        rows = [known.buildings[site, code] for code in entry.given["buildings"]]
        values["building_ids"] = [str(row.id) for row in rows]
    if "elements" in entry.given:
        places = [(site, *reference.split("/")) for reference in entry.given["elements"]]
        values["element_ids"] = [str(known.elements[place].id) for place in places]
    for name, column in (("parents", "parent_ids"), ("also_affects", "also_affects")):
        if name in entry.given:
            values[column] = [str(known.zones[site, code].id) for code in entry.given[name]]
    return values


def _given(entry: Entry, *keys: str, **others: Any) -> dict[str, Any]:
    return {key: entry.given[key] for key in keys if key in entry.given} | others


def _label(kind: str, *codes: str) -> str:
    return f"{kind}:{'/'.join(codes)}"
