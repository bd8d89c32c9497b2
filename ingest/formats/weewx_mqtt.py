"""Reads weewx's MQTT extension: loop packets with the unit at the end of each key."""

import re

from ingest.formats import times
from ingest.formats.decoded import Decoded
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Meaning, Sheet, When
from models.reasons import Json

NAME = "weewx_mqtt"

# weewx's observation types; `rain` is what fell since the packet before, day sums are no readings.
_TYPES = (
    (re.compile(r"(in|out|extra|soil|leaf)Temp\d{0,2}"), "temperature"),
    (re.compile(r"(in|out|extra)?Humid(ity)?\d{0,2}|(in|out)Humidity"), "humidity"),
    (re.compile(r"rain"), "rain_increment"),
    (re.compile(r"rainRate"), "rain_rate"),
    (re.compile(r"soilMoist\d{0,2}"), "moisture_tension"),
    (re.compile(r"pressure"), "pressure"),
    (re.compile(r"\w+BatteryVoltage"), "battery_voltage"),
)
_SUFFIXES = {
    "C": "degC", "F": "degF", "mm": "mm", "cm": "cm", "in": "in", "inch": "in",
    "mm_per_hour": "mm/h", "cm_per_hour": "cm/h", "inch_per_hour": "in/h", "in_per_hour": "in/h",
    "mbar": "mbar", "hPa": "hPa", "inHg": "inHg", "kPa": "kPa", "mmHg": "mmHg", "cb": "cb",
    "centibar": "cb", "volt": "V",
    "percent": "%",
}  # fmt: skip
# The three unit systems of weewx (usUnits): what a key without suffix is measured in.
_SYSTEMS = {
    1: {"temperature": "degF", "rain_increment": "in", "rain_rate": "in/h", "pressure": "inHg"},
    16: {"temperature": "degC", "rain_increment": "cm", "rain_rate": "cm/h", "pressure": "mbar"},
    17: {"temperature": "degC", "rain_increment": "mm", "rain_rate": "mm/h", "pressure": "mbar"},
}  # fmt: skip
_ALWAYS = {"humidity": "%RH", "moisture_tension": "cb", "battery_voltage": "V"}


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Has it weewx's time and unit system?"""
    if b'"usUnits"' not in envelope.payload:
        return False
    document = envelope.document_or_none
    return isinstance(document, dict) and {"dateTime", "usUnits"} <= document.keys()


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a packet says. Raises Unreadable."""
    document = envelope.object
    sheet = Sheet(envelope.message, NAME)
    device = sheet.heard(envelope.topic.strip("/"))
    when = _when(sheet, document["dateTime"])
    system = _system(document["usUnits"])
    for key, raw in document.items():
        meaning = _meaning(key, system)
        if meaning is not None and raw not in (None, "None"):
            sheet.add(device, key, raw, when, meaning)
    return sheet.summed_up()


def _when(sheet: Sheet, raw: Json) -> When:
    return sheet.when(times.from_epoch(raw, "s"))


def _system(raw: Json) -> dict[str, str]:
    for number, units in _SYSTEMS.items():
        if str(raw) in (str(number), f"{number}.0"):
            return units
    return {}


def _meaning(key: str, system: dict[str, str]) -> Meaning | None:
    kind, _, suffix = key.partition("_")
    quantity = next((found for pattern, found in _TYPES if pattern.fullmatch(kind)), None)
    if quantity is None:
        return None
    if suffix:
        return Meaning(quantity, _SUFFIXES.get(suffix, suffix))
    unit = _ALWAYS.get(quantity) or system.get(quantity)
    return Meaning(quantity, unit) if unit else None
