"""Devices that publish and keep account: what they tried, and what was acknowledged, in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from time import monotonic

from ingest.torture import wire
from ingest.torture.story import CLOCK_TOPIC, Sent, watermark

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 30
ANSWERS_WITHIN_S = 4.0  # else the connection is taken for dead, as a device would
PAUSE_S = (0.05, 0.2)
MOST_IDS = 65_535


@dataclass
class Account:
    """What was tried and what was acknowledged; the checker compares both with what is stored."""

    attempted: list[Sent] = field(default_factory=list)
    acknowledged: list[Sent] = field(default_factory=list)
    out_of_order: int = 0  # acknowledgements that overtook an earlier one
    connections: int = 0
    repeats: int = 0
    last_acknowledged_s: float = 0.0  # monotonic


class Device:
    """One connection that loses nothing: it keeps what isn't acknowledged and sends it again."""

    def __init__(self, name: str, port: int, account: Account, random: Random) -> None:
        self.name, self._port, self._account, self._random = name, port, account, random
        self._owed: dict[int, Sent] = {}
        self._next_id = 0
        self._writer: asyncio.StreamWriter | None = None
        self._settled = asyncio.Event()
        self._settled.set()

    def send(self, sent: Sent) -> None:
        """Hand over one message; it goes out now, or after the next connection."""
        self._next_id = self._next_id % MOST_IDS + 1
        self._owed[self._next_id] = sent
        self._settled.clear()
        if self._writer is not None:
            self._write(self._writer, self._next_id, again=False)

    async def settled(self) -> None:
        """Wait until everything is acknowledged."""
        await self._settled.wait()

    async def live(self) -> None:
        """Connect, and connect again, until cancelled."""
        while True:
            with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.TimeoutError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    await self._serve(reader, writer)
                finally:
                    self._writer = None
                    writer.close()
            await asyncio.sleep(self._random.uniform(*PAUSE_S))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(wire.connect(self.name, KEEP_ALIVE_S))
        welcome = await asyncio.wait_for(wire.read_answer(reader), ANSWERS_WITHIN_S)
        if not welcome.is_welcome:
            return
        self._account.connections += 1
        for packet_id in list(self._owed):
            self._write(writer, packet_id, again=True)
            self._account.repeats += 1
        self._writer = writer
        while True:
            try:
                answer = await asyncio.wait_for(wire.read_answer(reader), ANSWERS_WITHIN_S)
            except TimeoutError:
                if self._owed:  # nothing comes back: the other side may be gone for good
                    return
                writer.write(wire.ping())
                continue
            if answer.kind == wire.PUBACK:
                self._acknowledged(answer.packet_id)

    def _write(self, writer: asyncio.StreamWriter, packet_id: int, *, again: bool) -> None:
        sent = self._owed[packet_id]
        writer.write(wire.publish(sent.topic, sent.payload, packet_id, again=again))

    def _acknowledged(self, packet_id: int) -> None:
        sent = self._owed.get(packet_id)
        if sent is None:
            return
        if next(iter(self._owed)) != packet_id:
            self._account.out_of_order += 1
        del self._owed[packet_id]
        if sent.topic != CLOCK_TOPIC:
            self._account.acknowledged.append(sent)
        self._account.last_acknowledged_s = monotonic()
        if not self._owed:
            self._settled.set()


class Fleet:
    """All devices of a story, and one connection that says up to when all is told."""

    def __init__(self, names: Iterable[str], port: int, account: Account, seed: int) -> None:
        self.account = account
        self._devices = {
            name: Device(name, port, account, Random(f"{seed}:{name}:pauses"))
            for name in (*names, "torture-clock")
        }
        self._living: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to connect."""
        self._living = [asyncio.create_task(one.live()) for one in self._devices.values()]

    async def publish(self, messages: Sequence[Sent]) -> None:
        """Publish a minute; returns when all of it is acknowledged."""
        for sent in messages:
            self.account.attempted.append(sent)
            self._devices[sent.device].send(sent)
        for device in self._devices.values():
            await device.settled()

    async def mark(self, until_ms: int) -> None:
        """Say that all is told up to an instant; returns when that is acknowledged."""
        clock = self._devices["torture-clock"]
        clock.send(Sent("torture-clock", until_ms, CLOCK_TOPIC, watermark(until_ms), ()))
        await clock.settled()

    async def stop(self) -> None:
        """Let go of all connections."""
        for task in self._living:
            task.cancel()
        await asyncio.gather(*self._living, return_exceptions=True)
