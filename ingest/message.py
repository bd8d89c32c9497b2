"""What a source of messages hands over, and what it needs back to acknowledge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

LARGEST_PACKET_BYTES = 4 * 1024 * 1024
"""Design §7: a larger packet is drained, recorded without its payload, and acknowledged."""


# Never changed once made. `frozen` would hold that, and doubles the cost of taking one in.
@dataclass(slots=True)
class Message:
    """One message as it came in; `received_ms` is site time, in milliseconds since 1970 UTC.

    Topics under `$ridgewatch/` come from a source itself, never from a device:
    `$ridgewatch/gone/<client>` (a connection with a will died; the will precedes it),
    `$ridgewatch/released/<client>` (the sender of a message of QoS 2 will not repeat it) and
    `$ridgewatch/session-lost/<client>` (the broker forgot what it held for us).
    """

    topic: str
    payload: bytes
    received_ms: int
    qos: int = 0
    retain: bool = False
    dup: bool = False
    resumed: bool = False  # the first message after a reconnect of that client
    client: str = ""
    device: str | None = None  # the one device that the key is for, if it is a device key
    source: str = "receiver"
    timezone: str = "UTC"  # zone for naive local times in the payload
    oversize_bytes: int = 0  # not 0: the packet was too large, its payload was not kept
    exactly_once: int = 0  # its number at the sender, of QoS 2: until released it is one message


class Receipt(NamedTuple):
    """The connection that a message came over, and what is owed there: its number, 0 for nothing.

    The receiver's numbers above 65,535 say which answer is meant; see `replies.acknowledgements`.
    """

    connection: object
    packet_id: int


@dataclass(slots=True)
class Delivery:
    message: Message
    receipt: Receipt


class Source(Protocol):
    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the senders, in the order given, that their messages are on disk and judged.

        May be called from any thread. Receipts of connections that have ended are dropped:
        their messages will be delivered again.
        """
