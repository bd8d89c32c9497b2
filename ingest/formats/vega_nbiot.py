"""Reads Vega's NB-IoT loggers: telemetry with a time of measuring and one of sending."""

from ingest.formats import times
from ingest.formats.decoded import Decoded, Unreadable, counted
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Meaning, Sheet
from models.reasons import Json

NAME = "vega_nbiot"

# NB-14 user manual, rev. 03, "Telemetry".
_KEYS = {
    "temp": Meaning("temperature", "degC"),
    "bat": Meaning("battery_level", "%"),
}
# 85 is what a probe says before it has measured, -127 when it does not answer.
_PROBE = Meaning("temperature", "degC", sentinels=(85.0, -127.0))


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Has it a `Message`, and an IMEI?"""
    if b'"IMEI"' not in envelope.payload:
        return False
    document = envelope.document_or_none
    return isinstance(document, dict) and isinstance(document.get("Message"), dict)


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a logger says. Raises Unreadable."""
    document = envelope.object
    about, telemetry = document["Message"], document.get("Telemetry")
    sheet = Sheet(envelope.message, NAME)
    device = sheet.heard(about.get("IMEI"))
    envelope.counts = counted(device, about.get("num"))
    if telemetry is None:  # settings, events
        return sheet.summed_up(counts=envelope.counts)
    if not isinstance(telemetry, dict):
        raise Unreadable("wrong-type")
    raw_time: Json = telemetry.get("UTC", about.get("UTC"))
    when = sheet.received if raw_time is None else sheet.when(times.from_epoch(raw_time, "s"))
    envelope.counted_at(when.at_ms, when.source)
    for key, meaning in _KEYS.items():
        if telemetry.get(key) is not None:
            sheet.add(device, key, telemetry[key], when, meaning)
    probes = telemetry.get("onewire")
    for index, raw in enumerate(probes if isinstance(probes, list) else []):
        if raw is not None:
            sheet.add(device, f"onewire/{index}", raw, when, _PROBE)
    return sheet.summed_up(counts=envelope.counts)
