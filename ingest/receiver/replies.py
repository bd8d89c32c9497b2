"""What the receiver says to a publisher, as bytes of MQTT 3.1.1 or 5."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from ingest.message import LARGEST_PACKET_BYTES
from ingest.receiver.packets import V5, Packet, Ping, Subscribe, Unsubscribe
from ingest.receiver.wire import Code, ProtocolError
from ingest.topics import is_filter

RECEIVE_MAXIMUM = 1000
"""How many messages an MQTT 5 client may have under way without an acknowledgement."""

# MQTT 3.1.1 has five refusals of its own (3.2.2.3); what it cannot say is "not authorised".
_OLD_REFUSALS = {
    Code.UNSUPPORTED_VERSION: 1,
    Code.BAD_CLIENT_ID: 2,
    Code.UNAVAILABLE: 3,
    Code.BAD_CREDENTIALS: 4,
}
_ACKNOWLEDGEMENT = Struct(">BBH").pack

RECEIVED, COMPLETED = 0x50 << 16, 0x70 << 16
"""PUBREC and PUBCOMP, as parts of the number that is owed an answer."""

# Maximum QoS 1, no retain, Maximum Packet Size, Receive Maximum. Topic Alias Maximum is 0 when it
# is not named (3.2.2.3.8).
_OFFER = (
    b"\x24\x01"
    + b"\x25\x00"
    + b"\x27" + LARGEST_PACKET_BYTES.to_bytes(4, "big")
    + b"\x21" + RECEIVE_MAXIMUM.to_bytes(2, "big")
)  # fmt: skip


def welcome(version: int, *, session_present: bool, assigned_id: str = "") -> bytes:
    """Return the CONNACK that lets a client in."""
    if version != V5:
        return bytes((0x20, 2, session_present, 0))
    extra = b"\x12" + _text(assigned_id) if assigned_id else b""
    return _packet(0x20, bytes((session_present, Code.SUCCESS)) + _sized(_OFFER + extra))


def not_welcome(version: int, code: Code) -> bytes:
    """Return the CONNACK that turns a client away."""
    if version != V5:
        return bytes((0x20, 2, 0, _OLD_REFUSALS.get(code, 5)))
    return bytes((0x20, 3, 0, code, 0))


def acknowledgements(owed: Sequence[int]) -> bytes:
    """Return one answer after the other; both versions write success the same way.

    A number up to 65,535 is owed a PUBACK; with `RECEIVED` or `COMPLETED` in it, the first or
    the second answer to a message of QoS 2.
    """
    if len(owed) == 1 and owed[0] < RECEIVED:
        return _ACKNOWLEDGEMENT(0x40, 2, owed[0])
    if max(owed, default=0) < RECEIVED:
        return b"".join([_ACKNOWLEDGEMENT(0x40, 2, packet_id) for packet_id in owed])
    return b"".join([_ACKNOWLEDGEMENT(one >> 16 or 0x40, 2, one & 0xFFFF) for one in owed])


def refusal(packet_id: int, code: Code) -> bytes:
    """Return the PUBACK of MQTT 5 that refuses a message."""
    return bytes((0x40, 3, packet_id >> 8, packet_id & 0xFF, code))


def answer(version: int, packet: Packet) -> bytes:
    """Return the answer to a packet that is neither a message nor the client's goodbye."""
    match packet:
        case Subscribe():
            return _suback(version, packet)
        case Unsubscribe():
            codes = bytes(len(packet.filters)) if version == V5 else b""
            return _packet(0xB0, _answered(version, packet.packet_id) + codes)
        case Ping():
            return b"\xd0\x00"
    raise ProtocolError(Code.PROTOCOL_ERROR, f"{type(packet).__name__} out of place")


def _suback(version: int, asked: Subscribe) -> bytes:
    """Grant QoS 0, so that devices which insist on a subscription stay; nothing is routed."""
    bad = Code.BAD_TOPIC_FILTER if version == V5 else 0x80
    codes = bytes(0 if is_filter(each) else bad for each in asked.filters)
    return _packet(0x90, _answered(version, asked.packet_id) + codes)


def goodbye(version: int, code: Code) -> bytes:
    """Return the DISCONNECT that tells an MQTT 5 client why; MQTT 3.1.1 has no words for it."""
    return bytes((0xE0, 1, code)) if version == V5 else b""


def _answered(version: int, packet_id: int) -> bytes:
    return packet_id.to_bytes(2, "big") + (b"\x00" if version == V5 else b"")


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def _sized(block: bytes) -> bytes:
    return _varint(len(block)) + block


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + _sized(body)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
