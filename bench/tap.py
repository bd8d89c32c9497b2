"""A wire between subscriber and broker that notes when each message was acknowledged.

The subscriber acknowledges after its commit; the payload says when the message was sent. So the
time from one to the other is publish → committed, seen from outside, to a millisecond.
"""

import contextlib
import re
import socket
import time
from collections.abc import Callable
from threading import Thread

Note = Callable[[int, bytes, float], None]
PUBLISH, PUBACK = 3, 4
_SENT_AT = re.compile(rb'"bt":([0-9.]+)')


class Tap:
    """Listens on `port`, and passes everything on to the broker."""

    def __init__(self, broker_port: int) -> None:
        self.waits_ms: list[float] = []
        self._broker_port = broker_port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                broker = socket.create_connection(("127.0.0.1", self._broker_port))
                _Wire(client, broker, self.waits_ms)


class _Wire:
    """One connection: a thread for each direction."""

    def __init__(self, client: socket.socket, broker: socket.socket, waits: list[float]) -> None:
        self._sent_at: dict[int, float] = {}
        self._waits_ms = waits
        for source, to, note in (
            (client, broker, self._from_client),
            (broker, client, self._from_broker),
        ):
            to.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Thread(target=_pass, args=(source, to, note), daemon=True).start()

    def _from_broker(self, kind: int, body: bytes, now: float) -> None:
        if kind != PUBLISH or not (found := _SENT_AT.search(body)):
            return
        topic_size = int.from_bytes(body[:2], "big")
        packet_id = int.from_bytes(body[2 + topic_size : 4 + topic_size], "big")
        self._sent_at[packet_id] = float(found[1])

    def _from_client(self, kind: int, body: bytes, now: float) -> None:
        if kind != PUBACK:
            return
        sent_at = self._sent_at.pop(int.from_bytes(body[:2], "big"), None)
        if sent_at is not None:
            self._waits_ms.append((now - sent_at) * 1000)


def _pass(source: socket.socket, to: socket.socket, note: Note) -> None:
    """Pass bytes on, and only then look at them."""
    rest = b""
    with contextlib.suppress(OSError):
        while part := source.recv(65_536):
            now = time.time()
            to.sendall(part)
            rest += part
            while packet := _packet(rest):
                kind, body, size = packet
                note(kind, body, now)
                rest = rest[size:]
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_WR)


def _packet(data: bytes) -> tuple[int, bytes, int] | None:
    """Return the first packet's kind, body and size; None while it is not all there."""
    left, shift = 0, 0
    for at in range(1, min(len(data), 5)):
        left |= (data[at] & 127) << shift
        if data[at] < 128:
            size = at + 1 + left
            return (data[0] >> 4, data[at + 1 : size], size) if len(data) >= size else None
        shift += 7
    return None
