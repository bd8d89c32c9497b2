"""Reads sample messages with their sidecars, and says where an outcome differs from them."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.formats.decode import decode
from ingest.formats.decoded import Decoded, short
from ingest.formats.memory import Memory
from ingest.formats.repeats import Seen
from ingest.message import Message
from models.times import to_ms

SAMPLES = Path(__file__).parents[2] / "data" / "payloads"

_OUTCOMES = {"accept_partial": "partial"}
_RELATIVE = 1e-4

# In these, what a channel measures is known at one installation only: without its own profile
# the channel has neither quantity nor unit.
TOLD_ON_SITE = {"sensorthings", "influx_lp", "thingsboard", "ultralight2"}

# True readings that this sidecar passes over: further probes of the station and their batteries.
BESIDES = {"ecowitt/gw1100b-raw-us-units": re.compile(r"(temp|humidity)1.*|(tf|soil).*\d")}


@dataclass(frozen=True)
class Sample:
    path: Path
    meta: dict[str, Any]

    @property
    def id(self) -> str:
        return self.meta["id"]

    @property
    def message(self) -> Message:
        assume = self.meta["assume"]
        return Message(
            topic=self.meta["topic"],
            payload=(self.path.parent / self.meta["file"]).read_bytes(),
            received_ms=to_ms(datetime.fromisoformat(assume["received_at"])),
            qos=self.meta["qos"],
            retain=self.meta["retain"],
            timezone=assume.get("site_timezone") or "UTC",
        )


def samples_in(folder: Path) -> list[Sample]:
    """Return the samples of a folder in the order of their names, which is that of sequences."""
    found = sorted(folder.glob("*.meta.json"))
    return [Sample(path, json.loads(path.read_text("utf-8"))) for path in found]


def decoded_in_order(samples: Iterable[Sample]) -> Iterator[tuple[Sample, Decoded]]:
    """Decode samples; those of one sequence know their predecessors, all others stand alone."""
    memories: dict[str, tuple[Memory, Seen]] = {}
    for sample in samples:
        sequence = sample.meta.get("sequence") or {"set": sample.id}
        memory, seen = memories.setdefault(sequence["set"], (Memory(), Seen()))
        decoded = seen.without_repeats(decode(sample.message, memory))
        memory.learn(decoded.learned)
        yield sample, decoded


def complaints(sample: Sample, decoded: Decoded) -> list[str]:
    """Return how an outcome differs from the sidecar; nothing if it is permitted."""
    expected = sample.meta["expected"]
    if _is_an_alternative(sample, decoded):
        return []
    wanted = _OUTCOMES.get(expected["outcome"], expected["outcome"])
    if expected.get("reason") == "unknown-device":
        wanted, expected = "accept", {**expected, "readings": None}
    found = [] if decoded.outcome == wanted else [f"{decoded.outcome}, not {wanted}"]
    reason = short(decoded.reason) if decoded.reason else None
    if wanted not in ("accept",) and expected["reason"] not in (None, reason):
        found.append(f"reason {reason}, not {expected['reason']}")
    return found + list(_wrong_readings(expected, decoded, sample))


def _is_an_alternative(sample: Sample, decoded: Decoded) -> bool:
    good = [m for m in decoded.measurements if m.value is not None]
    for text in sample.meta.get("acceptable_alternatives", ()):
        outcome, _, reason = text.partition(": ")
        if good or decoded.reason is None:
            continue
        if outcome.startswith(decoded.outcome) and short(decoded.reason) == reason.split(" ")[0]:
            return True
    return False


def _wrong_readings(expected: dict[str, Any], decoded: Decoded, sample: Sample) -> Iterator[str]:
    if expected["readings"] is None:
        return
    besides = BESIDES.get(sample.id)
    left = [m for m in decoded.measurements if m.value is not None]
    tolerance_ms = max(1_000 * expected["time_tolerance_s"], 1)
    for reading in expected["readings"]:
        if reading["unit_source"] == "profile" and sample.meta["format"] in TOLD_ON_SITE:
            reading = _as_untold(reading, left)
        match = next((m for m in left if _is(reading, m, tolerance_ms)), None)
        if match is not None:
            left.remove(match)
        elif reading["core"]:
            yield f"no {reading['quantity']} {reading['value']} {reading['unit']}"
    if expected["readings"] or expected["outcome"] != "accept":
        for measurement in left:
            if besides and besides.fullmatch(measurement.channel):
                continue
            yield f"false reading {measurement}"
    channels = {(m.device, m.channel, m.quantity, m.at_ms) for m in decoded.measurements}
    if len(channels) != len(decoded.measurements):
        yield "two measurements share a channel and an instant"


def _as_untold(reading: dict[str, Any], left: list[Any]) -> dict[str, Any]:
    raw = float(reading["raw"]["value"])
    if not any(m.quantity is None and m.value == raw for m in left):
        return reading
    return {**reading, "quantity": None, "unit": None, "value": raw}


def _is(reading: dict[str, Any], measurement: Any, tolerance_ms: float) -> bool:
    at_ms = datetime.fromisoformat(reading["time"]).timestamp() * 1_000
    return (
        measurement.quantity == reading["quantity"]
        and measurement.unit == reading["unit"]
        and abs(measurement.at_ms - at_ms) <= tolerance_ms
        and math.isclose(
            measurement.value,
            reading["value"],
            rel_tol=_RELATIVE,
            abs_tol=reading.get("tolerance", 1e-9),
        )
    )
