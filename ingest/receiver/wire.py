"""The smallest pieces of an MQTT packet: numbers, strings, and the properties of MQTT 5."""

from __future__ import annotations

from enum import IntEnum

MOST_REMAINING_BYTES = 268_435_455  # MQTT 2.1.4: what four bytes of length can say


class Code(IntEnum):
    """The MQTT 5 reason codes that the receiver gives or understands (MQTT 5, 2.4)."""

    SUCCESS = 0x00
    DISCONNECT_WITH_WILL = 0x04
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    UNSUPPORTED_VERSION = 0x84
    BAD_CLIENT_ID = 0x85
    BAD_CREDENTIALS = 0x86
    NOT_AUTHORISED = 0x87
    UNAVAILABLE = 0x88
    SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    TAKEN_OVER = 0x8E
    BAD_TOPIC_FILTER = 0x8F
    BAD_TOPIC = 0x90
    TOO_MANY_UNACKNOWLEDGED = 0x93
    BAD_TOPIC_ALIAS = 0x94
    TOO_LARGE = 0x95
    NO_RETAIN = 0x9A
    QOS_NOT_SUPPORTED = 0x9B


class ProtocolError(Exception):
    """What came is not MQTT, or not allowed here; `code` says why, in the terms of MQTT 5."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class Reader:
    """Read the fields of one packet body in order; running off its end is a malformed packet."""

    __slots__ = ("body", "at")

    def __init__(self, body: bytes, at: int = 0) -> None:
        self.body, self.at = body, at

    def take(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if self.at > len(self.body):
            raise ProtocolError(Code.MALFORMED_PACKET, "the packet ends too early")
        return self.body[start : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def varint(self) -> int:
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ProtocolError(Code.MALFORMED_PACKET, "a length of more than four bytes")

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return text(self.binary())

    def rest(self) -> bytes:
        return self.take(len(self.body) - self.at)

    @property
    def ended(self) -> bool:
        return self.at == len(self.body)

    def expect_end(self) -> None:
        if not self.ended:
            raise ProtocolError(Code.MALFORMED_PACKET, "bytes after the end of the packet")


def text(raw: bytes) -> str:
    """Decode an MQTT string: UTF-8 without surrogates and without NUL (MQTT 1.5.4)."""
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        raise ProtocolError(Code.MALFORMED_PACKET, "a string that is not UTF-8") from None
    if "\0" in decoded:
        raise ProtocolError(Code.MALFORMED_PACKET, "a string with a NUL in it")
    return decoded


def topic_name(raw: bytes) -> str:
    """Decode the topic of a message, which names one topic and so has no wildcard."""
    name = text(raw)
    if not name or "+" in name or "#" in name:
        raise ProtocolError(Code.BAD_TOPIC, "a topic that is empty or has a wildcard")
    return name


SESSION_EXPIRY, WILL_DELAY, RECEIVE_MAXIMUM, TOPIC_ALIAS = 0x11, 0x18, 0x21, 0x23
AUTHENTICATION_METHOD, ASSIGNED_CLIENT_ID = 0x15, 0x12
USER_PROPERTY = 0x26

# MQTT 5, 2.2.2.2: which properties a packet from a client may carry, and how each is written.
_WRITTEN_AS: dict[int, int | str] = {
    0x01: 1, 0x02: 4, 0x03: "text", 0x08: "text", 0x09: "binary", 0x11: 4, 0x15: "text",
    0x16: "binary", 0x17: 1, 0x18: 4, 0x19: 1, 0x0B: "varint", 0x1F: "text", 0x21: 2, 0x22: 2,
    0x23: 2, 0x26: "pair", 0x27: 4,
}  # fmt: skip
IN_CONNECT = frozenset({0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27})
IN_WILL = frozenset({0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26})
IN_PUBLISH = frozenset({0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26})
IN_SUBSCRIBE = frozenset({0x0B, 0x26})
IN_UNSUBSCRIBE = frozenset({0x26})
IN_DISCONNECT = frozenset({0x11, 0x1F, 0x26})

_FLAGS = frozenset({0x01, 0x17, 0x19})
_NEVER_ZERO = frozenset({0x21, 0x27, 0x0B})

Properties = dict[int, int | str | bytes]


def properties(reader: Reader, allowed: frozenset[int]) -> Properties:
    """Read a block of properties. User properties are checked and forgotten."""
    length = reader.varint()
    block = Reader(reader.take(length))
    found: Properties = {}
    while not block.ended:
        key = block.varint()
        if key not in _WRITTEN_AS:
            raise ProtocolError(Code.MALFORMED_PACKET, f"unknown property {key}")
        if key not in allowed or (key in found and key != USER_PROPERTY):
            raise ProtocolError(Code.PROTOCOL_ERROR, f"property {key} twice or out of place")
        found[key] = _value(block, key)
    return found


def _value(block: Reader, key: int) -> int | str | bytes:
    match _WRITTEN_AS[key]:
        case "text":
            return block.text()
        case "binary":
            return block.binary()
        case "pair":
            return block.text() + "=" + block.text()
        case "varint":
            value = block.varint()
        case size:
            value = block.number(int(size))
    if (key in _FLAGS and value > 1) or (key in _NEVER_ZERO and value == 0):
        raise ProtocolError(Code.PROTOCOL_ERROR, f"property {key} cannot be {value}")
    return value


def number_of(found: Properties, key: int, default: int = 0) -> int:
    value = found.get(key, default)
    return value if isinstance(value, int) else default
