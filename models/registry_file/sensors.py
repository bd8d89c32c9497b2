"""Loads sensors from a checked file: a changed source, offset or place begins a new epoch."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update

from models.reading import Channel
from models.registry import Element
from models.registry_file import walk
from models.registry_file.known import InSite, Known, element_key, source_of, working_epoch
from models.registry_file.ledger import Ledger
from models.registry_file.retiring import PRUNED, comes_back, retire
from models.registry_file.where import Entry
from models.sensor import Sensor

# The first epoch reaches back this far, so that history that was measured before the sensor was
# registered binds to it.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def load_sensors(ledger: Ledger, document: Entry, known: Known) -> None:
    """Add and change sensors; then say which channels are claimed."""
    key = ledger.session.scalar(select(func.max(Sensor.key))) or 0
    touched: set[tuple[str, str]] = set()
    for found, building, entry in walk.placed(document, "sensors"):
        row = known.sensors.get(found)
        if row is None:
            key += 1
            known.sensors[found] = row = Sensor(
                id=uuid.uuid4(), key=key, site_id=known.sites[found[0]].id, code=entry.code
            )
            _add(ledger, row, found, building, entry, known)
        else:
            touched |= {source for source in (source_of(row),) if source}
            _change(ledger, row, found, building, entry, known)
        touched |= {source for source in (source_of(row),) if source}
    _claim(ledger, known, touched)


def _add(
    ledger: Ledger, row: Sensor, found: InSite, building: str | None, entry: Entry, known: Known
) -> None:
    values = {"interval_s": 900, "serves": [], **_values(found, building, entry, known)}
    ledger.put(row, _label(found), values)
    reading = _reading(row, entry)
    row.begin_epoch("install", by=ledger.by, now=ledger.now, since=BEGINNING, **reading)
    if entry.retired:
        row.retire(why=PRUNED, note="", by=ledger.by, now=ledger.now)


def _change(
    ledger: Ledger, row: Sensor, found: InSite, building: str | None, entry: Entry, known: Known
) -> None:
    if row.retired_at is not None and (entry.retired or not comes_back(row)):
        if not entry.retired:
            ledger.left.append(_label(found))
        return  # its history is closed
    if entry.retired:
        retire(ledger, row, found)
        return
    before = (row.building_id, row.element_id)
    ledger.put(row, _label(found), _values(found, building, entry, known))
    kind = _kind_of_change(row, _reading(row, entry), before)
    if row.retired_at is not None:
        row.retired_at, row.retired_reason = None, None
        kind = "install"
    if kind is not None:
        _begin(ledger, row, kind, _reading(row, entry))
        ledger.count("changed", _label(found))


def _begin(ledger: Ledger, row: Sensor, kind: str, reading: Mapping[str, Any]) -> None:
    epoch = row.begin_epoch(kind, by=ledger.by, now=ledger.now, **reading)
    # `begin_epoch` takes None for "as before": no source, read by hand, is said afterwards.
    epoch.device, epoch.channel = reading["device"], reading["channel"]


def _kind_of_change(row: Sensor, after: Mapping[str, Any], place_before: Any) -> str | None:
    """Return the kind of epoch that begins, None where all goes on as before."""
    epoch = working_epoch(row)
    if epoch is None or (epoch.device, epoch.channel) != (after["device"], after["channel"]):
        return "install"
    if (row.building_id, row.element_id) != place_before:
        return "move"
    if epoch.scale != after["scale"]:
        return "calibrate"
    return "re-zero" if epoch.offset != after["offset"] else None


def _reading(row: Sensor, entry: Entry) -> dict[str, Any]:
    """Return how the sensor is to be read: what the file doesn't give goes on as before."""
    epoch = working_epoch(row)
    source = source_of(row)
    if "source" in entry.given:
        found = entry.given["source"]
        source = (found["device"], found["channel"]) if found else None
    device, channel = source or (None, None)
    return {
        "device": device,
        "channel": channel,
        "offset": entry.given.get("offset", epoch.offset if epoch else 0.0),
        "scale": entry.given.get("scale", epoch.scale if epoch else 1.0),
    }


def _values(found: InSite, building: str | None, entry: Entry, known: Known) -> dict[str, Any]:
    names = ("name", "quantity", "unit", "interval_s", "serves", "compensate_with")
    values = {name: entry.given[name] for name in names if name in entry.given}
    element = _element(found[0], building, entry, known)
    home = known.buildings[found[0], building] if building else None
    if element is not None:
        values["element_id"], values["building_id"] = element.id, element.building_id
        return values
    values["building_id"] = home.id if home else None
    row = known.sensors.get(found)
    moved = row is not None and row.building_id != values["building_id"]
    if "element" in entry.given or moved:
        values["element_id"] = None
    return values


def _element(site: str, building: str | None, entry: Entry, known: Known) -> Element | None:
    reference = entry.given.get("element")
    if reference is None:
        return None
    place = element_key(reference, site, building)
    assert place is not None, "checked before"
    return known.elements[place]


def _claim(ledger: Ledger, known: Known, touched: set[tuple[str, str]]) -> None:
    """Say of each channel that a change has touched whether a sensor listens to it now."""
    rows = known.sensors.values()
    bound = {source_of(row) for row in rows if row.retired_at is None}
    for device, channel in touched:
        ledger.session.execute(
            update(Channel)
            .where(Channel.device == device, Channel.channel == channel)
            .values(claimed=(device, channel) in bound)
        )


def _label(found: InSite) -> str:
    return f"sensor:{'/'.join(found)}"
