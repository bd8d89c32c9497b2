"""Reads messages from JSON lines and writes their outcomes as JSON lines (design §6, Decode)."""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.formats.decode import decode
from ingest.formats.decoded import Decoded, Measurement, short
from ingest.formats.memory import Memory
from ingest.formats.profiles import SHIPPED, load_profiles
from ingest.formats.repeats import Seen
from ingest.message import LARGEST_PACKET_BYTES, Message
from models.errors import BadInput, Fault
from models.reasons import Json, reason
from models.times import iso, to_ms


def results(lines: Iterable[bytes], profile_folder: str | None = None) -> Iterator[str]:
    """Yield one line of outcome per message. Raises BadInput at a line that is no message."""
    more = load_profiles(Path(profile_folder)) if profile_folder else []
    memory, seen = Memory(profiles=SHIPPED.with_more(more)), Seen()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        decoded = seen.without_repeats(decode(message_of(line, number), memory))
        memory.learn(decoded.learned)
        yield as_line(decoded)


def message_of(line: bytes, number: int) -> Message:
    """Return the message that a line describes. Raises BadInput with the line's number."""
    try:
        document = json.loads(line.decode())
        if not isinstance(document, dict):
            raise _wrong(number, "line")
    except (ValueError, RecursionError):
        raise _wrong(number, "line") from None
    payload = _payload(document.get("payload_base64"), number)
    too_large = len(payload) > LARGEST_PACKET_BYTES
    return Message(
        topic=_topic(document.get("topic"), number),
        payload=b"" if too_large else payload,
        received_ms=_received_ms(document.get("received_at"), number),
        qos=_one_of(document.get("qos"), (0, 1, 2), "qos", number),
        retain=_one_of(document.get("retain"), (False, True), "retain", number),
        source="decode",
        timezone=_timezone(document.get("site_timezone"), number),
        oversize_bytes=len(payload) if too_large else 0,
    )


def _wrong(number: int, field: str) -> BadInput:
    return BadInput([Fault(f"line {number}", reason(f"decode.{field}_unclear"))])


def _topic(raw: Json, number: int) -> str:
    if not isinstance(raw, str) or not raw:
        raise _wrong(number, "topic")
    return raw


def _payload(raw: Json, number: int) -> bytes:
    if not isinstance(raw, str):
        raise _wrong(number, "payload")
    try:
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        raise _wrong(number, "payload") from None


def _received_ms(raw: Json, number: int) -> int:
    try:
        moment = datetime.fromisoformat(raw)
    except (TypeError, ValueError):
        raise _wrong(number, "received") from None
    if moment.tzinfo is None:
        raise _wrong(number, "received")
    return to_ms(moment)


def _one_of(raw: Json, allowed: tuple, field: str, number: int) -> Json:
    if raw is None:
        return allowed[0]
    if not any(type(raw) is type(value) and raw == value for value in allowed):
        raise _wrong(number, field)
    return raw


def _timezone(raw: Json, number: int) -> str:
    if raw is None:
        return "UTC"
    try:
        return ZoneInfo(raw).key
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError):
        raise _wrong(number, "timezone") from None


def as_line(decoded: Decoded) -> str:
    """Return an outcome as one line of JSON; what could not be believed is not a measurement."""
    document = {
        "outcome": decoded.outcome,
        "reason": short(decoded.reason) if decoded.reason else None,
        "measurements": [_as_json(m) for m in decoded.measurements if m.value is not None],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def _as_json(measurement: Measurement) -> dict[str, Json]:
    return {
        "device": measurement.device,
        "channel": measurement.channel,
        "quantity": measurement.quantity,
        "value": measurement.value,
        "unit": measurement.unit,
        "time": iso(measurement.at_ms),
        "raw_value": measurement.raw_value,
        "raw_unit": measurement.raw_unit,
    }
