"""Notices when the machine's clock is set: a time service after a start, a person, a sleep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from models.clock import machine_now

# What a time service slews away is less; what a minute's tick could mistake for silence is more.
SMALLEST = timedelta(seconds=30)


@dataclass
class Steps:
    """Compares the machine's clock with its monotonic time, which nobody can set."""

    now: Callable[[], datetime] = machine_now
    now_s: Callable[[], float] = monotonic
    _before: tuple[datetime, float] | None = None

    def look(self) -> timedelta | None:
        """Return by how much the clock was set since the last look; None where it was not."""
        at, at_s = self.now(), self.now_s()
        before, self._before = self._before, (at, at_s)
        if before is None:
            return None
        step = (at - before[0]) - timedelta(seconds=at_s - before[1])
        return step if abs(step) >= SMALLEST else None
