"""The packets of a publisher, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

V311, V5 = 4, 5


@dataclass(frozen=True, slots=True)
class Will:
    """The message that a client wants published if its connection dies."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    delay_s: int = 0


@dataclass(frozen=True, slots=True)
class Connect:
    """`expiry_s` is how long the client keeps its session when away; None is for ever."""

    version: int
    client_id: str
    clean_start: bool
    keep_alive_s: int
    expiry_s: int | None
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    will: Will | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    packet_id: int


@dataclass(frozen=True, slots=True)
class Release:
    """PUBREL: the sender has been told that a message of QoS 2 is here, and forgets it."""

    packet_id: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disconnect:
    """`expiry_s`: as in Connect, or "as before" where the client does not change it."""

    with_will: bool = False
    expiry_s: int | None | Literal["as before"] = "as before"


@dataclass(frozen=True, slots=True)
class Ping:
    pass


Packet = Connect | Publish | Release | Subscribe | Unsubscribe | Disconnect | Ping
