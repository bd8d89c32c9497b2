"""Where the receiver listens, and what holds there: TLS, anonymous publishers, a limit of pace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ingest.receiver.certificate import Certificate

BYTES_PER_MESSAGE = 2048
BURST_S = 2.0


@dataclass(frozen=True, slots=True)
class Limit:
    """How fast one key, or one anonymous connection, may send; above that it is made to wait.

    2 KiB count as one message, so that large messages are limited too.
    """

    messages_per_s: float


@dataclass(frozen=True, slots=True)
class Door:
    """One address to listen on. Without `anonymous` whoever comes in needs a key."""

    host: str
    port: int
    certificate: Certificate | None = None  # None: in the clear
    anonymous: bool = False
    limit: Limit | None = None


class Pace:
    """How long a sender has to wait, after what it has sent; nothing is dropped.

    Waiting means that its connections are not read: TCP then holds the sender up, and what it
    sends at QoS 0 meanwhile it keeps or loses on its own side.
    """

    def __init__(self, limit: Limit, now_s: Callable[[], float]) -> None:
        self._message_s = 1 / limit.messages_per_s
        self._now_s = now_s
        self._due_s = now_s() - BURST_S

    def spend(self, messages: int, size: int) -> float:
        """Charge what was read; return for how many seconds nothing more may be read."""
        now_s = self._now_s()
        cost = max(messages, size / BYTES_PER_MESSAGE) * self._message_s
        self._due_s = max(self._due_s, now_s - BURST_S) + cost
        return max(0.0, self._due_s - now_s)
