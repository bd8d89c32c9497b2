"""Says which values no sensor of a building can mean: out of range, or a code for "no data"."""

from math import sqrt

from models.units import PLAUSIBLE

# A polynomial that goes below zero has left the range that it was fitted for.
_RANGES = {**PLAUSIBLE, "moisture_vwc": (0.0, 100.0)}
_ANYTHING = (-1e12, 1e12)

NEVER = frozenset({-999.0, -999.9, -9999.0, -9999.9, -7999.0, -6999.0, -32768.0, -3276.8,
                    -327.68})  # fmt: skip
"""No-data codes below zero, as loggers and radio modules send them."""

_ONLY_OUT_OF_RANGE = frozenset({7999.0, 6999.0, 9999.0, 999.0, 999.9, 32767.0, 65535.0, 3276.7,
                                6553.5, 327.67, 655.35, 255.0, 850.0, 127.0,
                                -127.0})  # fmt: skip
"""More of them; a rain counter may well stand at 999 mm, so the range decides."""

_OF_NO_QUANTITY = frozenset({327.67, 655.35, 3276.7, 6553.5})
"""The largest number of 16 bits in tenths and hundredths: nothing, whatever is measured."""

_MAY_BE_FAR_BELOW_ZERO = frozenset({"moisture_tension", "strain"})


def range_of(quantity: str | None) -> tuple[float, float]:
    """Return the lowest and the highest canonical value that a quantity can have."""
    return _RANGES.get(quantity or "", _ANYTHING)


def is_no_data(quantity: str | None, sent: float, *, believable: bool) -> bool:
    """Is a number as sent, before scale and unit, a code for "no data"?"""
    if not believable:
        return sent in NEVER or sent in _ONLY_OUT_OF_RANGE
    if quantity is None and sent in _OF_NO_QUANTITY:
        return True
    return sent in NEVER and quantity not in _MAY_BE_FAR_BELOW_ZERO


def most_rain_mm(interval_s: float) -> float:
    """Return the most rain that can fall in a time.

    The world's records lie under 420 mm times the square root of hours (WMO extremes archive).
    """
    return max(2.0, 420.0 * sqrt(max(interval_s, 0.0) / 3_600.0))
