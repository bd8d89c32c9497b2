"""Reads Ecowitt gateways through ecowitt2mqtt: every number a text, in American units."""

import re

from ingest.formats import times
from ingest.formats.decoded import Decoded
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Meaning, Sheet, When
from models.reasons import Json

NAME = "ecowitt"

_FAHRENHEIT, _INCHES = Meaning("temperature", "degF"), Meaning("rain_total", "in")
# The station keeps seven sums of one gauge; only the running one is taken.
_KEYS = {
    "tempf": _FAHRENHEIT,
    "tempinf": _FAHRENHEIT,  # temp + in(door) + f
    "humidity": Meaning("humidity", "%RH"),
    "humidityin": Meaning("humidity", "%RH"),
    "rainratein": Meaning("rain_rate", "in/h"),
    "rrain_piezo": Meaning("rain_rate", "in/h"),
    "totalrainin": _INCHES,
    "train_piezo": _INCHES,
    "baromabsin": Meaning("pressure", "inHg"),
    # What converters to metric units make of them.
    "tempc": Meaning("temperature", "degC"),
    "tempinc": Meaning("temperature", "degC"),
    "rainratemm": Meaning("rain_rate", "mm/h"),
    "totalrainmm": Meaning("rain_total", "mm"),
    "baromabshpa": Meaning("pressure", "hPa"),
}
# Where a station keeps no running sum, that of the year stands for it: it falls once, at new year.
_INSTEAD = {
    "yearlyrainin": ("totalrainin", _INCHES),
    "yrain_piezo": ("train_piezo", _INCHES),
    "yearlyrainmm": ("totalrainmm", Meaning("rain_total", "mm")),
}
_SEVERAL = (
    (re.compile(r"temp\d{1,2}f|tf_ch\d{1,2}"), _FAHRENHEIT),
    (re.compile(r"temp\d{1,2}c"), Meaning("temperature", "degC")),
    (re.compile(r"humidity\d{1,2}"), Meaning("humidity", "%RH")),
    (re.compile(r"soilmoisture\d{1,2}"), Meaning("moisture_rel", "%")),
    (re.compile(r"soilbatt\d{1,2}|tf_batt\d{1,2}"), Meaning("battery_voltage", "V")),
)


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is it under ecowitt2mqtt's topic, or has it a station's own fields?"""
    if envelope.levels[0] == "ecowitt2mqtt":
        return True
    if b'"stationtype"' not in envelope.payload:
        return False
    document = envelope.document_or_none
    return isinstance(document, dict) and {"stationtype", "dateutc"} <= document.keys()


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a station says. Raises Unreadable."""
    document = envelope.object
    sheet = Sheet(envelope.message, NAME)
    device = sheet.heard(envelope.levels[-1])
    when = _when(sheet, document.get("dateutc"))
    for key, raw in document.items():
        meaning = _meaning(key, document)
        if meaning is not None and raw is not None:
            sheet.add(device, key, raw, when, meaning)
    return sheet.summed_up()


def _meaning(key: str, document: dict[str, Json]) -> Meaning | None:
    if key in _INSTEAD:
        running, meaning = _INSTEAD[key]
        return None if running in document else meaning
    if key in _KEYS:
        return _KEYS[key]
    return next((meaning for pattern, meaning in _SEVERAL if pattern.fullmatch(key)), None)


def _when(sheet: Sheet, raw: Json) -> When:
    if raw is None or raw == "now":
        return sheet.received
    if isinstance(raw, str):
        raw = raw.replace("+", " ", 1) if raw[10:11] == "+" else raw  # as in the form it came in
    return sheet.when(times.from_iso(raw, "UTC", sheet.message.received_ms))
