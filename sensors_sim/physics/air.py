"""Air temperature and wind: the season, the hour, and weather that differs from day to day."""

from functools import lru_cache
from math import cos, pi
from random import Random

from sensors_sim.physics.climate import Climate
from sensors_sim.times import DAY_MS, HOUR_MS

YEAR_MS = 365.2425 * DAY_MS
WARMEST_DAY = 204
"""24 July: the season lags the sun by a month."""

WARMEST_HOUR = 14.5
RAIN_COOLS_C = 1.8


@lru_cache(maxsize=4096)
def _anomaly(key: str, day: int) -> tuple[float, float]:
    """How much warmer (K) and windier (factor) a day is than usual."""
    random = Random(f"{key}/air/{day}")
    return max(-5.0, min(5.0, random.gauss(0.0, 1.9))), random.uniform(0.6, 1.6)


def season(at_ms: int) -> float:
    """Return 1 on the warmest day of the year and -1 half a year later."""
    return cos(2 * pi * (at_ms / YEAR_MS - WARMEST_DAY / 365.2425))


def temperature_c(climate: Climate, key: str, at_ms: int, wetness: float) -> float:
    """Return the shade temperature; a wet day swings less and is cooler."""
    local_ms = at_ms + climate.utc_offset_h * HOUR_MS
    hour = local_ms % DAY_MS / HOUR_MS
    swing_c = climate.day_c * (1 - 0.5 * wetness) * cos(2 * pi * (hour - WARMEST_HOUR) / 24)
    usual_c = climate.mean_c + climate.season_c * season(at_ms)
    return usual_c + swing_c + _between_days(key, local_ms) - RAIN_COOLS_C * wetness


def _between_days(key: str, local_ms: float) -> float:
    """Blend from one day's anomaly to the next, so that temperature never jumps at midnight."""
    day, part = divmod(local_ms / DAY_MS, 1.0)
    today, tomorrow = _anomaly(key, int(day))[0], _anomaly(key, int(day) + 1)[0]
    return today + (tomorrow - today) * (1 - cos(pi * part)) / 2


def wind_m_s(key: str, at_ms: int, rain_mm_h: float) -> float:
    """Return the mean wind; showers bring gusts."""
    day, part = divmod(at_ms / DAY_MS, 1.0)
    today, tomorrow = _anomaly(key, int(day))[1], _anomaly(key, int(day) + 1)[1]
    return 2.1 * (today + (tomorrow - today) * part) + min(3.0, 0.15 * rain_mm_h)
