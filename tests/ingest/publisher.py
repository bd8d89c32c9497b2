"""A publisher that says exactly what a test wants, byte by byte, and a worker for its messages."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from ingest.inbox import Inbox
from ingest.message import Delivery, Message

V311, V5 = 4, 5
NOW_MS = 1_647_820_800_000  # 2022-03-21T00:00:00Z


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + varint(len(body)) + body


def connect(
    client: str = "node",
    version: int = V311,
    *,
    clean: bool = True,
    keep_alive_s: int = 0,
    user: tuple[str, str] | None = None,
    will: tuple[str, bytes] | None = None,
    properties: bytes = b"",
    will_properties: bytes = b"",
    flags: int = 0,
) -> bytes:
    flags |= 0x02 * clean | 0x04 * bool(will) | 0xC0 * bool(user)
    body = text("MQTT") + bytes((version, flags)) + keep_alive_s.to_bytes(2, "big")
    if version == V5:
        body += varint(len(properties)) + properties
    body += text(client)
    if will:
        if version == V5:
            body += varint(len(will_properties)) + will_properties
        body += text(will[0]) + text(will[1])
    if user:
        body += text(user[0]) + text(user[1])
    return packet(0x10, body)


def publish(
    topic: str | bytes,
    payload: bytes = b"1",
    packet_id: int = 0,
    version: int = V311,
    *,
    flags: int = 0,
    properties: bytes = b"",
) -> bytes:
    qos = 1 if packet_id else 0
    body = text(topic) + (packet_id.to_bytes(2, "big") if packet_id else b"")
    if version == V5:
        body += varint(len(properties)) + properties
    return packet(0x30 | qos << 1 | flags, body + payload)


def puback(packet_id: int) -> bytes:
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


class Publisher:
    """A socket to the receiver; `hear` returns what came, and fails when nothing does."""

    def __init__(self, port: int, greeting: bytes | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.connack = b""
        if greeting:
            self.say(greeting)
            self.connack = self.hear_packet()

    def say(self, *packets: bytes) -> None:
        self.socket.sendall(b"".join(packets))

    def hear(self, size: int) -> bytes:
        got = b""
        while len(got) < size and (part := self.socket.recv(size - len(got))):
            got += part
        return got

    def hear_packet(self) -> bytes:
        head = self.hear(2)
        return head + self.hear(head[1]) if len(head) == 2 else head

    def hears_nothing(self, for_s: float = 0.1) -> bool:
        self.socket.settimeout(for_s)
        try:
            return not self.socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(5)

    def is_closed(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()


def take(inbox: Inbox, count: int, within_s: float = 5) -> list[Delivery]:
    """Wait for exactly `count` deliveries, as the worker would take them."""
    got: list[Delivery] = []
    until = time.monotonic() + within_s
    while len(got) < count and time.monotonic() < until:
        got += inbox.take(count - len(got), 0.05)
    assert len(got) == count, f"{len(got)} of {count} came"
    return got


def messages(deliveries: list[Delivery]) -> list[Message]:
    return [each.message for each in deliveries]


def eventually(holds: Callable[[], Any], within_s: float = 5) -> bool:
    """Wait for something that another thread does."""
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True
