"""Reads Zigbee2MQTT: flat objects whose keys and units its device database fixes."""

import re

from ingest.formats import times
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Meaning, Sheet, When
from models.reasons import Json

NAME = "zigbee2mqtt"

# Units as Zigbee2MQTT's exposes have them. Not here on purpose: rain_intensity, which is the
# millivolt of Tuya's rain sensor.
_KEYS = {
    "temperature": Meaning("temperature", "degC"),
    "soil_temperature": Meaning("temperature", "degC"),
    "device_temperature": Meaning("temperature", "degC"),
    "humidity": Meaning("humidity", "%RH"),
    "soil_moisture": Meaning("moisture_rel", "%"),
    "moisture": Meaning("moisture_rel", "%"),
    "pressure": Meaning("pressure", "hPa"),
    "battery": Meaning("battery_level", "%"),
    "angle_x": Meaning("tilt_x", "deg"),
    "angle_y": Meaning("tilt_y", "deg"),
    "angle_z": Meaning("tilt_z", "deg"),
}
_SEVERAL = re.compile(r"(.+)_(l?\d{1,2}|probe|external|internal|left|right|in|out)")
_EVENTS = ("availability", "set", "get", "action")
BRIDGE = "bridge"


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is it under Zigbee2MQTT's own base topic? Another base is told per topic."""
    return envelope.levels[0] == "zigbee2mqtt" and len(envelope.levels) > 1


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a device says; the bridge, commands and availability are ignored."""
    sheet = Sheet(envelope.message, NAME)
    names = envelope.levels[1:]
    if names[0] == BRIDGE:
        return sheet.summed_up()
    if len(names) > 1 and names[-1] in _EVENTS:
        return _about(sheet, envelope, "/".join(names[:-1]))
    device = sheet.heard("/".join(names))  # a friendly name may hold "/"
    document = envelope.object
    when = _when(sheet, document)
    fahrenheit = document.get("temperature_unit") == "fahrenheit"
    for key, raw in document.items():
        meaning = _meaning(key)
        if meaning is None or raw is None:  # null: not reported yet
            continue
        if fahrenheit and meaning.quantity == "temperature":
            meaning = meaning._replace(unit="degF")
        sheet.add(device, key, raw, when, meaning)
    if "battery" in document and isinstance(document.get("voltage"), int | float):
        sheet.add(device, "voltage", document["voltage"], when, Meaning("battery_voltage", "mV"))
    return sheet.summed_up()


def _about(sheet: Sheet, envelope: Envelope, name: str) -> Decoded:
    device = sheet.heard(name)
    if envelope.levels[-1] != "availability" or b"offline" not in envelope.payload:
        return sheet.summed_up()
    sheet.ignored_because = "node-offline"
    return sheet.summed_up(gone=(device,))


def _meaning(key: str) -> Meaning | None:
    several = _SEVERAL.fullmatch(key)
    return _KEYS.get(key) or (_KEYS.get(several[1]) if several else None)


def _when(sheet: Sheet, document: dict[str, Json]) -> When:
    raw = document.get("last_seen")
    if raw is None:
        return sheet.received
    try:
        message = sheet.message
        if isinstance(raw, str):
            return sheet.when(times.from_iso(raw, message.timezone, message.received_ms), "network")
        return sheet.when(times.from_epoch(raw, "ms"), "network")
    except Unusable as refusal:
        raise Unreadable(refusal.code) from None
