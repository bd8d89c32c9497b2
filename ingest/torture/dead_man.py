"""Whether silence is told from a clock that was set: one device falls silent, the others speak.

Here the installation's clock runs by itself, sixty times as fast as life, so that three silent
intervals take seconds. While devices speak the machine's clock is set an hour (of site time) on,
and back; nobody may be called silent for that, and the one that is must not be missed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from sqlalchemy import select

from ingest.torture.checker import Count, Difference, compare
from ingest.torture.fleet import Account, Fleet
from ingest.torture.house import House
from ingest.torture.outcome import Outcome
from ingest.torture.record import is_sound, stored
from ingest.torture.story import BEGINS_MS, Sent, Story
from models.happenings import rows as happenings
from models.reading import SensorState
from models.sensor import Sensor

SPEED = 60.0
INTERVAL_S = 60  # one message a second of ours
RULE = {"code": "QUIET", "kind": "silence", "levels": [{"severity": "low"}]}
HOUR_S = 3600 / SPEED
# (seconds after the beginning, seconds that the machine's clock is off from then on)
STEPS = ((3.0, HOUR_S), (7.0, 0.0), (11.0, HOUR_S), (13.0, 0.0))
LAST_WORD_S = 10.0
# Three intervals and two ticks after the last step; the rest is patience with a busy machine.
NOTICED_BY_S = STEPS[-1][0] + (3 * INTERVAL_S + 2 * 60) / SPEED + 12.0


@dataclass
class DeadMan:
    """The pass of the dead man's switch, in a folder of its own."""

    folder: Path
    account: Account = field(default_factory=Account)
    called_silent: set[str] = field(default_factory=set)

    async def run(self) -> Outcome:
        """Run it; takes some 20 seconds."""
        self.story = Story(1)
        self.silent = self.story.devices[0]
        self.house = House(self.folder, _registry(self.story), BEGINS_MS, speed=SPEED)
        try:
            self.house.make()
            self.house.start("ingest")
            await asyncio.to_thread(self.house.wait_until_listening)
            return await self._live()
        finally:
            self.house.end()

    async def _live(self) -> Outcome:
        fleet = Fleet(self.story.devices, self.house.port, self.account, 1)
        await fleet.start()
        await self._speak(fleet)
        await fleet.stop()
        self.house.stop_all()
        self.called_silent |= set(self._raised())
        readings = compare(
            self.account.attempted, self.account.acknowledged, stored(self.house.store)
        )
        return Outcome(
            "silence",
            [],
            [],
            round(NOTICED_BY_S),
            readings,
            Difference(),
            is_sound(self.house.store),
            {},
            0,
            blind=Count.of({self.silent} - self.called_silent),
            false=Count.of(self.called_silent - {self.silent}),
        )

    async def _speak(self, fleet: Fleet) -> None:
        """Have everybody say something every second; set the clock meanwhile; look who is told."""
        began_s, steps, said = monotonic(), list(STEPS), 0
        while (passed_s := monotonic() - began_s) < NOTICED_BY_S:
            if steps and passed_s >= steps[0][0]:
                offset = self.house.clock_offset
                offset.write_text(str(steps.pop(0)[1]), encoding="ascii")
            if passed_s >= said:
                said += 1
                await fleet.publish(list(self._words(passed_s)))
            self.called_silent |= set(self._unknown())
            if not steps and self.silent in self.called_silent:
                return
            await asyncio.sleep(0.1)

    def _words(self, passed_s: float) -> Iterator[Sent]:
        """The devices' own clocks are right all along."""
        at_ms = BEGINS_MS + round(passed_s * SPEED * 1000)
        for name in self.story.devices:
            if name == self.silent and passed_s > LAST_WORD_S:
                continue
            record = [{"bn": f"{name}:", "bt": at_ms / 1000, "n": "crack", "u": "mm", "v": 0.2}]
            topic = f"ridgewatch/{name}/{name}/senml"
            yield Sent(name, at_ms, topic, json.dumps(record).encode(), ((name, "crack", at_ms),))

    def _unknown(self) -> Iterator[str]:
        silent = select(Sensor).join(SensorState, SensorState.sensor == Sensor.key)
        with self.house.store.reading() as session:
            for sensor in session.scalars(silent.where(SensorState.silent_since_ms.is_not(None))):
                yield sensor.epochs[-1].device or ""

    def _raised(self) -> Iterator[str]:
        with self.house.store.reading() as session:
            for row in happenings(session):
                if row["kind"] == "alert" and row["rule"] == RULE["code"]:
                    yield str(row["subject"]).partition(":")[2].partition("/")[0]


def _registry(story: Story) -> dict[str, object]:
    registry = story.registry
    for site in registry["sites"]:
        for sensor in site["sensors"]:
            sensor["interval_s"] = INTERVAL_S
    return {"sites": registry["sites"], "rules": [RULE]}
