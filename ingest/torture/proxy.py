"""A TCP proxy of our own, between devices and receiver, that behaves as bad networks do."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

CHUNK_BYTES = 4096


class Proxy:
    """Forwards bytes both ways. Faults hold for all connections, until `heal`."""

    def __init__(self, port: int, target_port: int, random: Random) -> None:
        self.port, self._target, self._random = port, target_port, random
        self._delay_s = 0.0
        self._swallows_answers = self._swallows_all = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut_after: dict[asyncio.StreamWriter, int] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on the loopback."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Stop listening and drop all connections."""
        if self._server is not None:
            self._server.close()
        self.drop()

    def delay(self, seconds: float) -> None:
        """Hold every chunk back for so long, in both directions."""
        self._delay_s = seconds

    def half_close(self) -> None:
        """Let messages through and no answers: connections that look well and are not."""
        self._swallows_answers = True

    def black_out(self) -> None:
        """Let nothing through, and close nothing: packets are lost, as when a cable is cut."""
        self._swallows_all = True

    def cut(self) -> None:
        """Reset every connection in the middle of whatever packet comes next."""
        self._cut_after = {writer: self._random.randint(1, 60) for writer in self._writers}

    def drop(self) -> None:
        """Reset every connection now."""
        for writer in list(self._writers):
            writer.transport.abort()

    def heal(self) -> None:
        """Be a good network again; connections that were starved are reset, so they end."""
        starved = self._swallows_all or self._swallows_answers
        self._delay_s, self._swallows_all, self._swallows_answers = 0.0, False, False
        self._cut_after = {}
        if starved:
            self.drop()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream, downstream = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, downstream}
        try:
            await asyncio.gather(
                self._forward(reader, downstream, answers=False),
                self._forward(upstream, writer, answers=True),
            )
        finally:
            self._writers -= {writer, downstream}

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                if self._swallows_all or (answers and self._swallows_answers):
                    continue
                if writer in self._cut_after:
                    writer.write(chunk[: self._cut_after.pop(writer)])
                    await writer.drain()
                    writer.transport.abort()
                    return
                writer.write(chunk)
                await writer.drain()
        writer.close()
