"""What goes into a judgement and what comes out: samples and steps."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from models.reasons import Json, Reason

SEVERITIES = ("low", "medium", "high", "critical")
RANK = {severity: rank for rank, severity in enumerate(SEVERITIES, 1)}
"""Rank 0 is no severity at all."""

Dumped = Json
NO_STEPS: list["Step"] = []
"""Returned on the fast paths; callers never change the list that they get."""


class Sample(NamedTuple):
    """One reading as a rule sees it: canonical value, corrected for its epoch, None = unbelievable.

    A tuple, since millions are made. `arrived_ms` is the site instant of its arrival.
    """

    at_ms: int
    value: float | None
    quality: int
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a verdict: what became of it, when, on which reading, and why."""

    to: str
    """raised, escalated, lowered, cleared or latched."""
    severity: str
    """Held from now on; of a cleared verdict the one that ended, of a latched the one latched."""
    level: int
    """Index of the level that decided."""
    at_ms: int
    """Site instant of the decision."""
    observed_ms: int
    """Of the reading that decided it."""
    value: float | None
    limit: float | None
    reason: Reason


def iso(at_ms: int) -> str:
    """Return the instant as reasons and files carry it: `2022-03-21T08:00:00Z`."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(number: float | None) -> float | None:
    """Return a limit as people write it: 25, not 25.0."""
    return int(number) if number is not None and number == int(number) else number
