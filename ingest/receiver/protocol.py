"""What a publisher's MQTT packets say, 3.1.1 and 5: pure functions from bytes to values."""

from __future__ import annotations

from typing import Final

from ingest.receiver import wire
from ingest.receiver.packets import (
    V5,
    V311,
    Connect,
    Disconnect,
    Packet,
    Ping,
    Publish,
    Release,
    Subscribe,
    Unsubscribe,
    Will,
)
from ingest.receiver.wire import Code, ProtocolError, Reader

CONNECT, PUBLISH, PUBACK, PUBREL = 1, 3, 4, 6
SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT, AUTH = 8, 10, 12, 14, 15

# MQTT 2.1.3: the low four bits of the first byte, fixed for all but PUBLISH.
_FLAGS: Final = {
    CONNECT: 0, PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2, PINGREQ: 0, DISCONNECT: 0
}  # fmt: skip


def frame(buffer: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Return where the body of the packet at `at` starts and ends; None: its header is partial.

    The end may lie beyond the buffer. Raises ProtocolError for a length that cannot be.
    """
    if at + 2 < len(buffer):  # most lengths take one byte or two
        byte, more = buffer[at + 1], buffer[at + 2]
        if byte < 0x80:
            return at + 2, at + 2 + byte
        if more < 0x80:
            return at + 3, at + 3 + (byte & 0x7F | more << 7)
    length = 0
    for index in range(4):
        if at + 1 + index >= len(buffer):
            return None
        byte = buffer[at + 1 + index]
        length |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return at + 2 + index, at + 2 + index + length
    raise ProtocolError(Code.MALFORMED_PACKET, "a remaining length of more than four bytes")


def parse(first: int, body: bytes, version: int = V311) -> Packet:
    """Return what one packet says; `first` is its first byte. Raises only ProtocolError."""
    kind = first >> 4
    if kind == PUBLISH:
        return publish(first, body, version)
    if kind == AUTH and version == V5:
        raise ProtocolError(Code.PROTOCOL_ERROR, "AUTH without an authentication method")
    if kind not in _FLAGS or (kind == PUBREL and version == V5):
        raise ProtocolError(Code.PROTOCOL_ERROR, f"packet type {kind} is not for a publisher")
    if first & 0x0F != _FLAGS[kind]:
        raise ProtocolError(Code.MALFORMED_PACKET, f"flags of packet type {kind}")
    if kind == CONNECT:
        return connect(body)
    if kind == PUBREL:
        return release(first, body)
    if kind == PINGREQ:
        Reader(body).expect_end()
        return Ping()
    if kind == DISCONNECT:
        return _disconnect(Reader(body), version)
    return _subscribe(Reader(body), version) if kind == SUBSCRIBE else _unsubscribe(body, version)


def connect(body: bytes) -> Connect:
    """Read CONNECT, the one packet that tells the version itself."""
    reader = Reader(body)
    if reader.binary() != b"MQTT":
        raise ProtocolError(Code.UNSUPPORTED_VERSION, "not MQTT 3.1.1 or 5")
    version, flags, keep_alive_s = reader.number(1), reader.number(1), 0
    if version not in (V311, V5):
        raise ProtocolError(Code.UNSUPPORTED_VERSION, f"MQTT protocol level {version}")
    _check_connect_flags(flags, version)
    keep_alive_s = reader.number(2)
    expiry_s: int | None = 0
    if version == V5:
        found = wire.properties(reader, wire.IN_CONNECT)
        expiry_s = _expiry(wire.number_of(found, wire.SESSION_EXPIRY))
        if wire.AUTHENTICATION_METHOD in found:
            raise ProtocolError(Code.BAD_AUTHENTICATION_METHOD, "extended authentication")
    elif not flags & 0x02:
        expiry_s = None
    client_id = reader.text()
    will = _will(reader, flags, version) if flags & 0x04 else None
    username = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    reader.expect_end()
    clean = bool(flags & 0x02)
    return Connect(version, client_id, clean, keep_alive_s, expiry_s, username, password, will)


def version_of(body: bytes) -> int:
    """Return the version in which to answer this CONNECT, however broken the rest of it is."""
    return V5 if body[:7] == b"\0\4MQTT\5" else V311


def _check_connect_flags(flags: int, version: int) -> None:
    will_bits = flags & 0x38
    if flags & 0x01 or will_bits >> 3 & 3 == 3 or (will_bits and not flags & 0x04):
        raise ProtocolError(Code.MALFORMED_PACKET, "flags of CONNECT")
    if version == V311 and flags & 0x40 and not flags & 0x80:
        raise ProtocolError(Code.MALFORMED_PACKET, "a password without a user name")
    if version == V5 and flags & 0x10:
        raise ProtocolError(Code.QOS_NOT_SUPPORTED, "a will with QoS 2")
    if version == V5 and flags & 0x20:
        raise ProtocolError(Code.NO_RETAIN, "a retained will")


def _will(reader: Reader, flags: int, version: int) -> Will:
    delay_s = 0
    if version == V5:
        delay_s = wire.number_of(wire.properties(reader, wire.IN_WILL), wire.WILL_DELAY)
    topic = wire.topic_name(reader.binary())
    return Will(topic, reader.binary(), flags >> 3 & 3, bool(flags & 0x20), delay_s)


def _expiry(seconds: int) -> int | None:
    return None if seconds == 0xFFFFFFFF else seconds


def publish(first: int, body: bytes, version: int) -> Publish:
    """Read PUBLISH in full; the session reads the common case by itself, faster."""
    raw_topic, packet_id, payload_at = publish_head(first, body, version)
    return Publish(
        wire.topic_name(raw_topic),
        body[payload_at:],
        first >> 1 & 3,
        bool(first & 1),
        bool(first & 8),
        packet_id,
    )


def publish_head(first: int, body: bytes, version: int) -> tuple[bytes, int, int]:
    """Return the raw topic, the packet id (0 for QoS 0) and where the payload begins."""
    qos = first >> 1 & 3
    size = len(body)
    if size < 2:
        raise ProtocolError(Code.MALFORMED_PACKET, "PUBLISH without a topic")
    at = 2 + (body[0] << 8 | body[1])
    raw_topic, packet_id = body[2:at], 0
    if qos:
        packet_id = int.from_bytes(body[at : at + 2], "big")
        at += 2
        if qos > 1 or not packet_id:
            _check_quality(qos, packet_id, version)
    elif first & 8:
        raise ProtocolError(Code.MALFORMED_PACKET, "DUP on a PUBLISH of QoS 0")
    if at + (version == V5) > size:
        raise ProtocolError(Code.MALFORMED_PACKET, "PUBLISH ends too early")
    if version == V5:
        at = _publish_properties(first, body, at)
    return raw_topic, packet_id, at


def _check_quality(qos: int, packet_id: int, version: int) -> None:
    """Let QoS 2 pass from MQTT 3.1.1 alone: MQTT 5 has been told that its maximum is 1."""
    if qos == 3 or not packet_id:
        text = "PUBLISH of QoS 3" if qos == 3 else "packet id 0"
        raise ProtocolError(Code.MALFORMED_PACKET, text)
    if version == V5:
        raise ProtocolError(Code.QOS_NOT_SUPPORTED, "PUBLISH of QoS 2")


def release(first: int, body: bytes) -> Release:
    """Read the PUBREL of MQTT 3.1.1."""
    if first & 0x0F != _FLAGS[PUBREL]:
        raise ProtocolError(Code.MALFORMED_PACKET, "flags of PUBREL")
    reader = Reader(body)
    packet_id = _packet_id(reader)
    reader.expect_end()
    return Release(packet_id)


def _publish_properties(first: int, body: bytes, at: int) -> int:
    if first & 1:
        raise ProtocolError(Code.NO_RETAIN, "a retained message")
    if not body[at]:
        return at + 1
    reader = Reader(body, at)
    if wire.TOPIC_ALIAS in wire.properties(reader, wire.IN_PUBLISH):
        raise ProtocolError(Code.BAD_TOPIC_ALIAS, "a topic alias, though none are offered")
    return reader.at


def _subscribe(reader: Reader, version: int) -> Subscribe:
    packet_id = _packet_id(reader)
    if version == V5:
        wire.properties(reader, wire.IN_SUBSCRIBE)
    filters: list[str] = []
    while not reader.ended or not filters:
        filters.append(reader.text())
        options = reader.number(1)
        reserved = options & (0xC0 if version == V5 else 0xFC)
        if reserved or options & 0x03 == 0x03 or options & 0x30 == 0x30:
            raise ProtocolError(Code.MALFORMED_PACKET, f"subscription options {options}")
    return Subscribe(packet_id, tuple(filters))


def _unsubscribe(body: bytes, version: int) -> Unsubscribe:
    reader = Reader(body)
    packet_id = _packet_id(reader)
    if version == V5:
        wire.properties(reader, wire.IN_UNSUBSCRIBE)
    filters: list[str] = []
    while not reader.ended or not filters:
        filters.append(reader.text())
    return Unsubscribe(packet_id, tuple(filters))


def _packet_id(reader: Reader) -> int:
    packet_id = reader.number(2)
    if not packet_id:
        raise ProtocolError(Code.MALFORMED_PACKET, "packet id 0")
    return packet_id


def _disconnect(reader: Reader, version: int) -> Disconnect:
    if version == V311 or reader.ended:
        reader.expect_end()
        return Disconnect()
    code = reader.number(1)
    found = {} if reader.ended else wire.properties(reader, wire.IN_DISCONNECT)
    reader.expect_end()
    with_will = code == Code.DISCONNECT_WITH_WILL
    if wire.SESSION_EXPIRY not in found:
        return Disconnect(with_will)
    return Disconnect(with_will, _expiry(wire.number_of(found, wire.SESSION_EXPIRY)))
