"""Builds messages for the tests of formats, and shows what came out of them in a line each."""

import json
from datetime import UTC, datetime
from typing import Any

from ingest.formats.decode import decode
from ingest.formats.decoded import Decoded, short
from ingest.formats.memory import Memory
from ingest.message import Message
from models.times import iso, to_ms

NOW = datetime(2026, 2, 11, 6, 20, tzinfo=UTC)
NOW_MS = to_ms(NOW)
TOPIC = "ridgewatch/tianning/tn-node-3/senml"


def message(payload: Any, topic: str = TOPIC, **more: Any) -> Message:
    """Return a message that arrived at NOW; what is not bytes or text goes in as JSON."""
    if not isinstance(payload, bytes | str):
        payload = json.dumps(payload)
    content = payload.encode() if isinstance(payload, str) else payload
    return Message(topic=topic, payload=content, **{"received_ms": NOW_MS, **more})


def read(payload: Any, topic: str = TOPIC, memory: Memory | None = None, **more: Any) -> Decoded:
    """Decode one message that arrived at NOW."""
    return decode(message(payload, topic, **more), memory or Memory())


def told(decoded: Decoded) -> list[str]:
    """Return each believable reading as `device/channel quantity value unit time`."""
    return [
        f"{m.device}/{m.channel} {m.quantity} {m.value:g} {m.unit} {iso(m.at_ms)}"
        for m in decoded.measurements
        if m.value is not None
    ]


def why(decoded: Decoded) -> str:
    """Return `outcome reason` in the words of `ridgewatch decode`."""
    return f"{decoded.outcome} {short(decoded.reason) if decoded.reason else ''}".strip()
