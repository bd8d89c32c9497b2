"""The publisher's half of MQTT 3.1.1, in bytes: a second opinion on our own receiver.

Nothing of the receiver's code is used here, so that one mistake can't hide on both sides.
"""

from __future__ import annotations

from asyncio import StreamReader
from typing import NamedTuple

CONNACK, PUBACK, PINGRESP = 2, 4, 13
_ACCEPTED = b"\x00"


class Answer(NamedTuple):
    """A packet that came back: its type, and what is in it."""

    kind: int
    body: bytes

    @property
    def packet_id(self) -> int:
        """The number of the message that a PUBACK answers."""
        return int.from_bytes(self.body[:2], "big")

    @property
    def is_welcome(self) -> bool:
        """Whether this is the CONNACK of a connection that was let in."""
        return self.kind == CONNACK and self.body[1:2] == _ACCEPTED


def connect(client_id: str, keep_alive_s: int) -> bytes:
    """Return CONNECT of a client whose session lasts."""
    head = _text("MQTT") + bytes([4, 0]) + keep_alive_s.to_bytes(2, "big")
    return _packet(0x10, head + _text(client_id))


def publish(topic: str, payload: bytes, packet_id: int, *, again: bool) -> bytes:
    """Return PUBLISH at QoS 1; `again` marks a repeat."""
    return _packet(0x3A if again else 0x32, _text(topic) + packet_id.to_bytes(2, "big") + payload)


def ping() -> bytes:
    """Return PINGREQ."""
    return b"\xc0\x00"


async def read_answer(reader: StreamReader) -> Answer:
    """Read one packet. Raises IncompleteReadError when the connection ends."""
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            break
    return Answer(first >> 4, await reader.readexactly(length))


def _packet(first: int, body: bytes) -> bytes:
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([first]) + bytes(digits) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data
