"""What weakens a building for good: creep, a step, and a failure that announces itself."""

from dataclasses import dataclass
from math import log
from typing import Protocol

from sensors_sim.times import DAY_MS


class Damage(Protocol):
    """An irreversible movement (mm or deg) as a function of time, zero before it begins."""

    def at(self, at_ms: int) -> float:
        """Return how much has accumulated."""


@dataclass(frozen=True, slots=True)
class Creep:
    """A steady opening that begins gently over its first days."""

    since_ms: int
    per_day: float
    eases_in_days: float = 3.0

    def at(self, at_ms: int) -> float:
        """Return the opening: quadratic at first, then straight, with no kink between."""
        days = (at_ms - self.since_ms) / DAY_MS
        if days <= 0:
            return 0.0
        if days < self.eases_in_days:
            return self.per_day * days * days / (2 * self.eases_in_days)
        return self.per_day * (days - self.eases_in_days / 2)


@dataclass(frozen=True, slots=True)
class Step:
    """A sudden movement, as when a neighbouring part falls."""

    at_ms: int
    size: float

    def at(self, at_ms: int) -> float:
        """Return nothing before it, all of it from then on."""
        return self.size if at_ms >= self.at_ms else 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Opening whose inverse rate falls to zero in a straight line (Fukuzono 1985).

    The opening is `scale * ln(all / left)` with `left` the time still to failure. It stops growing
    a minute before, since nothing measures the fall itself.
    """

    since_ms: int
    fails_ms: int
    scale: float

    def at(self, at_ms: int) -> float:
        """Return the opening so far."""
        if at_ms <= self.since_ms:
            return 0.0
        left_ms = max(60_000, self.fails_ms - at_ms)
        return self.scale * log((self.fails_ms - self.since_ms) / left_ms)
