"""SenML JSON (RFC 8428) as the simulated nodes write it."""

import json
from collections.abc import Iterable

CLOCK_TOPIC = "ridgewatch/$clock"

Record = tuple[str, str, float | None]
"""Channel name, SenML unit, value; None for reported but not believable."""


def topic(site: str, device: str) -> str:
    """Return the native topic of a device."""
    return f"ridgewatch/{site}/{device}/senml"


def pack(
    device: str, at_ms: int, records: Iterable[Record], number: int = 0, boot: str = ""
) -> bytes:
    """Return one pack: several channels of one device, measured at the same moment.

    `number`: the device's packs are counted from 1 in each `boot`, so that a lost one is missed.
    """
    base = {"bn": f"{device}:", "bt": at_ms // 1000 if at_ms % 1000 == 0 else at_ms / 1000}
    entries: list[dict[str, str | float | None]] = [
        {"n": name, "u": unit, "v": value} for name, unit, value in records
    ]
    if number:
        entries.append({"n": "seq", "u": "count", "v": number})
        entries.append({"n": "boot", "vs": boot})
    return json.dumps([base | entries[0], *entries[1:]], separators=(",", ":")).encode()
