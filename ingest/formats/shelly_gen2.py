"""Reads Shelly's second generation: notifications of components, and their status topics."""

from ingest.formats import times
from ingest.formats.decoded import Decoded
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import UNTOLD, Meaning, Sheet, When
from models.reasons import Json

NAME = "shelly_gen2"

_NOTIFICATIONS = ("NotifyStatus", "NotifyFullStatus")
# Component -> its fields. tF repeats tC in Fahrenheit.
_COMPONENTS = {
    "temperature": {"tC": Meaning("temperature", "degC")},
    "humidity": {"rh": Meaning("humidity", "%RH")},
    # What stands behind a voltmeter, a formula or a foreign beacon, its owner knows.
    "voltmeter": {"voltage": Meaning(unit="V"), "xvoltage": UNTOLD},
    "input": {"xpercent": UNTOLD},
    "bthomesensor": {"value": UNTOLD},
    "bthomedevice": {"battery": Meaning("battery_level", "%")},
    "devicepower": {
        "battery/percent": Meaning("battery_level", "%"),
        "battery/V": Meaning("battery_voltage", "V"),
    },
}


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic `{id}/events/rpc`, `{id}/status/{component}` or `{id}/online`?"""
    levels = envelope.levels
    if levels[-2:] == ["events", "rpc"]:
        return True
    if len(levels) >= 3 and levels[-2] == "status":
        return levels[-1].partition(":")[0] in _COMPONENTS or levels[0].startswith("shelly")
    if levels[-1] != "online":
        return False
    return levels[0].startswith("shelly") or envelope.payload.strip() in (b"true", b"false")


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a status says; other events are ignored. Raises Unreadable."""
    levels = envelope.levels
    sheet = Sheet(envelope.message, NAME)
    if levels[-1] == "online":
        return _online(sheet, envelope)
    device = sheet.heard("/".join(levels[:-2]))  # the prefix may hold levels of one's own
    if levels[-2] == "status":
        document = envelope.object
        _take(sheet, device, levels[-1], document, sheet.received)
        return sheet.summed_up()
    document = envelope.object
    parameters = document.get("params")
    if document.get("method") not in _NOTIFICATIONS or not isinstance(parameters, dict):
        return sheet.summed_up()
    when = _when(sheet, parameters)
    for component, fields in parameters.items():
        if isinstance(fields, dict):
            _take(sheet, device, component, fields, when)
    return sheet.summed_up()


def _online(sheet: Sheet, envelope: Envelope) -> Decoded:
    device = sheet.heard("/".join(envelope.levels[:-1]))
    if envelope.payload.strip() != b"false":
        return sheet.summed_up()
    sheet.ignored_because = "node-offline"
    return sheet.summed_up(gone=(device,))


def _when(sheet: Sheet, parameters: dict[str, Json]) -> When:
    raw = parameters.get("ts")
    return sheet.received if raw is None else sheet.when(times.from_epoch(raw, "s"))


def _take(sheet: Sheet, device: str, component: str, fields: dict[str, Json], when: When) -> None:
    heard = fields.get("last_updated_ts")  # a beacon's, which may be long ago
    if isinstance(heard, int | float) and not isinstance(heard, bool) and heard > 0:
        when = sheet.when(times.from_epoch(heard, "s"))
    known = _COMPONENTS.get(component.partition(":")[0], {})
    for path, meaning in known.items():
        raw: Json = fields
        for step in path.split("/"):
            raw = raw.get(step) if isinstance(raw, dict) else None
        if raw is None or (meaning is UNTOLD and not isinstance(raw, int | float)):
            continue  # null with errors: ["read"]; a beacon's button
        if not isinstance(raw, bool):
            sheet.add(device, f"{component}/{path}", raw, when, meaning)
