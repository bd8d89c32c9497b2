"""Reads the unit that stands at the end of a key, as in `rain_mm` or `battery_mV`."""

import re
from functools import lru_cache

from ingest.formats.names import names_quantity, quantity_of

_ENDINGS = (
    (r"mm_per_hour|mm_per_h|mm_hr?|mmh|mmph", "mm/h"),
    (r"in_per_hour|in_hr?|inph", "in/h"),
    (r"um_m|ue|ustrain|microstrain", "um/m"),
    (r"m_s|mps", "m/s"),
    (r"km_h|kmh|kph", "km/h"),
    (r"mph", "mph"),
    (r"mm|mm_(?:total|tot|sum|cum)", "mm"),
    (r"um", "um"),
    (r"cm", "cm"),
    (r"in|inch|in_(?:total|tot|sum|cum)", "in"),
    (r"degc|celsius|c", "degC"),
    (r"degf|fahrenheit|f", "degF"),
    (r"pct|percent", "%"),
    (r"hpa", "hPa"),
    (r"pa", "Pa"),
    (r"kpa", "kPa"),
    (r"mbar", "mbar"),
    (r"inhg", "inHg"),
    (r"mv", "mV"),
    (r"v|volts?", "V"),
    (r"deg|degrees?", "deg"),
    (r"vwc", "%vol"),
    (r"rh", "%RH"),
)
_COMPILED = tuple((re.compile(rf"(.+)_({words})", re.IGNORECASE), unit) for words, unit in _ENDINGS)


def _tells(rest: str, unit: str, written: str) -> bool:
    # A single letter may stand for anything (phase_c, sector_f): then the rest must name it.
    return names_quantity(rest, unit) if len(written) < 3 else bool(quantity_of(rest, unit))


@lru_cache(maxsize=4096)
def unit_in(key: str) -> str | None:
    """Return the unit that a key ends in, where the rest of it names a quantity of that unit."""
    for pattern, unit in _COMPILED:
        match = pattern.fullmatch(key)
        if match and _tells(match[1], unit, match[2]):
            return unit
    return None
