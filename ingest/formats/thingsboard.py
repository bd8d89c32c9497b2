"""Reads ThingsBoard's device and gateway API; a device is known by its key or client there."""

from collections.abc import Iterator

from ingest.formats import times
from ingest.formats.codec_object import keys_of, take_object
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Sheet, When
from models.reasons import Json

NAME = "thingsboard"

_DEVICE = ("v1/devices/me/telemetry", "v2/t")
_GATEWAY = ("v1/gateway/telemetry", "v1/gateways/me/telemetry")
NAMELESS = "me"


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is it one of ThingsBoard's own topics?"""
    return envelope.topic in _DEVICE or envelope.topic.startswith(
        ("v1/devices/me/", "v1/gateway/", "v1/gateways/me/")
    )


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a telemetry message says; all else is ignored. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    message = envelope.message
    if envelope.topic in _GATEWAY:
        for name, rows in envelope.object.items():
            _take(sheet, memory, sheet.heard(name), rows)
    elif envelope.topic in _DEVICE:
        # "me" is whoever is logged in: the device of the key, else the client.
        device = sheet.heard(message.device or message.client or NAMELESS)
        _take(sheet, memory, device, envelope.document)
    return sheet.summed_up()


def _take(sheet: Sheet, memory: Memory, device: str, rows: Json) -> None:
    for raw_time, values in _points(rows):
        try:
            when = _when(sheet, raw_time)
        except Unusable as refusal:
            sheet.fault(f"{device} ts", refusal.code)
            continue
        profile = memory.profiles.for_device(NAME, "", "", keys_of(values))
        take_object(sheet, device, values, when, profile)


def _points(rows: Json) -> Iterator[tuple[Json, dict[str, Json]]]:
    for row in rows if isinstance(rows, list) else [rows]:
        if not isinstance(row, dict):
            raise Unreadable("wrong-root-type")
        if "values" in row and "ts" in row:
            if not isinstance(row["values"], dict):
                raise Unreadable("wrong-type")
            yield row["ts"], row["values"]
        else:
            yield None, row


def _when(sheet: Sheet, raw: Json) -> When:
    return sheet.received if raw is None else sheet.when(times.from_epoch(raw, "ms"))
