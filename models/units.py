"""Quantities and their units: what a number means, how it is stored, and whether it can be true."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

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


def symbol(quantity: str | None) -> str:
    """Return the unit of `quantity` as a person reads it in any language; empty where unknown."""
    known = QUANTITIES.get(quantity or "")
    return _SYMBOLS.get(known.unit, known.unit) if known else ""


def rounded(value: float, quantity: str | None) -> float:
    """Return `value` as finely as a person reads it; an unknown quantity gets two decimals."""
    known = QUANTITIES.get(quantity or "")
    return round(value, known.decimals if known else 2)


# --- units -------------------------------------------------------------------------------------

_Scale = tuple[float, float]
_LENGTH_MM = {
    "mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0, "km": 1e6, "um": 1e-3, "nm": 1e-6,
    "in": 25.4, "ft": 304.8, "mil": 0.0254, "l/m2": 1.0, "kg/m2": 1.0,
    "millimeter": 1.0, "millimeters": 1.0, "millimetre": 1.0, "millimetres": 1.0,
    "centimeter": 10.0, "centimeters": 10.0, "meter": 1000.0, "meters": 1000.0, "metre": 1000.0,
    "micron": 1e-3, "microns": 1e-3, "inch": 25.4, "inches": 25.4, '"': 25.4, "毫米": 1.0,
    "厘米": 10.0, "米": 1000.0,
}  # fmt: skip
_RAIN_RATE_MM_H = {
    "mm/h": 1.0, "mm/hr": 1.0, "mmph": 1.0, "mm/min": 60.0, "mm/s": 3600.0, "mm/d": 1 / 24,
    "mm/day": 1 / 24, "cm/h": 10.0, "cm/hr": 10.0, "m/s": 3.6e6, "in/h": 25.4, "in/hr": 25.4,
    "inph": 25.4, "in/min": 1524.0, "l/m2/h": 1.0,
}  # fmt: skip
# Kelvin and Fahrenheit need an offset as well as a factor, see `_TEMPERATURE_C`.
_ANGLE_DEG = {
    "deg": 1.0, "°": 1.0, "degree": 1.0, "degrees": 1.0, "度": 1.0, "rad": 180 / math.pi,
    "mrad": 0.18 / math.pi, "urad": 0.18e-3 / math.pi, "gon": 0.9, "arcmin": 1 / 60,
    "arcsec": 1 / 3600, "'": 1 / 60,
}  # fmt: skip
_SHARE_PERCENT = {
    "%": 1.0, "/100": 1.0, "percent": 1.0, "pct": 1.0, "/": 100.0, "1": 100.0, "/1000": 0.1,
    "permille": 0.1, "‰": 0.1, "": 1.0,
}  # fmt: skip
_VOLUME_PERCENT = {
    "%vol": 1.0, "vol%": 1.0, "%vwc": 1.0, "vwc%": 1.0, "vwc": 1.0, "m3/m3": 100.0,
    "m3*m-3": 100.0, "m3m-3": 100.0, "cm3/cm3": 100.0, "%": 1.0, "/100": 1.0, "/": 100.0,
    "1": 100.0, "l/m3": 0.1,
}  # fmt: skip
_PRESSURE_PA = {
    "pa": 1.0, "hpa": 100.0, "kpa": 1e3, "mpa": 1e6, "bar": 1e5, "mbar": 100.0, "mb": 100.0,
    "cbar": 1e3, "cb": 1e3, "inhg": 3386.389, "mmhg": 133.322387, "torr": 133.322368,
    "atm": 101_325.0, "psi": 6894.757, "mmh2o": 9.80665, "cmh2o": 98.0665, "mh2o": 9806.65,
}  # fmt: skip
_SPEED_M_S = {
    "m/s": 1.0, "mps": 1.0, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "kph": 1 / 3.6, "kmph": 1 / 3.6,
    "mph": 0.44704, "mi/h": 0.44704, "kn": 1852 / 3600, "kt": 1852 / 3600, "kts": 1852 / 3600,
    "knot": 1852 / 3600, "knots": 1852 / 3600, "ft/s": 0.3048, "cm/s": 0.01,
}  # fmt: skip
_VOLTAGE_V = {"v": 1.0, "mv": 1e-3, "uv": 1e-6, "kv": 1e3, "volt": 1.0, "volts": 1.0}
_STRAIN = {
    "um/m": 1.0, "um*m-1": 1.0, "umm-1": 1.0, "ue": 1.0, "ustrain": 1.0, "microstrain": 1.0,
    "mm/m": 1e3, "m/m": 1e6, "strain": 1e6, "/": 1e6, "1": 1e6, "%": 1e4, "ppm": 1.0,
}  # fmt: skip
_TEMPERATURE_C: dict[str, _Scale] = {
    "degc": (1.0, 0.0), "cel": (1.0, 0.0), "celsius": (1.0, 0.0), "c": (1.0, 0.0),
    "°c": (1.0, 0.0), "摄氏度": (1.0, 0.0), "mcel": (1e-3, 0.0), "k": (1.0, -273.15),
    "kelvin": (1.0, -273.15), "degk": (1.0, -273.15), "degf": (5 / 9, -160 / 9),
    "far": (5 / 9, -160 / 9), "fahrenheit": (5 / 9, -160 / 9), "f": (5 / 9, -160 / 9),
    "°f": (5 / 9, -160 / 9),
}  # fmt: skip


def _scaled(table: dict[str, float], per: float = 1.0) -> dict[str, _Scale]:
    return {unit: (factor / per, 0.0) for unit, factor in table.items()}


_HUMIDITY = {**_SHARE_PERCENT, "%rh": 1.0, "rh": 1.0, "rh%": 1.0, "%r.h.": 1.0}
_BATTERY = {**_SHARE_PERCENT, "%el": 1.0}
_TILT = {
    **_scaled(_ANGLE_DEG),
    # An inclinometer's mm/m is a slope; at the angles of buildings it is an angle in milliradian
    # within a ten-thousandth.
    "mm/m": (0.18 / math.pi, 0.0),
    "um/m": (0.18e-3 / math.pi, 0.0),
}

# Canonical unit -> unit as `_plain` spells it -> (factor, offset).
_INTO: dict[str, dict[str, _Scale]] = {
    "mm": _scaled(_LENGTH_MM),
    "mm/h": _scaled(_RAIN_RATE_MM_H),
    "um/m": _scaled(_STRAIN),
    "deg": _TILT,
    "%": _scaled(_SHARE_PERCENT),
    "%vol": _scaled(_VOLUME_PERCENT),
    "kPa": _scaled(_PRESSURE_PA, per=1e3),
    "degC": _TEMPERATURE_C,
    "%RH": _scaled(_HUMIDITY),
    "hPa": _scaled(_PRESSURE_PA, per=100.0),
    "m/s": _scaled(_SPEED_M_S),
    "V": _scaled(_VOLTAGE_V),
}
_INTO_QUANTITY = {
    "battery_level": _scaled(_BATTERY),
    # Moisture of timber is also sold as WME, wood moisture equivalent, in per cent.
    "moisture_content": {**_scaled(_SHARE_PERCENT), "%wme": (1.0, 0.0), "%mc": (1.0, 0.0)},
    "moisture_rel": {**_scaled(_SHARE_PERCENT), "%wme": (1.0, 0.0)},
}
# "0.1degC" is a tenth of a degree a count; "tip0.2mm" two tenths of a millimetre a tip.
_MULTIPLE = re.compile(r"^(?:tips?|counts?|pulses?)?(\d+(?:\.\d+)?|\.\d+)\*?([^\d.*].*)$")
_SPELLINGS = str.maketrans(
    {
        "µ": "u", "μ": "u", "℃": "°c", "℉": "°f", "⋅": "*", "·": "*", "×": "*", "³": "3",
        "²": "2", "⁻": "-", "¹": "1", "−": "-", "％": "%", "／": "/", "″": '"', "′": "'",
        " ": None, "\N{NO-BREAK SPACE}": None, "_": None, "^": None,
    }
)  # fmt: skip


def _plain(unit: str) -> str:
    return unit.translate(_SPELLINGS).lower()


@cache
def _scale(unit: str, quantity: str) -> _Scale | None:
    """Return (factor, offset) from `unit` into the canonical unit of `quantity`."""
    into = _INTO_QUANTITY.get(quantity) or _INTO[QUANTITIES[quantity].unit]
    plain = _plain(unit)
    # A capital alone tells Pa's mega from milli and volts' too; nothing else here needs its case.
    if unit.strip() == "mPa":
        return None
    if plain in into:
        return into[plain]
    found = _MULTIPLE.match(plain)
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


# --- quality -----------------------------------------------------------------------------------


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
