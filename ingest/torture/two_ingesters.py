"""Two ingesters that devices are dealt to: now one is stopped or killed, now the other.

Real time, mosquitto and PostgreSQL, since several ingesters need all three. A schema of its own
keeps it out of what other passes leave in the database.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

from sqlalchemy import create_engine, func, make_url, select, text

from ingest.storage_faults import EXIT_STORAGE
from ingest.torture.checker import Difference, Readings, compare, differ
from ingest.torture.fleet import Account, Fleet
from ingest.torture.house import House
from ingest.torture.outcome import Blow, Outcome
from ingest.torture.plan import CALM_S, Fault
from ingest.torture.record import Record, is_sound, stored
from ingest.torture.story import MINUTE_MS, Story
from ingest.torture.undisturbed import Told, undisturbed
from ingest.torture.waiting import Failed
from models.clock import machine_now
from models.reading import RecentReading
from models.share import Share
from models.times import to_ms

log = logging.getLogger(__name__)

DEALT = "shares"
INGESTERS = ("ingest", "other-ingest")
SHARES, DEVICES, STEP_MS = 4, 12, 250
SHORTEST_S = 40.0
STOPPED_S, KILLED_S = (6.0, 15.0), (0.0, 3.0)
RECOVERS_S, GIVES_UP_AFTER_S = 15.0, 60.0
MAY_END_WITH = (-signal.SIGKILL, EXIT_STORAGE)  # who woke with a lost share ends by itself


@dataclass
class TwoIngesters:
    """The pass of ingesters that share the devices, in a folder of its own."""

    folder: Path
    url: str
    seconds: float
    seed: int
    account: Account = field(default_factory=Account)
    told: list[Told] = field(default_factory=list)
    blows: list[Blow] = field(default_factory=list)
    died: list[str] = field(default_factory=list)

    async def run(self) -> Outcome:
        """Run it; takes its seconds, at least 40, and the starts and the comparison on top."""
        self.story = Story(self.seed, DEVICES, to_ms(machine_now()), STEP_MS)
        with _own_schema(self.url) as url:
            self.house = House(
                self.folder,
                self.story.registry,
                self.story.begins_ms,
                url,
                through_broker=True,
                shares=SHARES,
            )
            try:
                self.house.make()
                return await self._tortured()
            finally:
                self.house.end()

    async def _tortured(self) -> Outcome:
        self.house.start("broker")
        for name in INGESTERS:
            self._start(name)
        fleet = Fleet(self.story.devices, self.house.publish_port, self.account, self.seed)
        failure = ""
        try:
            await _until(self._both_work, "each has its part of the shares")
            await fleet.start()
            await self._befall(fleet)
        except Failed as fault:
            failure = str(fault)
            words = "\n".join(f"--- {n}\n{self.house.last_words(n)}" for n in self.house.runs)
            log.error("torture=%s failed=%r\n%s", DEALT, failure, words)
        await fleet.stop()
        codes = await asyncio.to_thread(self.house.stop_all)
        self.died += [f"{name}: {code}" for name, code in codes.items() if code]
        return self._outcome(failure)

    def _start(self, name: str) -> None:
        self.house.start("ingest", name="" if name == "ingest" else name)

    async def _befall(self, fleet: Fleet) -> None:
        publishing = asyncio.create_task(self._publish(fleet))
        random, began_s = Random(f"{self.seed}:{DEALT}"), monotonic()
        try:
            while monotonic() - began_s < max(SHORTEST_S, self.seconds):
                await self._strike(random, len(self.blows))
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
            until_ms = self.told[-1][0]
            await _until(lambda: self._has_stored(until_ms), "all is stored")
        finally:
            publishing.cancel()

    async def _publish(self, fleet: Fleet) -> None:
        """Publish a step when its time has come, as devices do: their clocks are right."""
        ends_ms = self.story.begins_ms
        for messages in self.story.steps():
            ends_ms += STEP_MS
            await asyncio.sleep((ends_ms - to_ms(machine_now())) / 1000)
            self.told.append((ends_ms, messages))
            await fleet.publish(messages)

    async def _strike(self, random: Random, turn: int) -> None:
        """Stop one of the two, or kill it; each in turn, and both ways."""
        name, kill, calm_s = INGESTERS[turn % 2], turn % 4 > 1, random.uniform(*CALM_S)
        lasts_s = round(random.uniform(*(KILLED_S if kill else STOPPED_S)), 3)
        what = "kill-ingest" if kill else "pause-ingest"
        await asyncio.sleep(calm_s)
        log.info("torture=%s strikes=%s name=%s for_s=%g", DEALT, what, name, lasts_s)
        self.house.signal(name, signal.SIGKILL if kill else signal.SIGSTOP)
        await asyncio.sleep(lasts_s)
        self.house.signal(name, signal.SIGCONT)
        began_s, until_ms = monotonic(), self.told[-1][0]
        await _until(
            lambda: self._both_work() and self._has_stored(until_ms), f"it goes on after {what}"
        )
        took_s = round(monotonic() - began_s, 2)
        fault = Fault(round(calm_s, 3), ("two-ingesters", what), (lasts_s, lasts_s))
        self.blows.append(Blow(fault, took_s, RECOVERS_S, self._look()))

    def _both_work(self) -> bool:
        """Whether both live and hold shares; who has ended is started again."""
        for name in INGESTERS:
            code = self.house.has_ended(name)
            if code is not None:
                if code not in MAY_END_WITH:
                    self.died.append(f"{name}: {code}")
                self._start(name)
        with self.house.store.reading() as session:
            holders = session.scalars(select(Share.holder)).all()
        owners = {holder.split(":")[-2] for holder in holders if holder is not None}
        living = {str(self.house.runs[name].pid) for name in INGESTERS}
        return len(holders) == SHARES and owners == living

    def _has_stored(self, until_ms: int) -> bool:
        """Whether the last message that each device sent in the step to `until_ms` is stored."""
        newest = select(func.max(RecentReading.at_ms)).group_by(RecentReading.sensor)
        with self.house.store.reading() as session:
            return min(session.scalars(newest), default=0) > until_ms - STEP_MS // 2

    def _look(self) -> Readings:
        """Compare in the middle of it all; what a broker has acknowledged is on its way to us."""
        attempted = list(self.account.attempted)
        return compare(attempted, [], stored(self.house.store), in_order=False)

    def _outcome(self, failure: str) -> Outcome:
        until_ms = self.told[-1][0] if self.told else self.story.begins_ms
        record, kept = Record.of(self.house.store, until_ms), stored(self.house.store)
        expected = undisturbed(
            self.story.registry,
            self.story.begins_ms,
            STEP_MS,
            self.told,
            self.folder / "undisturbed",
        )
        return Outcome(
            DEALT,
            tuple(self.blows),
            [],
            len(self.told) * STEP_MS // MINUTE_MS,
            compare(self.account.attempted, self.account.acknowledged, kept),
            Difference() if failure else differ(record, expected),
            is_sound(self.house.store),
            dict(Counter(step[3] for step in expected.alerts)),
            len(expected.pages),
            tuple(self.died),
            failure,
            acknowledged_out_of_order=self.account.out_of_order,
            connections=self.account.connections,
            repeats=self.account.repeats,
        )


async def _until(question: Callable[[], bool], what: str) -> None:
    began_s = monotonic()
    while not await asyncio.to_thread(question):
        if monotonic() - began_s > GIVES_UP_AFTER_S:
            raise Failed(f"never: {what}")
        await asyncio.sleep(0.2)


@contextmanager
def _own_schema(url: str) -> Iterator[str]:
    """Yield the URL of a schema of our own in a database, which is gone afterwards."""
    name = "ridgewatch_torture"
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        inside = make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
        try:
            yield inside.render_as_string(hide_password=False)
        finally:
            with engine.begin() as connection:
                connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    finally:
        engine.dispose()
