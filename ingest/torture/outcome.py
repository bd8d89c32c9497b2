"""What a pass tells, and what it has shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ingest.torture.checker import NONE, Count, Difference, Readings
from ingest.torture.plan import Fault
from ingest.torture.story import Sent


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault as it was: how long until messages were acknowledged again, and what the bar is."""

    fault: Fault
    recovered_s: float
    bar_s: float
    seen: Readings

    @property
    def is_slow(self) -> bool:
        """Whether recovery took longer than the bar."""
        return self.recovered_s > self.bar_s


@dataclass(frozen=True)
class Outcome:
    """What one pass has shown."""

    name: str
    blows: Sequence[Blow]
    not_reached: Sequence[str]
    minutes: int
    readings: Readings
    difference: Difference
    is_sound: bool
    steps: Mapping[str, int]  # of alerts, in the undisturbed run: what was compared
    pages: int
    died: Sequence[str] = ()
    failure: str = ""
    lost_by_broker: int = 0
    acknowledged_out_of_order: int = 0
    connections: int = 0
    repeats: int = 0
    blind: Count = NONE  # fell silent, and not called unknown in time
    false: Count = NONE  # spoke all along, and called unknown


class Tale(Protocol):
    """What is published, and the registry that it means."""

    begins_ms: int
    step_ms: int  # of site time that `steps` yields at once; below five minutes
    devices: Sequence[str]

    @property
    def registry(self) -> Mapping[str, Any]:
        """The registry file."""

    def steps(self) -> Iterator[Sequence[Sent]]:
        """Yield what is sent in each step of site time."""
