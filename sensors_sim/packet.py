"""One thing that arrives: a message with its topic, or (topic empty) something that is true."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packet:
    """A message as it comes in; `at_ms` is when it arrives, not when it was measured."""

    at_ms: int
    topic: str
    payload: bytes
    retain: bool = False
    dup: bool = False
    via: str = "receiver"
    event: str | None = None
