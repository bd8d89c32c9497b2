"""What a run may be told; what it is not told has a moderate default in each measurement."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """`None` is the measurement's own default."""

    seconds: int | None = None
    readings: int | None = None
    sites: int | None = None
    sensors: int | None = None  # of each site
    channels: int | None = None  # of each device
    rounds: int | None = None
    kills: int | None = None
