"""Reads what Milesight's gateways publish from their built-in network server, on any topic."""

from ingest.formats import times
from ingest.formats.chirpstack_v4 import eui_of, gateway_time
from ingest.formats.codec_object import keys_of, take_object
from ingest.formats.decoded import Decoded, Unreadable, counted
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Sheet, When
from models.reasons import Json

NAME = "milesight_gateway"


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Has it `devEUI`, and receptions as this network server writes them? The topic is free."""
    if envelope.first_byte != b"{" or b'"devEUI"' not in envelope.payload:
        return False
    document = envelope.document_or_none
    if not isinstance(document, dict) or not {"devEUI", "fPort"} <= document.keys():
        return False
    return "rxInfo" in document or "applicationID" in document


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what an uplink says. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    document = envelope.object
    device = sheet.heard(eui_of(document["devEUI"]))
    session = document.get("devAddr", "")
    first = 1 if session else None
    envelope.counts = counted(device, document.get("fCnt", 0), session, first=first)
    fields = document.get("object")
    if not fields:
        if document.get("data"):
            raise Unreadable("no-decoded-payload")
        return sheet.summed_up(counts=envelope.counts)
    when = _when(sheet, document)
    envelope.counted_at(when.at_ms, when.source)
    model = str(document.get("deviceName", ""))
    profile = memory.profiles.for_device(NAME, "milesight", model, keys_of(fields))
    take_object(sheet, device, fields, when, profile)
    return sheet.summed_up(counts=envelope.counts)


def _when(sheet: Sheet, document: dict[str, Json]) -> When:
    raw = document.get("time") or gateway_time(document) or document.get("gatewayTime")
    if raw is None:
        return sheet.received
    message = sheet.message
    return sheet.when(times.from_iso(raw, message.timezone, message.received_ms), "network")
