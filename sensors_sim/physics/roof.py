"""A tiled roof takes rain up and gives it back: tiles within hours, their bedding in days."""

from math import exp

from sensors_sim.times import HOUR_MS

TILES_HOLD_MM = 9.0
"""More than this runs off; about what clay tiles and their joints take up."""

SEEPS_H = 7.0
BEDDING_FULL_MM = 16.0
BEDDING_DRIES_H = 62.0
EVAPORATES_MM_H = 0.11


class Roof:
    """How wet one roof is; timber and cracks below follow it with their own lags."""

    def __init__(self) -> None:
        self.tiles_mm = 0.0
        self.bedding_mm = 0.0

    def step(self, step_ms: int, rain_mm: float, air_c: float) -> None:
        """Let rain fall on it for a while, then seep and dry."""
        hours = step_ms / HOUR_MS
        self.tiles_mm = min(TILES_HOLD_MM, self.tiles_mm + rain_mm)
        seeps_mm = self.tiles_mm * (1 - exp(-hours / SEEPS_H)) * (1 - self.wetness)
        warmth = max(0.3, 1 + (air_c - 12.0) / 22.0)
        dries_mm = EVAPORATES_MM_H * hours * warmth
        self.tiles_mm = max(0.0, self.tiles_mm - seeps_mm - dries_mm)
        self.bedding_mm = (self.bedding_mm + seeps_mm) * exp(-hours * warmth / BEDDING_DRIES_H)

    @property
    def wetness(self) -> float:
        """How full the bedding is, 0 to 1."""
        return min(1.0, self.bedding_mm / BEDDING_FULL_MM)
