"""The bytes of one connection to a broker: messages are taken out of them, the rest is paho's.

paho reads a message field by field with a system call each, builds a table of its properties, and
writes each acknowledgement by itself: some 35 µs a message, more than all else that is done with
it. Here whole packets are cut out of what one read gives, as a receiver does it; CONNACK, SUBACK,
pings and goodbyes go through to paho, which sees a connection on which nobody publishes.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final, NamedTuple

from ingest.message import LARGEST_PACKET_BYTES
from ingest.receiver.protocol import PUBLISH, PUBREL, frame
from ingest.receiver.wire import Code, ProtocolError

READ_BYTES = 256 * 1024
LONGEST_HEAD_BYTES: Final = 2 + 0xFFFF + 2 + 4  # topic, packet id, the length of the properties
_NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Came(NamedTuple):
    """A message as the broker wrote it; `oversize_bytes` instead of a payload too large to keep."""

    first: int
    topic: bytes
    packet_id: int  # 0 at QoS 0
    payload: bytes
    oversize_bytes: int = 0


class BrokerStream:
    """Takes the place of a connected socket in paho, which it must outlive no longer than that."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data, self._at = b"", 0
        self._for_paho = b""
        self._unsent = bytearray()
        self._large: Came | None = None
        self._to_skip = 0
        self._end: OSError | None = None

    # What paho calls.

    def recv(self, size: int) -> bytes:
        """Give paho bytes of its packets. Raises OSError at the end of the connection."""
        if not self._for_paho:
            raise self._end or BlockingIOError()
        given, self._for_paho = self._for_paho[:size], self._for_paho[size:]
        return given

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """Take all of it; what the socket does not take now leaves with `flush`."""
        self._unsent += data
        self.flush()
        return len(data)

    def fileno(self) -> int:
        return self._connection.fileno()

    def pending(self) -> int:
        """Say how many bytes TLS has decrypted that polling the socket cannot see."""
        return self._connection.pending() if isinstance(self._connection, ssl.SSLSocket) else 0

    def setblocking(self, flag: bool) -> None:
        self._connection.setblocking(flag)

    def close(self) -> None:
        self._connection.close()

    # What the subscriber calls.

    def fill(self) -> None:
        """Read what is there, up to some hundred kilobytes; note the end of the connection."""
        if self._end is not None:
            return
        parts = [self._data[self._at :]]
        left = READ_BYTES
        try:
            while left > 0:
                part = self._connection.recv(left)
                if not part:
                    self.end()
                    break
                left -= len(part)
                parts.append(self._without_skipped(part) if self._to_skip else part)
                if not self.pending():
                    break
        except _NOT_NOW:
            pass
        except OSError as error:
            self._end = error
        self._data, self._at = b"".join(parts), 0

    def messages(self, most: int) -> list[Came]:
        """Take whole messages from the front, up to the first packet that is none.

        Raises ProtocolError for what is not MQTT.
        """
        came: list[Came] = []
        if self._large is not None:
            if self._to_skip or most < 1:
                return came
            came.append(self._large)
            self._large = None
        data, at, size = self._data, self._at, len(self._data)
        while len(came) < most and (found := frame(data, at)) is not None:
            start, end = found
            first = data[at]
            if first >> 4 != PUBLISH:
                break
            if end - start > LARGEST_PACKET_BYTES:
                if size - start < LONGEST_HEAD_BYTES:
                    break
                self._begin_large(first, start, end)
                self._at = min(end, size)
                return came + self.messages(most - len(came))
            if end > size:
                break
            topic, packet_id, payload_at = _head(first, data, start, end)
            came.append(Came(first, topic, packet_id, data[payload_at:end]))
            at = end
        self._at = at
        return came

    def pass_on(self) -> bool:
        """Move a packet that is no message from the front to where paho reads; False: none there.

        The second half of a delivery of QoS 2 is answered here, as often as it comes: the message
        itself was acknowledged after its commit, and a broker that repeats it is told so.
        """
        found = frame(self._data, self._at)
        if found is None or self._data[self._at] >> 4 == PUBLISH:
            return False
        start, end = found
        if end - start > LARGEST_PACKET_BYTES:
            raise ProtocolError(Code.TOO_LARGE, f"a packet of {end - start} bytes")
        if end > len(self._data):
            return False
        if self._data[self._at] >> 4 == PUBREL:
            self.send(b"\x70\x02" + self._data[start : start + 2])
        else:
            self._for_paho += self._data[self._at : end]
        self._at = end
        return True

    @property
    def ended(self) -> bool:
        """Whether the other side has gone: after the last whole packet nothing more will come."""
        return self._end is not None

    def end(self) -> None:
        """Let paho find the connection at its end."""
        self._end = self._end or ConnectionResetError("the connection has ended")

    @property
    def unsent(self) -> int:
        """How many bytes wait until the socket takes them."""
        return len(self._unsent)

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it; a broken one is noticed by reading."""
        try:
            while self._unsent:
                del self._unsent[: self._connection.send(self._unsent)]
        except _NOT_NOW:
            return
        except OSError:
            self._unsent.clear()
            self.end()

    def _begin_large(self, first: int, start: int, end: int) -> None:
        """Keep what matters of a message too large to keep, and let the rest of it go by."""
        topic, packet_id, payload_at = _head(first, self._data, start, end)
        self._large = Came(first, topic, packet_id, b"", end - payload_at)
        self._to_skip = max(0, end - len(self._data))

    def _without_skipped(self, part: bytes) -> bytes:
        skipped = min(self._to_skip, len(part))
        self._to_skip -= skipped
        return part[skipped:]


def _head(first: int, data: bytes, start: int, end: int) -> tuple[bytes, int, int]:
    """Return a message's topic, its packet id (0 at QoS 0), and where its payload begins.

    Its properties are passed over: we have asked for none that changes what a message says.
    """
    packet_id, shortest = 0, 5 if first & 6 else 3
    if end - start >= shortest:
        at = start + 2 + (data[start] << 8 | data[start + 1])
        if at + shortest - 2 <= end:
            topic = data[start + 2 : at]
            if first & 6:
                packet_id = data[at] << 8 | data[at + 1]
                at += 2
            size = data[at]
            at += 1 + size
            if size > 0x7F:
                at = _after_properties(data, at - 1 - size, end)
            if at <= end and bool(first & 6) == bool(packet_id):
                return topic, packet_id, at
    raise ProtocolError(Code.MALFORMED_PACKET, "a PUBLISH that ends too early or has no number")


def _after_properties(data: bytes, at: int, end: int) -> int:
    """Return where properties end whose length takes several bytes."""
    size = 0
    for index in range(min(4, end - at)):
        byte = data[at + index]
        size |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return at + index + 1 + size
    raise ProtocolError(Code.MALFORMED_PACKET, "a length of more than four bytes")
