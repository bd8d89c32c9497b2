"""Reads the unit that stands at the end of a key, as in `rain_mm` or `battery_mV`."""

import re
from functools import lru_cache

from ingest.formats.names import quantity_of

_ENDINGS = (
    (r"mm_per_hour|mm_per_h|mm_hr?|mmh|mmph", "mm/h"),
    (r"in_per_hour|in_hr?|inph", "in/h"),
    (r"mm", "mm"),
    (r"um", "um"),
    (r"cm", "cm"),
    (r"in|inch", "in"),
    (r"degc|celsius|c", "degC"),
    (r"degf|fahrenheit|f", "degF"),
    (r"pct|percent", "%"),
    (r"hpa", "hPa"),
    (r"kpa", "kPa"),
    (r"mbar", "mbar"),
    (r"inhg", "inHg"),
    (r"mv", "mV"),
    (r"v|volts?", "V"),
    (r"deg", "deg"),
)
_COMPILED = tuple(
    (re.compile(rf"(.+)_(?:{words})", re.IGNORECASE), unit) for words, unit in _ENDINGS
)


@lru_cache(maxsize=4096)
def unit_in(key: str) -> str | None:
    """Return the unit that a key ends in, where the rest of it names a quantity of that unit."""
    for pattern, unit in _COMPILED:
        match = pattern.fullmatch(key)
        if match and quantity_of(match[1], unit):
            return unit
    return None
