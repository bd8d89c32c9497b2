"""Reads ChirpStack v3 over MQTT, which version 4 replaced in 2022 but which still runs."""

import base64
import binascii

from ingest.formats import strict_json, times
from ingest.formats.chirpstack_v4 import (
    eui_of,
    gateway_time,
    is_application_event,
    is_version_3,
    take_status,
    tips_of,
)
from ingest.formats.codec_object import keys_of, take_object
from ingest.formats.decoded import Decoded, Unreadable, Unusable, counted
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Sheet, When
from models.reasons import Json

NAME = "chirpstack_v3"


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is it an application event in which the device is called `devEUI`?"""
    return is_application_event(envelope) and is_version_3(envelope)


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what an uplink says; other events are ignored. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    document = envelope.object
    device = sheet.heard(eui_of(envelope.levels[3]))
    if _eui(document.get("devEUI")) != device:
        raise Unreadable("device-mismatch")
    if envelope.levels[5] == "status":
        take_status(sheet, device, document, _when(sheet, document))
    if envelope.levels[5] != "up":
        return sheet.summed_up()
    session = document.get("devAddr", "")
    first = 1 if session else None
    envelope.counts = counted(device, document.get("fCnt", 0), session, first=first)
    fields = _fields(document)
    if not fields:
        if document.get("data"):
            raise Unreadable("no-decoded-payload")
        return sheet.summed_up(counts=envelope.counts)
    when = _when(sheet, document)
    envelope.counted_at(when.at_ms, when.source)
    model = str(document.get("deviceProfileName", ""))
    profile = memory.profiles.for_device(NAME, "", model, keys_of(fields))
    tips = tips_of(document.get("tags"))
    take_object(sheet, device, fields, when, profile, extra=tips)
    return sheet.summed_up(counts=envelope.counts)


def _eui(raw: Json) -> str:
    """Return the EUI that stands in base64, or in hexadecimal where Protobuf's JSON is off."""
    try:
        return eui_of(raw)
    except Unusable:
        pass
    try:
        return base64.b64decode(raw, validate=True).hex()
    except (TypeError, ValueError, binascii.Error):
        raise Unusable("bad-device-id") from None


def _fields(document: dict[str, Json]) -> Json:
    """Return the codec's fields: a JSON text in `objectJSON`, an object in older versions."""
    written = document.get("objectJSON")
    if isinstance(written, str) and written:
        return strict_json.parse(written)
    return document.get("object")


def _when(sheet: Sheet, document: dict[str, Json]) -> When:
    raw = document.get("publishedAt") or gateway_time(document)
    if raw is None:  # no gateway has GPS
        return sheet.received
    message = sheet.message
    return sheet.when(times.from_iso(raw, message.timezone, message.received_ms), "network")
