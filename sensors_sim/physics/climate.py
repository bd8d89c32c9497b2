"""A place's ordinary year: how much it rains in each month and how warm it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Month:
    """Rain of an ordinary month and in how many storms it comes."""

    rain_mm: float
    storms: int


@dataclass(frozen=True, slots=True)
class Climate:
    """Twelve months from January on, and the temperature's mean and swings."""

    months: tuple[Month, ...]
    mean_c: float
    season_c: float
    """Half of the difference between the warmest and the coldest days of an ordinary year."""
    day_c: float
    """Half of the difference between afternoon and early morning."""
    deepest_storm_mm: float
    """A quiet climate has no storm deeper than this; storms that matter are scripted."""
    utc_offset_h: float = 8.0


RAIN_MM = (50, 52, 80, 76, 90, 170, 165, 140, 95, 58, 54, 40)
STORMS = (8, 8, 11, 10, 10, 13, 12, 11, 9, 7, 7, 7)

RIVER_MOUTH = Climate(
    months=tuple(Month(mm, storms) for mm, storms in zip(RAIN_MM, STORMS, strict=True)),
    mean_c=16.0,
    season_c=11.5,
    day_c=3.8,
    deepest_storm_mm=36.0,
)
"""Like the lower Yangtze: 1,070 mm a year, wettest in June and July. Invented in detail."""

HILLS = Climate(
    months=tuple(Month(mm * 0.94, storms) for mm, storms in zip(RAIN_MM, STORMS, strict=True)),
    mean_c=14.5,
    season_c=11.0,
    day_c=4.6,
    deepest_storm_mm=34.0,
)
"""A little higher, drier and with colder nights. Invented."""
