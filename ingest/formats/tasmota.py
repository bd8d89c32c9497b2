"""Reads Tasmota: telemetry of sensors, each in an object of its driver's name."""

import re

from ingest.formats import times
from ingest.formats.decoded import Decoded
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.numbers import plain_id
from ingest.formats.sheet import UNTOLD, Meaning, Sheet, When
from models.reasons import Json

NAME = "tasmota"

_PREFIXES = ("tele", "stat", "cmnd")
_ENDINGS = frozenset("SENSOR STATE LWT RESULT INFO1 INFO2 INFO3 UPTIME MARGINS HASS_STATE".split())
_STATUS = re.compile(r"STATUS\d*$", re.ASCII)
_WORD = re.compile(r"[A-Z][A-Z_]+\d*", re.ASCII)
_GATEWAYS = ("ZbReceived", "LwReceived")

_KEYS = {
    "Temperature": Meaning("temperature", "degC"),
    "Humidity": Meaning("humidity", "%RH"),
    "Pressure": Meaning("pressure", "hPa"),
    "Moisture": Meaning("moisture_rel", "%"),
    "Distance": Meaning("distance", "cm"),
    "BatteryPercentage": Meaning("battery_level", "%"),
    "BatteryVoltage": Meaning("battery_voltage", "V"),
    "Battery": Meaning("battery_level", "%"),
}
# The gauge's other fields are parts of these: Active repeats for a minute, Event is this rain's.
_RAIN_GAUGE = {"Total": Meaning("rain_total", "mm"), "FlowRate": Meaning("rain_rate", "mm/h")}
# 85 is what such a probe says before it has measured, -127 when it does not answer.
_PROBE = Meaning("temperature", "degC", sentinels=(85.0, -127.0))
# Other drivers tell how far in millimetres or, since some version, in centimetres.
_IN_CENTIMETRES = "SR04"
_TEMPERATURE_UNITS = {"C": "degC", "F": "degF", "K": "K"}


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic `tele|stat/{topic}/{ending}`, or the same with the prefix second to last?"""
    levels = envelope.levels
    if levels[:2] == ["tasmota", "discovery"]:
        return True
    if len(levels) < 3:
        return False
    if levels[0] in _PREFIXES:
        return bool(_WORD.fullmatch(levels[-1])) or levels[0] == "cmnd"
    return levels[-2] in _PREFIXES and bool(_ENDINGS & {levels[-1]} or _STATUS.match(levels[-1]))


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a SENSOR message says; LWT tells that a device is gone. Raises Unreadable."""
    levels = envelope.levels
    sheet = Sheet(envelope.message, NAME)
    if levels[0] in ("tasmota", "cmnd"):
        return sheet.summed_up()
    names = levels[1:-1] if levels[0] in _PREFIXES else levels[:-2]
    device = sheet.heard("/".join(names))
    if levels[-1] == "LWT" and envelope.payload.strip().lower() == b"offline":
        sheet.ignored_because = "node-offline"
        return sheet.summed_up(gone=(device,))
    if levels[-1] not in ("SENSOR", "RESULT") and not _STATUS.match(levels[-1]):
        return sheet.summed_up()
    document = envelope.object
    if _STATUS.match(levels[-1]):  # an answer; STATUS8 and STATUS10 carry what SENSOR does
        sensors = document.get("StatusSNS")
        if not isinstance(sensors, dict):
            return sheet.summed_up()
        document = sensors
    if levels[-1] == "RESULT" and not document.keys() & set(_GATEWAYS):
        return sheet.summed_up()
    when = _when(sheet, document)
    for driver, fields in document.items():
        if driver in _GATEWAYS and isinstance(fields, dict):
            _take_gateway(sheet, document, fields, when)
        elif isinstance(fields, dict):
            _take_driver(sheet, device, driver, document, fields, when)
    return sheet.summed_up()


def _when(sheet: Sheet, document: dict[str, Json]) -> When:
    message = sheet.message
    if document.get("Epoch") is not None:
        return sheet.when(times.from_epoch(document["Epoch"], "s"))
    if document.get("Time") is None:
        return sheet.received
    return sheet.when(times.from_iso(document["Time"], message.timezone, message.received_ms))


def _take_gateway(
    sheet: Sheet, document: dict[str, Json], devices: dict[str, Json], when: When
) -> None:
    """A gateway passes on what other devices said; each is a device of its own."""
    for key, fields in devices.items():
        if isinstance(fields, dict):
            device = sheet.heard(fields.get("Device", key))
            _take_fields(sheet, device, "", document, fields, when, _KEYS)


def _take_driver(
    sheet: Sheet,
    device: str,
    driver: str,
    document: dict[str, Json],
    fields: dict[str, Json],
    when: When,
) -> None:
    # The number behind DS18B20-2 changes when a probe is added; the probe's own Id does not.
    probe = fields.get("Id")
    if isinstance(probe, str) and probe:
        driver = f"{driver.partition('-')[0]}-{probe}"
    keys = _KEYS
    if driver.startswith("RG-15"):
        keys = _RAIN_GAUGE
    elif driver.startswith("DS18"):
        keys = {**_KEYS, "Temperature": _PROBE}
    elif not driver.startswith(_IN_CENTIMETRES):
        keys = {**_KEYS, "Distance": UNTOLD}
    _take_fields(sheet, device, plain_id(driver) + "/", document, fields, when, keys)


def _take_fields(
    sheet: Sheet,
    device: str,
    prefix: str,
    document: dict[str, Json],
    fields: dict[str, Json],
    when: When,
    keys: dict[str, Meaning],
) -> None:
    for key, raw in fields.items():
        meaning = keys.get(key)
        if key == "Pressure" and "PressureUnit" not in document:
            continue
        if meaning is not None and raw is not None:
            sheet.add(device, prefix + key, raw, when, _in_its_unit(meaning, document))


def _in_its_unit(meaning: Meaning, document: dict[str, Json]) -> Meaning:
    if meaning.quantity == "temperature" and "TempUnit" in document:
        unit = str(document["TempUnit"])
        return meaning._replace(unit=_TEMPERATURE_UNITS.get(unit, unit))
    if meaning.quantity == "pressure" and isinstance(document.get("PressureUnit"), str):
        return meaning._replace(unit=document["PressureUnit"])
    return meaning
