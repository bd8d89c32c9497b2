"""Runs the passes: publish, let it befall, heal, look; then compare with a quiet room."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

from ingest.pacing import led_clock
from ingest.torture.checker import Difference, Readings, compare, differ
from ingest.torture.fleet import Account, Fleet
from ingest.torture.house import House
from ingest.torture.nemeses import NEMESES, Nemesis, Scene, mount_small_disk, unmount
from ingest.torture.outcome import Blow, Outcome, Tale
from ingest.torture.plan import Fault, plan
from ingest.torture.proxy import Proxy
from ingest.torture.record import Place, Record, is_sound, stored
from ingest.torture.story import MINUTE_MS, Sent, Story
from ingest.torture.undisturbed import Told, undisturbed
from ingest.torture.waiting import Failed, free_port
from models.times import to_ms

log = logging.getLogger(__name__)

PAUSE_S = 0.02  # between two minutes of site time: some 50 a second, so that nights pass
GIVES_UP_AFTER_S = 60.0
MARKS_AGAIN_AFTER_S = 2.0
EXPECTED_ENDS = (0, -signal.SIGKILL)


@dataclass
class Pass:
    """One installation, tortured from its start to its stop."""

    name: str
    nemeses: Sequence[Nemesis]
    seconds: float
    seed: int
    folder: Path
    url: str | None = None
    through_broker: bool = False
    story: Tale | None = None  # None: our own, of this seed
    pause_s: float = PAUSE_S
    to_the_end: bool = False  # of a story that has one, however long it takes
    account: Account = field(default_factory=Account)
    told: list[Told] = field(default_factory=list)
    blows: list[Blow] = field(default_factory=list)
    died: list[str] = field(default_factory=list)
    _followed_s: float = 0.0  # when the site's clock last came to where all was told

    async def run(self) -> Outcome:
        """Run it; the folder must be there and empty."""
        self.tale = self.story or Story(self.seed)
        if any(one.small_disk for one in self.nemeses):
            (self.folder / "data").mkdir(mode=0o700)
            mount_small_disk(self.folder / "data")
        try:
            return await self._on_disk()
        finally:
            if any(one.small_disk for one in self.nemeses):
                unmount(self.folder / "data")

    async def _on_disk(self) -> Outcome:
        self.house = House(
            self.folder,
            self.tale.registry,
            self.tale.begins_ms,
            self.url,
            through_broker=self.through_broker or any(one.broker for one in self.nemeses),
        )
        try:
            self.house.make()
            return await self._tortured()
        finally:
            self.house.end()

    async def _tortured(self) -> Outcome:
        self._start()
        proxy = Proxy(free_port(), self.house.publish_port, Random(f"{self.seed}:proxy"))
        await proxy.start()
        await asyncio.to_thread(self.house.wait_until_listening)
        fleet = Fleet(self.tale.devices, proxy.port, self.account, self.seed)
        await fleet.start()
        failure = ""
        try:
            await self._befall(fleet, proxy)
        except Failed as fault:
            failure = str(fault)
            log.error("torture=%s failed=%r\n%s", self.name, failure, self._last_words())
        await fleet.stop()
        await proxy.stop()
        codes = await asyncio.to_thread(self.house.stop_all)
        self.died += [f"{n}: {c}" for n, c in codes.items() if c not in EXPECTED_ENDS]
        return self._outcome(failure)

    def _start(self) -> None:
        if self.house.through_broker:
            self.house.start("broker")
        roles = {role for nemesis in self.nemeses for role in nemesis.roles}
        for role in ("ingest", *sorted(roles - {"ingest"})):
            self.house.start(role)

    async def _befall(self, fleet: Fleet, proxy: Proxy) -> None:
        over = asyncio.Event()
        publishing = asyncio.create_task(self._publish(fleet, over))
        began_s, random = monotonic(), Random(f"{self.seed}:blows")
        try:
            for fault in self.plan:
                await asyncio.sleep(fault.calm_s)
                if publishing.done():
                    break
                await self._strike(fault, proxy, random)
            await asyncio.sleep(max(0.0, began_s + self.seconds - monotonic()))
            if self.to_the_end:
                await publishing
            over.set()
            await asyncio.wait_for(asyncio.shield(publishing), GIVES_UP_AFTER_S)
        except TimeoutError:
            raise Failed("the last messages were never acknowledged") from None
        finally:
            publishing.cancel()

    @property
    def plan(self) -> tuple[Fault, ...]:
        """What strikes when."""
        return plan(self.nemeses, self.seconds, self.seed)

    async def _publish(self, fleet: Fleet, over: asyncio.Event) -> None:
        ends_ms = self.tale.begins_ms
        for messages in self.tale.steps():
            if over.is_set():
                return
            ends_ms += self.tale.step_ms
            self.told.append((ends_ms, messages))
            await fleet.publish(messages)
            await self._mark(fleet, ends_ms)
            await asyncio.sleep(self.pause_s)

    async def _mark(self, fleet: Fleet, ends_ms: int) -> None:
        """Say "up to here"; a broker may have lost that, and the clock must not stand for it."""
        await fleet.mark(ends_ms)
        said_s = monotonic()
        while self.house.through_broker and self._clock_ms() < ends_ms:
            await asyncio.sleep(PAUSE_S)
            if monotonic() - said_s > MARKS_AGAIN_AFTER_S:
                await fleet.mark(ends_ms)
                said_s = monotonic()
        self._followed_s = monotonic()

    def _clock_ms(self) -> int:
        with self.house.store.reading() as session:
            return to_ms(led_clock(session).site_at)

    async def _strike(self, fault: Fault, proxy: Proxy, random: Random) -> None:
        log.info("torture=%s strikes=%s", self.name, "+".join(fault.names))
        scenes = [Scene(self.house, proxy, random, lasts) for lasts in fault.lasts_s]
        strikes = [NEMESES[n].strike(scene) for n, scene in zip(fault.names, scenes, strict=True)]
        await asyncio.gather(*strikes)
        healed_s, alive = monotonic(), self.house.signs_of_life()
        self.died += [f"{n}: {c}" for n, c in self.house.revive().items()]
        struck = {role for name in fault.names for role in NEMESES[name].roles}
        while not (self._goes_on(healed_s) and self._have_turned(struck, alive)):
            if monotonic() - healed_s > GIVES_UP_AFTER_S:
                raise Failed(f"it did not go on after {'+'.join(fault.names)}")
            await asyncio.sleep(0.02)
        recovered_s = monotonic() - healed_s
        bar_s = max(NEMESES[name].recovers_s for name in fault.names)
        self.blows.append(Blow(fault, round(recovered_s, 2), bar_s, self._look()))

    def _goes_on(self, since_s: float) -> bool:
        """Whether something was acknowledged; behind a broker: stored, which is what we promise."""
        if self.house.through_broker:
            return self._followed_s > since_s
        return self.account.last_acknowledged_s > since_s

    def _have_turned(self, roles: set[str], before: Mapping[str, object]) -> bool:
        signs = self.house.signs_of_life() if roles else {}
        return all(signs.get(role) not in (None, before.get(role)) for role in roles)

    def _look(self) -> Readings:
        """Compare in the middle of it all: what is acknowledged by now must be stored by now."""
        acknowledged, attempted = list(self.account.acknowledged), list(self.account.attempted)
        if self.house.through_broker:  # its acknowledgement promises nothing
            acknowledged = []
        return compare(
            attempted,
            acknowledged,
            stored(self.house.store),
            in_order=not self.house.through_broker,
        )

    def _outcome(self, failure: str) -> Outcome:
        until_ms = self.told[-1][0] if self.told else self.tale.begins_ms
        record, kept = Record.of(self.house.store, until_ms), stored(self.house.store)
        readings = compare(
            self.account.attempted,
            self.account.acknowledged,
            kept,
            # Of what a broker has lost, everything after it would look out of order.
            in_order=not (failure or self.house.through_broker),
        )
        lost = readings.lost.n
        places = set(record.values)
        # What a broker has lost was never ours to judge.
        told = [(ends, _arrived(sent, places)) for ends, sent in self.told]
        expected = undisturbed(
            self.tale.registry,
            self.tale.begins_ms,
            self.tale.step_ms,
            told,
            self.folder / "undisturbed",
        )
        done = {name for blow in self.blows for name in blow.fault.names}
        return Outcome(
            self.name,
            tuple(self.blows),
            [one.name for one in self.nemeses if one.name not in done],
            len(self.told) * self.tale.step_ms // MINUTE_MS,
            readings,
            Difference() if failure else differ(record, expected),
            is_sound(self.house.store),
            dict(Counter(step[3] for step in expected.alerts)),
            len(expected.pages),
            tuple(self.died),
            failure,
            lost if self.house.through_broker else 0,
            self.account.out_of_order,
            self.account.connections,
            self.account.repeats,
        )

    def _last_words(self) -> str:
        return "\n".join(f"--- {n}\n{self.house.last_words(n)}" for n in self.house.runs)


def _arrived(sent: Iterable[Sent], places: set[Place]) -> list[Sent]:
    return [one for one in sent if places.issuperset(one.places)]
