"""What is published: seeded devices whose every message can be read back out of its values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from models.times import iso

BEGINS_MS = 1_647_820_800_000  # 2022-03-21T00:00:00Z
MINUTE_MS = 60_000
DEVICES, PARTS = 5, 2  # a step has so many messages of each device
MOST_UNDER_WAY = DEVICES * PARTS * 3  # readings, three to a message: those of a step
CLOCK_TOPIC = "ridgewatch/$clock"
# The counting channel holds `boot * BOOT_STEP + seq`, and so tells which message it was, whatever
# became of its time; a gauge of distances takes up to 100,000.
BOOT_STEP = 1_000
SHORTEST_BOOT, LONGEST_BOOT = 120, 900
LOOPS = 100  # after so many boots the device counts from the beginning: no run is that long


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of a device, as it goes out, and the readings that must come of it."""

    device: str
    at_ms: int
    topic: str
    payload: bytes
    places: tuple[tuple[str, str, int], ...]  # (device, channel, observed ms) of its readings
    counted: float | None = None  # what its counting channel, the last place, must hold


class Story:
    """Devices that count their messages, on cracks that open and close and gauges that fill.

    Each device stands on a site of its own, so that what one says never changes what is judged
    of another, in whatever order their connections are served.
    """

    def __init__(
        self,
        seed: int,
        devices: int = DEVICES,
        begins_ms: int = BEGINS_MS,
        step_ms: int = MINUTE_MS,
    ) -> None:
        self.seed = seed
        self.begins_ms, self.step_ms = begins_ms, step_ms
        self.devices = tuple(f"torture-{number}" for number in range(devices))
        self._counters = {name: _Counter(Random(f"{seed}:{name}")) for name in self.devices}
        self._random = Random(f"{seed}:values")
        self._minute = 0

    def steps(self) -> Iterator[Sequence[Sent]]:
        """Yield what is sent in each step (a minute) of site time, without end."""
        while True:
            self._minute += 1
            yield [
                self._message(number, name, part)
                for part in range(PARTS)
                for number, name in enumerate(self.devices)
            ]

    def _message(self, number: int, name: str, part: int) -> Sent:
        # To the millisecond and each its own, as real clocks are.
        ends_ms, quarter_ms = self.begins_ms + self._minute * self.step_ms, self.step_ms // 4
        at_ms = ends_ms - 3 * quarter_ms + part * 2 * quarter_ms + number * (self.step_ms // 60 + 1)
        boot, seq = self._counters[name].next()
        noise = self._random.uniform(-0.01, 0.01)
        values = {
            "crack": ("mm", round(_width(self._minute, number) + noise, 3)),
            "rain": ("mm", round(100 + 0.2 * (self._minute // (2 + number)), 1)),
            "count": ("mm", boot * BOOT_STEP + seq),
        }
        records: list[dict[str, Any]] = [
            {"n": channel, "u": unit, "v": value} for channel, (unit, value) in values.items()
        ]
        records[0] |= {"bn": f"{name}:", "bt": at_ms / 1000}
        return Sent(
            name,
            at_ms,
            f"ridgewatch/{name}/{name}/senml",
            json.dumps(records, separators=(",", ":")).encode(),
            tuple((name, channel, at_ms) for channel in values),
            float(boot * BOOT_STEP + seq),
        )

    @property
    def registry(self) -> dict[str, Any]:
        """Return the registry file: one site a device, and rules of every kind that raises."""
        return {"sites": [_site(name) for name in self.devices], "rules": _rules()}


def watermark(at_ms: int) -> bytes:
    """Return the message that says "told all up to here"; a led clock follows it."""
    return json.dumps({"t": iso(at_ms), "source": 0, "of": 1}, separators=(",", ":")).encode()


@dataclass
class _Counter:
    """A device starts anew now and then; its boot goes up, and it counts from nought."""

    random: Random
    boot: int = 0
    seq: int = -1
    left: int = 0

    def next(self) -> tuple[int, int]:
        if not self.left:
            self.boot = (self.boot + 1) % LOOPS
            self.seq, self.left = -1, self.random.randint(SHORTEST_BOOT, LONGEST_BOOT)
        self.left -= 1
        self.seq += 1
        return self.boot, self.seq


def _width(minute: int, number: int) -> float:
    """Open, open further, close, and all again: raised, escalated, cleared."""
    phase = (minute + 7 * number) % 40
    return 0.2 if phase < 12 else 1.4 if phase < 20 else 2.6 if phase < 28 else 0.3


def _site(name: str) -> dict[str, Any]:
    quantities = {"crack": "crack_width", "rain": "rain_total", "count": "distance"}
    sensors = [
        {
            "code": channel.upper(),
            "quantity": quantity,
            "unit": "mm",
            "interval_s": 900,
            "serves": [name],
            "source": {"device": name, "channel": channel},
        }
        for channel, quantity in quantities.items()
    ]
    both = {"zh": name, "en": name}
    return {
        "code": name,
        "name": both,
        "timezone": "Asia/Shanghai",
        "sensors": sensors,
        "buildings": [{"code": "hall", "name": both}],
        "zones": [{"code": "all", "name": both, "buildings": ["hall"]}],
    }


def _rules() -> list[dict[str, Any]]:
    cracks = {"quantity": "crack_width", "sites": None, "sensors": None}
    gauges = {"quantity": "rain_total", "sites": None, "sensors": None}
    medium, high = {"severity": "medium", "raise_at": 1.0}, {"severity": "high", "raise_at": 2.0}
    wet = {"severity": "low", "window": "1h", "raise_at": 5}
    fast = {"severity": "medium", "raise_at": 1.2}
    return [
        {
            "code": "WIDE", "kind": "threshold", "where": cracks, "levels": [medium, high],
            "deadband": 0.2, "on_delay": "2 samples",
        },
        {"code": "WET", "kind": "accumulation", "where": gauges, "levels": [wet]},
        {"code": "FAST", "kind": "rate", "where": cracks, "window": "20min", "per": "window",
         "levels": [fast]},
        {
            "code": "BOTH", "kind": "combination", "over": "zone", "within": "1h",
            "severity": "critical", "all": [{"rule": "WIDE", "level": "high"}, {"rule": "WET"}],
        },
    ]  # fmt: skip
