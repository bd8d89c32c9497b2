"""The state of one site at one moment, which all of its instruments look at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sky:
    """What happened in the step that ends at `at_ms`, and how wet the roof is now."""

    at_ms: int
    step_ms: int
    rain_mm: float
    air_c: float
    wind_m_s: float
    wetness: float
