"""A simulator's scenario as torture's devices tell it: over one connection, in its own order."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ingest.formats.native_count import is_count
from ingest.torture.story import MINUTE_MS, Sent
from sensors_sim.catalogue import scenario
from sensors_sim.packet import Packet
from sensors_sim.stream import packets

CONNECTION = "simulator"


class ScenarioTale:
    """The demo's three sites from the wet morning on, the collapse among it."""

    devices = (CONNECTION,)
    step_ms = 4 * MINUTE_MS

    def __init__(self, readings: int) -> None:
        self._demo, self._readings = scenario("demo"), readings
        self.begins_ms = self._demo.begins_ms

    @property
    def registry(self) -> dict[str, Any]:
        return self._demo.registry

    def steps(self) -> Iterator[Sequence[Sent]]:
        step: list[Sent] = []
        ends_ms, told = self.begins_ms + self.step_ms, 0
        for packet in packets(self._demo, seed=1):
            if packet.event is not None:
                continue
            while packet.at_ms > ends_ms:
                yield step
                step, ends_ms = [], ends_ms + self.step_ms
            step.append(sent_of(packet))
            told += len(step[-1].places)
            if told >= self._readings:
                yield step
                return


def sent_of(packet: Packet) -> Sent:
    pack = json.loads(packet.payload)
    device, at_ms = pack[0]["bn"].rstrip(":"), round(pack[0]["bt"] * 1000)
    readings = (one for one in pack if not is_count(one["n"], one.get("u")))
    places = tuple((device, one["n"], at_ms) for one in readings)
    return Sent(CONNECTION, packet.at_ms, packet.topic, packet.payload, places)
