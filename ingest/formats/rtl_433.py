"""Reads rtl_433: what a radio receiver heard of weather stations and probes around it."""

import re

from ingest.formats import times
from ingest.formats.decoded import Decoded, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.numbers import plain_id
from ingest.formats.sheet import Meaning, Sheet, When
from models.reasons import Json

NAME = "rtl_433"

# Its own documentation (docs/DATA_FORMAT.md) fixes keys and units; rain is a total since reset.
_KEYS = {
    "temperature_C": Meaning("temperature", "degC"),
    "temperature_F": Meaning("temperature", "degF"),
    "humidity": Meaning("humidity", "%RH"),
    "moisture": Meaning("moisture_rel", "%"),
    "rain_mm": Meaning("rain_total", "mm"),
    "rain_in": Meaning("rain_total", "in"),
    "rain_rate_mm_h": Meaning("rain_rate", "mm/h"),
    "rain_rate_in_h": Meaning("rain_rate", "in/h"),
    "soil_temperature_C": Meaning("temperature", "degC"),
    "pressure_hPa": Meaning("pressure", "hPa"),
    "pressure_kPa": Meaning("pressure", "kPa"),
    "battery_mV": Meaning("battery_voltage", "mV"),
    "battery_V": Meaning("battery_voltage", "V"),
}
_SEVERAL = re.compile(r"(temperature|humidity|moisture)_(\d{1,2})(_[CF])?")


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is a level of the topic `rtl_433`, or is it a reception with model and id?"""
    if "rtl_433" in envelope.levels:
        return True
    if b'"model"' not in envelope.payload or envelope.first_byte != b"{":
        return False
    document = envelope.document_or_none
    return isinstance(document, dict) and {"time", "model", "id"} <= document.keys()


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a reception says, whole or one field to a topic. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    if envelope.first_byte == b"{":
        _take_event(sheet, envelope.object)
    else:
        _take_field(sheet, envelope)
    return sheet.summed_up()


def _take_event(sheet: Sheet, document: dict[str, Json]) -> None:
    if "model" not in document or document.get("type") == "TPMS":
        return  # the receiver's own state; a tyre that drove past
    device = sheet.heard(_device(document))
    when = _when(sheet, document.get("time"))
    for key, raw in document.items():
        meaning = _meaning(key)
        if meaning is not None:
            sheet.add(device, key, raw, when, meaning)


def _device(document: dict[str, Json]) -> Json:
    """Return model, id and channel: an id alone is only a few bits, chosen at random."""
    parts = [document.get(key) for key in ("model", "id", "channel")]
    return "/".join(str(part) for part in parts if isinstance(part, str | int)) or None


def _meaning(key: str) -> Meaning | None:
    several = _SEVERAL.fullmatch(key)
    return _KEYS.get(several[1] + (several[3] or "") if several else key)


def _when(sheet: Sheet, raw: Json) -> When:
    if raw is None or (isinstance(raw, str) and raw.startswith("@")):
        return sheet.received  # seconds since the start of a recording
    message = sheet.message
    if isinstance(raw, str) and not raw.replace(".", "").isdecimal():
        return sheet.when(times.from_iso(raw, message.timezone, message.received_ms), "network")
    return sheet.when(times.from_epoch(raw, "s"), "network")


def _take_field(sheet: Sheet, envelope: Envelope) -> None:
    levels = envelope.levels
    meaning = _meaning(levels[-1])
    names = levels[levels.index("rtl_433") + 1 : -1]
    if names[:1] == ["devices"] or (len(names) > 1 and names[1] == "devices"):
        names = names[names.index("devices") + 1 :]
    if meaning is None or not names:
        return
    try:
        device = sheet.heard("/".join(names))
        channel = plain_id(levels[-1])
    except Unusable as refusal:
        sheet.fault(envelope.topic, refusal.code)
        return
    text = envelope.payload.decode("utf-8", "replace")
    sheet.add(device, channel, text, sheet.received, meaning)
