"""What goes wrong between a sensor and us: silence, rubbish, repeats, muddle, backlog."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from sensors_sim.packet import Packet
from sensors_sim.times import SECOND_MS


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet on its way, with the device and the moment at which it was measured."""

    device: str
    measured_ms: int
    packet: Packet


class Fault(Protocol):
    """Something that befalls one device for a while, in `(since_ms, until_ms]`."""

    @property
    def device(self) -> str:
        """Whom it befalls."""

    @property
    def since_ms(self) -> int:
        """When it begins."""

    @property
    def until_ms(self) -> int:
        """When it ends."""

    def befall(self, sent: Sent, random: Random) -> list[Sent]:
        """Return what becomes of one packet."""


FOR_EVER_MS = 1 << 62
REPEATS_MS = (1_000, 240_000)


def befalls(fault: Fault, sent: Sent) -> bool:
    """Is it this device, while it lasts?"""
    return sent.device == fault.device and fault.since_ms < sent.measured_ms <= fault.until_ms


@dataclass(frozen=True, slots=True)
class Silent:
    """The device says nothing; for ever unless told otherwise."""

    device: str
    since_ms: int
    until_ms: int = FOR_EVER_MS

    def befall(self, sent: Sent, random: Random) -> list[Sent]:
        """Swallow it."""
        return []


@dataclass(frozen=True, slots=True)
class Duplicated:
    """Packets come again, byte for byte, seconds to minutes later."""

    device: str
    since_ms: int
    until_ms: int
    copies: int = 1

    def befall(self, sent: Sent, random: Random) -> list[Sent]:
        """Repeat it."""
        again = [
            replace(sent.packet, at_ms=sent.packet.at_ms + random.randrange(*REPEATS_MS), dup=True)
            for _ in range(self.copies)
        ]
        return [sent, *(replace(sent, packet=packet) for packet in again)]


@dataclass(frozen=True, slots=True)
class OutOfOrder:
    """A share of the packets is overtaken by later ones."""

    device: str
    since_ms: int
    until_ms: int
    share: float = 0.35
    late_s: tuple[int, int] = (400, 2_400)

    def befall(self, sent: Sent, random: Random) -> list[Sent]:
        """Hold it up, perhaps."""
        late_ms = random.randrange(self.late_s[0], self.late_s[1]) * SECOND_MS
        if random.random() >= self.share:
            return [sent]
        packet = replace(sent.packet, at_ms=sent.packet.at_ms + late_ms)
        return [replace(sent, packet=packet)]


@dataclass(frozen=True, slots=True)
class Backlog:
    """The link is down; the device keeps its packets and sends them all, in order, afterwards."""

    device: str
    since_ms: int
    until_ms: int

    def befall(self, sent: Sent, random: Random) -> list[Sent]:
        """Deliver it when the link is back, 1/50 of real time."""
        waited_ms = (sent.measured_ms - self.since_ms) // 50
        arrives_ms = max(sent.packet.at_ms, self.until_ms + SECOND_MS + waited_ms)
        return [replace(sent, packet=replace(sent.packet, at_ms=arrives_ms))]


def _truncated(payload: bytes, random: Random) -> bytes:
    return payload[: random.randrange(1, len(payload) - 1)]


def _noise(payload: bytes, random: Random) -> bytes:
    return random.randbytes(len(payload))


def _complaint(payload: bytes, random: Random) -> bytes:
    return b"ERR 0x%02x no probe" % random.randrange(256)


def _empty(payload: bytes, random: Random) -> bytes:
    return b""


def _not_a_number(payload: bytes, random: Random) -> bytes:
    return payload.replace(b'"v":', b'"v":NaN,"was":')


RUBBISH: tuple[Callable[[bytes, Random], bytes], ...] = (
    _truncated,
    _noise,
    _complaint,
    _empty,
    _not_a_number,
)


@dataclass(frozen=True, slots=True)
class Garbage:
    """A share of the packets arrives as rubbish in place of what was measured."""

    device: str
    since_ms: int
    until_ms: int
    share: float = 0.4

    def befall(self, sent: Sent, random: Random) -> list[Sent]:
        """Spoil it, perhaps."""
        spoil = random.choice(RUBBISH)
        if random.random() >= self.share:
            return [sent]
        packet = replace(sent.packet, payload=spoil(sent.packet.payload, random))
        return [replace(sent, packet=packet)]
