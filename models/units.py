"""Quantities and their units: what a number means, how it is stored, and whether it can be true."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from models.unit_scales import INTO, INTO_QUANTITY, MULTIPLE, Scale, plain

GOOD, NOT_EVALUATED, QUESTIONABLE, BAD, MISSING = 1, 2, 3, 4, 9
"""Quality flags of IODE (NERC vocabulary L34, primary level)."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured: its canonical unit, the decimals a person reads, and its gross range.

    `lowest` and `highest` are what an instrument on a building can report at all, not limits of an
    alert: a value outside is bad. `step` is the greatest believable change between two readings,
    `step_per_hour` the greatest believable change in an hour: more is questionable, never bad,
    because a falling ridge looks the same.
    """

    code: str
    unit: str
    decimals: int
    lowest: float
    highest: float
    step: float | None = None
    step_per_hour: float | None = None


# Gross ranges: domain.md §5.4 where it names one; else what such instruments are sold with.
# Crack and moisture readings may be relative to an installation zero, hence the negative side.
_QUANTITIES = (
    Quantity("rain_total", "mm", 1, 0, 100_000),
    # 38 mm in one minute is the world's record, about 140 mm in ten; an increment covers an hour
    # or less on every gauge we know.
    Quantity("rain_increment", "mm", 1, 0, 350),
    Quantity("rain_rate", "mm/h", 1, 0, 600),
    Quantity("crack_width", "mm", 2, -100, 250, step=1.0),
    Quantity("displacement", "mm", 2, -1_000, 1_000),
    Quantity("strain", "um/m", 0, -10_000, 10_000),
    Quantity("tilt", "deg", 2, -180, 180),
    Quantity("tilt_x", "deg", 2, -180, 180),
    Quantity("tilt_y", "deg", 2, -180, 180),
    Quantity("tilt_z", "deg", 2, -180, 180),
    Quantity("moisture_content", "%", 1, 0, 100, step_per_hour=10.0),
    # Capacitive probes read a little below zero in dry ground; that is theirs, not a fault.
    Quantity("moisture_vwc", "%vol", 1, -10, 100, step_per_hour=50.0),
    Quantity("moisture_rel", "%", 1, 0, 100),
    Quantity("moisture_tension", "kPa", 1, -1_000, 200),
    Quantity("temperature", "degC", 1, -40, 85),
    # 100 to 103 % is read in fog; 140 is not.
    Quantity("humidity", "%RH", 1, 0, 105),
    Quantity("pressure", "hPa", 1, 300, 1_100),
    Quantity("wind_speed", "m/s", 1, 0, 113),
    Quantity("distance", "mm", 0, 0, 100_000),
    Quantity("battery_voltage", "V", 2, 0, 60),
    Quantity("battery_level", "%", 0, 0, 100),
)

QUANTITIES = MappingProxyType({quantity.code: quantity for quantity in _QUANTITIES})
PLAUSIBLE = MappingProxyType({q.code: (q.lowest, q.highest) for q in _QUANTITIES})
RAIN = frozenset({"rain_total", "rain_increment"})

# A counter that rises faster than this is no rain (domain.md §5.4).
RAIN_BAD_MM_PER_MIN = 10.0
RAIN_QUESTIONABLE_MM_PER_MIN = 5.0


def canonical_unit(quantity: str) -> str:
    """Return the unit in which readings of `quantity` are stored. Raises KeyError."""
    return QUANTITIES[quantity].unit


_SYMBOLS = {"degC": "°C", "deg": "°", "um/m": "µm/m", "%vol": "% vol", "%RH": "% RH"}


def sign(unit: str | None) -> str:
    """Return a unit as a person reads it, °C for degC; a device's own stays as it is."""
    return _SYMBOLS.get(unit or "", unit or "")


def symbol(quantity: str | None) -> str:
    """Return the unit of `quantity` as a person reads it in any language; empty where unknown."""
    known = QUANTITIES.get(quantity or "")
    return sign(known.unit) if known else ""


def rounded(value: float, quantity: str | None) -> float:
    """Return `value` as finely as a person reads it; an unknown quantity gets two decimals."""
    known = QUANTITIES.get(quantity or "")
    return round(value, known.decimals if known else 2)


# Units come from payloads, so that the memory of them needs an end.
@lru_cache(maxsize=1024)
def _scale(unit: str, quantity: str) -> Scale | None:
    """Return (factor, offset) from `unit` into the canonical unit of `quantity`."""
    into = INTO_QUANTITY.get(quantity) or INTO[QUANTITIES[quantity].unit]
    spelt = plain(unit)
    # A capital alone tells Pa's mega from milli and volts' too; nothing else here needs its case.
    if unit.strip() == "mPa":
        return None
    if spelt in into:
        return into[spelt]
    found = MULTIPLE.match(spelt)
    if not found or found[2] not in into:
        return None
    factor, offset = into[found[2]]
    return factor * float(found[1]), offset


def is_convertible(unit: str | None, quantity: str) -> bool:
    """Say whether a sensor of `quantity` may be registered in `unit`."""
    return quantity in QUANTITIES and converter(unit, quantity) is not None


def converter(unit: str | None, quantity: str) -> Callable[[float], float] | None:
    """Return the function from `unit` into the canonical unit, None where they don't fit."""
    known = QUANTITIES.get(quantity)
    if known is None:
        return None
    if unit is None or unit == known.unit:
        return _unchanged
    scale = _scale(unit, quantity)
    if scale is None:
        return None
    factor, offset = scale
    if factor == 1.0 and offset == 0.0:
        return _unchanged
    return lambda value: _tidy(value * factor + offset)


def to_canonical(value: float, unit: str | None, quantity: str) -> float | None:
    """Return `value` in the canonical unit of `quantity`; None where unit or quantity don't fit.

    No unit means that it is the canonical one already.
    """
    convert = converter(unit, quantity)
    return None if convert is None else convert(value)


def _unchanged(value: float) -> float:
    return value


def _tidy(value: float) -> float:
    # 0.3 m is 300 mm, not 299.99999999999994: twelve digits are more than any instrument has.
    return float(f"{value:.12g}")


def quality_of(
    quantity: str | None,
    value: float | None,
    previous: float | None = None,
    elapsed_s: float | None = None,
) -> int:
    """Return the quality flag of a canonical value after the last good one, `elapsed_s` before.

    Outside the gross range is bad (4); a step that is possible but odd is questionable (3).
    """
    if value is None or not math.isfinite(value):
        return BAD
    known = QUANTITIES.get(quantity or "")
    if known is None:
        return NOT_EVALUATED
    if not known.lowest <= value <= known.highest:
        return BAD
    if previous is None:
        return GOOD
    if known.code == "rain_total":
        return _quality_of_rise(value - previous, elapsed_s)
    return _quality_of_step(known, abs(value - previous), elapsed_s)


def _quality_of_rise(rise_mm: float, elapsed_s: float | None) -> int:
    # A fall is a counter that started anew: no fault of the reading.
    if elapsed_s is None or rise_mm <= 0:
        return GOOD
    # Two totals in the same minute may share one heavy minute's rain.
    per_minute = rise_mm / max(elapsed_s / 60, 1.0)
    if per_minute > RAIN_BAD_MM_PER_MIN:
        return BAD
    return QUESTIONABLE if per_minute > RAIN_QUESTIONABLE_MM_PER_MIN else GOOD


def _quality_of_step(known: Quantity, step: float, elapsed_s: float | None) -> int:
    if known.step is not None and step > known.step:
        return QUESTIONABLE
    if known.step_per_hour is not None and elapsed_s is not None:
        # Less than an hour apart: the whole hour's step is allowed, probes settle in jumps.
        if step > known.step_per_hour * max(elapsed_s / 3600, 1.0):
            return QUESTIONABLE
    return GOOD
