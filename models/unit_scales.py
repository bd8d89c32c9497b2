"""What units are worth: factors and offsets into the canonical units, and how units are spelt."""

import math
import re

Scale = tuple[float, float]
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
    "inph": 25.4, "in/min": 1524.0, "l/m2/h": 1.0, "mm*h-1": 1.0, "mmh-1": 1.0,
    "mm/hour": 1.0, "in/hour": 25.4, "inch/hour": 25.4,
}  # fmt: skip
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
    "cbar": 1e3, "cb": 1e3, "centibar": 1e3,
    "inhg": 3386.389, "mmhg": 133.322387, "torr": 133.322368,
    "atm": 101_325.0, "psi": 6894.757, "mmh2o": 9.80665, "cmh2o": 98.0665, "mh2o": 9806.65,
}  # fmt: skip
_SPEED_M_S = {
    "m/s": 1.0, "mps": 1.0, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "kph": 1 / 3.6, "kmph": 1 / 3.6,
    "mph": 0.44704, "mi/h": 0.44704, "kn": 1852 / 3600, "kt": 1852 / 3600, "kts": 1852 / 3600,
    "knot": 1852 / 3600, "knots": 1852 / 3600, "ft/s": 0.3048, "cm/s": 0.01,
    "m*s-1": 1.0, "ms-1": 1.0,
    "meters/second": 1.0, "meter/second": 1.0, "km*h-1": 1 / 3.6,
}  # fmt: skip
_VOLTAGE_V = {"v": 1.0, "mv": 1e-3, "uv": 1e-6, "kv": 1e3, "volt": 1.0, "volts": 1.0, "vdc": 1.0}
_STRAIN = {
    "um/m": 1.0, "um*m-1": 1.0, "umm-1": 1.0, "ue": 1.0, "ustrain": 1.0, "microstrain": 1.0,
    "microstrains": 1.0, "uε": 1.0,
    "mm/m": 1e3, "m/m": 1e6, "strain": 1e6, "/": 1e6, "1": 1e6, "%": 1e4, "ppm": 1.0,
}  # fmt: skip
# Kelvin and Fahrenheit need an offset as well as a factor.
_TEMPERATURE_C: dict[str, Scale] = {
    "degc": (1.0, 0.0), "cel": (1.0, 0.0), "celsius": (1.0, 0.0), "c": (1.0, 0.0),
    "°c": (1.0, 0.0), "摄氏度": (1.0, 0.0), "mcel": (1e-3, 0.0), "k": (1.0, -273.15),
    "kelvin": (1.0, -273.15), "degk": (1.0, -273.15), "degf": (5 / 9, -160 / 9),
    "far": (5 / 9, -160 / 9), "fahrenheit": (5 / 9, -160 / 9), "f": (5 / 9, -160 / 9),
    "°f": (5 / 9, -160 / 9), "degreec": (1.0, 0.0), "degreesc": (1.0, 0.0),
    "degcelsius": (1.0, 0.0), "degreecelsius": (1.0, 0.0), "degreescelsius": (1.0, 0.0),
    "degreef": (5 / 9, -160 / 9), "degreesf": (5 / 9, -160 / 9),
    "degreesfahrenheit": (5 / 9, -160 / 9),
}  # fmt: skip


def _scaled(table: dict[str, float], per: float = 1.0) -> dict[str, Scale]:
    return {unit: (factor / per, 0.0) for unit, factor in table.items()}


_HUMIDITY = {**_SHARE_PERCENT, "%rh": 1.0, "rh": 1.0, "rh%": 1.0, "%r.h.": 1.0, "percentrh": 1.0}
_BATTERY = {**_SHARE_PERCENT, "%el": 1.0}
_TILT = {
    **_scaled(_ANGLE_DEG),
    # An inclinometer's mm/m is a slope; at the angles of buildings it is an angle in milliradian
    # within a ten-thousandth.
    "mm/m": (0.18 / math.pi, 0.0),
    "um/m": (0.18e-3 / math.pi, 0.0),
}

# Canonical unit -> unit as `plain` spells it -> (factor, offset).
INTO: dict[str, dict[str, Scale]] = {
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
INTO_QUANTITY = {
    "battery_level": _scaled(_BATTERY),
    # Moisture of timber is also sold as WME, wood moisture equivalent, in per cent.
    "moisture_content": {**_scaled(_SHARE_PERCENT), "%wme": (1.0, 0.0), "%mc": (1.0, 0.0)},
    "moisture_rel": {**_scaled(_SHARE_PERCENT), "%wme": (1.0, 0.0)},
}
# "0.1degC" is a tenth of a degree a count; "tip0.2mm" two tenths of a millimetre a tip.
MULTIPLE = re.compile(r"^(?:tips?|counts?|pulses?)?(\d+(?:\.\d+)?|\.\d+)\*?([^\d.*].*)$")
_SPELLINGS = str.maketrans(
    {
        "µ": "u", "μ": "u", "º": "°", "˚": "°", "℃": "°c", "℉": "°f", "⋅": "*",
        "·": "*", "×": "*", "³": "3",
        "²": "2", "⁻": "-", "¹": "1", "−": "-", "％": "%", "／": "/", "″": '"', "′": "'",
        " ": None, "\N{NO-BREAK SPACE}": None, "_": None, "^": None,
    }
)  # fmt: skip


def plain(unit: str) -> str:
    """Return a unit as the tables spell it."""
    return unit.translate(_SPELLINGS).lower()
