"""The receiver: publishers connect to it as to a broker; acknowledged means on disk and judged."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from time import monotonic

from ingest.inbox import Inbox
from ingest.message import Delivery
from ingest.receiver.door import Door
from ingest.receiver.keys import KeyBook
from ingest.receiver.publishing import Counts
from ingest.receiver.reception import Reception
from ingest.receiver.rounds import Rounds
from ingest.receiver.sessions import CONNECT_WITHIN_S, Connection
from ingest.receiver.wire import Code
from models.key_use import Seen

log = logging.getLogger(__name__)

LOOK_AFTER_EVERY_S = 1.0
CHECK_KEYS_EVERY_S = 1.0
FLUSH_WITHIN_S = 1.0
MOST_OPEN_FILES = 65_536
BACKLOG = 2048


class Receiver:
    """Listens in a thread of its own. `now_ms` gives site time; `sessions_file` outlives restarts.

    Whoever is not let in without one needs a key that `keys` knows.
    """

    def __init__(
        self,
        doors: Sequence[Door],
        inbox: Inbox,
        now_ms: Callable[[], int],
        *,
        keys: KeyBook | None = None,
        timezone: str = "UTC",
        sessions_file: Path | None = None,
    ) -> None:
        self._doors, self._inbox, self._now_ms = doors, inbox, now_ms
        self._keys = keys
        self._timezone, self._sessions_file = timezone, sessions_file
        self._started: Future[list[int]] = Future()
        self._thread = Thread(target=self._run, name="receiver", daemon=True)
        self._reception: Reception | None = None
        self._stopping: asyncio.Event | None = None
        self._checking: asyncio.Task[None] | None = None
        self._looped_at = monotonic()

    def start(self) -> None:
        """Begin to listen. Raises OSError where the address is taken or not ours."""
        _allow_many_files()
        self._thread.start()
        self._started.result()

    def stop(self) -> None:
        """Close every connection; what is not acknowledged will be sent again."""
        if self._stopping is not None:
            self._call(self._stopping.set)
        self._thread.join()

    @property
    def ports(self) -> list[int]:
        """The port of each door, also where 0 was asked for."""
        return self._started.result()

    @property
    def port(self) -> int:
        """The port of the first door."""
        return self.ports[0]

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._reception.guests) if self._reception else 0

    @property
    def counts(self) -> Counts:
        return self._reception.counts if self._reception else Counts()

    @property
    def last_loop_age_s(self) -> float:
        """How long ago the network thread last went round; more than a few seconds is a fault."""
        return monotonic() - self._looped_at

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Answer for committed messages, in the order given. May be called from any thread."""
        owed: dict[Connection, list[int]] = {}
        for delivery in deliveries:
            connection, packet_id = delivery.receipt
            if packet_id and isinstance(connection, Connection):
                owed.setdefault(connection, []).append(packet_id)
        if owed:
            self._call(_acknowledge, owed)

    def news(self, within_s: float = 5.0) -> dict[str, Seen]:
        """Return what each key did since the last call. Raises TimeoutError of a stuck loop."""
        told: Future[dict[str, Seen]] = Future()
        reception = self._reception
        if reception is None:
            return {}
        self._call(lambda: told.set_result(reception.news()))
        return told.result(within_s)

    def _call(self, what: Callable[..., object], *given: object) -> None:
        """Have the network thread do something, if it is still there."""
        if self._reception is None:
            return
        try:
            self._reception.loop.call_soon_threadsafe(what, *given)
        except RuntimeError:  # its loop has ended, and with it every connection
            log.debug("receiver=stopped")

    def _run(self) -> None:
        try:
            rounds = Rounds()
            with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(rounds)) as runner:
                runner.run(self._serve(rounds))
        except Exception as error:
            if not self._started.done():
                self._started.set_exception(error)
                return
            # A receiver without its thread would look alive and take nothing in; the supervisor
            # starts the whole process again, and nothing unacknowledged is lost.
            log.exception("receiver=died")
            os._exit(70)

    async def _serve(self, rounds: Rounds) -> None:
        loop = asyncio.get_running_loop()
        self._reception = reception = Reception(
            self._inbox,
            self._now_ms,
            keys=self._keys,
            timezone=self._timezone,
            sessions_file=self._sessions_file,
        )
        rounds.over = reception.hand_over
        self._stopping = asyncio.Event()
        servers: list[asyncio.Server] = []
        try:
            for door in self._doors:
                servers.append(await _open(loop, reception, door))
            self._started.set_result([one.sockets[0].getsockname()[1] for one in servers])
            for door, port in zip(self._doors, self.ports, strict=True):
                tls = door.certificate is not None
                log.info("receiver=listening host=%s port=%d tls=%d", door.host, port, tls)
            await self._look_after(reception)
        finally:
            for server in servers:
                server.close()
            await _close_all(reception)
            reception.close()

    async def _look_after(self, reception: Reception) -> None:
        """Every second, see to connections that have gone quiet or whose keys are revoked."""
        assert self._stopping is not None
        keys_checked_at = reception.loop.time()
        while not self._stopping.is_set():
            self._looped_at = monotonic()
            now = reception.loop.time()
            for connection in list(reception.open):
                connection.look_after(now)
            if now - keys_checked_at >= CHECK_KEYS_EVERY_S:
                keys_checked_at = now
                self._checking = self._checking or asyncio.create_task(self._check_keys(reception))
                for door in self._doors:
                    if door.certificate is not None:
                        door.certificate.refresh()
            try:
                await asyncio.wait_for(self._stopping.wait(), LOOK_AFTER_EVERY_S)
            except TimeoutError:
                continue

    async def _check_keys(self, reception: Reception) -> None:
        """Runs beside the rounds: a slow database must not keep them waiting."""
        await reception.close_revoked()
        self._checking = None


async def _open(
    loop: asyncio.AbstractEventLoop, reception: Reception, door: Door
) -> asyncio.Server:
    """Listen at a door. Whoever begins TLS has as long to finish it as for its CONNECT."""
    tls = None if door.certificate is None else door.certificate.context
    return await loop.create_server(
        lambda: Connection(reception, door),
        door.host,
        door.port,
        backlog=BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else CONNECT_WITHIN_S,
        ssl_shutdown_timeout=None if tls is None else FLUSH_WITHIN_S,
    )


def _acknowledge(owed: dict[Connection, list[int]]) -> None:
    for connection, packet_ids in owed.items():
        connection.acknowledge(packet_ids)


async def _close_all(reception: Reception) -> None:
    """Say goodbye to all, without wills: it is we who leave. Wait a little for it to go out."""
    for connection in list(reception.open):
        connection.leave(Code.SHUTTING_DOWN, with_will=False)
    until = reception.loop.time() + FLUSH_WITHIN_S
    while reception.open and reception.loop.time() < until:
        await asyncio.sleep(0.01)
    for connection in list(reception.open):
        connection.abort()


def _allow_many_files() -> None:
    """Raise the soft limit of open files, often 1,024, so that thousands may stay connected."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
