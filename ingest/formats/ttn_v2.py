"""Reads The Things Network v2, shut down in 2021 but still spoken by bridges and archives."""

from ingest.formats import times
from ingest.formats.codec_object import keys_of, take_object
from ingest.formats.decoded import Decoded, Unreadable, counted
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Sheet, When
from models.reasons import Json

NAME = "ttn_v2"


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic `{application}/devices/{device}/up`, with version 2's fields?"""
    levels = envelope.levels
    if len(levels) > 4 and (levels[1], levels[3]) == ("devices", "events"):
        return True
    if len(levels) != 4 or (levels[1], levels[3]) != ("devices", "up"):
        return False
    document = envelope.document_or_none
    return isinstance(document, dict) and bool(document.keys() & {"dev_id", "payload_raw"})


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what an uplink says. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    device = sheet.heard(envelope.levels[2])
    if envelope.levels[3] == "events":  # activations, downlinks, errors
        return sheet.summed_up()
    document = envelope.object
    if document.get("dev_id", device) != device:
        raise Unreadable("device-mismatch")
    envelope.counts = counted(device, document.get("counter", 0))
    fields = document.get("payload_fields")
    if not fields:
        if document.get("payload_raw"):
            raise Unreadable("no-decoded-payload")
        return sheet.summed_up(counts=envelope.counts)
    when = _when(sheet, document)
    envelope.counted_at(when.at_ms, when.source)
    profile = memory.profiles.for_device(NAME, "", "", keys_of(fields))
    take_object(sheet, device, fields, when, profile)
    return sheet.summed_up(counts=envelope.counts)


def _when(sheet: Sheet, document: dict[str, Json]) -> When:
    metadata = document.get("metadata")
    raw = metadata.get("time") if isinstance(metadata, dict) else None
    if raw is None:
        return sheet.received
    message = sheet.message
    return sheet.when(times.from_iso(raw, message.timezone, message.received_ms), "network")
