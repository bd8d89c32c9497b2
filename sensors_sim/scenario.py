"""What a scenario is: places with instruments, weather and damage, what fails, what is true."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensors_sim.expect import Expectation
from sensors_sim.faults import Fault
from sensors_sim.physics.climate import Climate
from sensors_sim.physics.instruments import Instrument
from sensors_sim.physics.rain import Storm
from sensors_sim.times import DAY_MS

SPIN_UP_DAYS = 400
"""How long before its beginning a scenario's world already exists, hour by hour.

Long enough for a whole quiet year of history before the first packet, whatever the calendar.
"""


@dataclass(frozen=True, slots=True)
class Channel:
    """One instrument on a node, how often it is read, and the SenML unit of what it says."""

    name: str
    unit: str
    every_s: int
    instrument: Instrument
    sensor: str | None = None
    """The code of the sensor in the registry; None leaves the channel for someone to claim."""


@dataclass(frozen=True, slots=True)
class Node:
    """A radio node with its channels; it sends what fell due together in one pack."""

    device: str
    channels: tuple[Channel, ...]
    via: str = "receiver"
    loses: float = 0.002
    """Share of its packs that the radio loses."""
    second: int = 0
    """At which second after the full interval it reads, so that nodes don't all talk at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site as nature sees it."""

    code: str
    climate: Climate
    nodes: tuple[Node, ...]
    storms: tuple[Storm, ...] = ()
    scripted: tuple[tuple[int, int], ...] = ()
    """Spans in which only the scripted storms rain."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Something that really happens, which no sensor tells."""

    at_ms: int
    event: str


@dataclass(frozen=True, slots=True)
class StandingScaffold:
    """A scaffold that stands with a green tag from then on, so that weather can put it on hold."""

    site: str
    zone: str
    code: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story with its places, its registry file and what it must cause."""

    name: str
    title: Mapping[str, str]
    begins_ms: int
    ends_ms: int | None
    """None: it goes on for ever, with the climate's own weather."""
    places: tuple[Place, ...]
    registry: Mapping[str, Any]
    truths: tuple[Truth, ...] = ()
    faults: tuple[Fault, ...] = ()
    scaffolds: tuple[StandingScaffold, ...] = ()
    expect: tuple[Expectation, ...] = ()

    @property
    def world_begins_ms(self) -> int:
        """The earliest moment of which there is history, on a full hour."""
        return self.begins_ms - SPIN_UP_DAYS * DAY_MS
