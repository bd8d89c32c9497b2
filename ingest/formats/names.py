"""Tells the quantity of a channel from what its sender calls it, where the name leaves no doubt."""

import re
from functools import lru_cache

from ingest.formats.spelling import quantities_in
from models.unit_scales import plain

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[\u4e00-\u9fff]+|\d+")

# Reckoned, wished for, or only the extreme of what was measured: a number beside the measurement.
_NOT_THE_THING = re.compile(
    r"dew|chill|feels|heat_?index|apparent|frost|setpoint|set_temp|target|wet_?bulb|lightning|gust"
    r"|vapou?r|deficit|calibration|sensitivity|threshold|limit|alarm|evapo"
    r"|(^|_)(min|max|minimum|maximum|std|stdev|deviation|percentile)(_|$)|(east|north)_wind"
)
# The sum of an hour, a day, a storm: it overlaps the next one, so it is neither rise nor counter.
_SUM_OF_A_TIME = re.compile(
    r"hour|day|dai|week|month|year|event|storm|today|(^|_)last|(^|_)\d+_?(h|d|m|min|hr)(_|$)|时|日|月|年"
)
_NOT_OF_THE_AIR = re.compile(r"water|pore|diff|gauge|hydro|liquid|level|line|pipe|tank|oil|soil")
_OF_THE_AIR_IN = frozenset({"pa", "hpa", "kpa", "mbar", "mb", "inhg", "mmhg"})
"""Units of barometers; bar and psi are those of pipes and water levels."""

# In this order: the first whose words stand in the name and whose quantity the unit can measure.
_RULES: tuple[tuple[str, str], ...] = (
    (r"bat(?!h|ch|on)|accu(_|$)|akku|(^|_)vcc|电池", "battery_voltage"),
    (r"bat(?!h|ch|on)|accu(_|$)|akku|电池|电量", "battery_level"),
    (r"(rain|precip|pluvio|雨).*(rate|intens|强度)|rainrate|雨强", "rain_rate"),
    (r"(rain|precip|pluvio|雨).*(total|cum|count|acc|累计)", "rain_total"),
    (r"(total|cum|acc|累计).*(rain|precip|雨)", "rain_total"),
    (r"rain|precip|pluvio|雨", "rain_rate"),
    (r"rain|precip|pluvio|雨", "rain_increment"),
    (r"crack|fissur|joint|gap|裂", "crack_width"),
    (r"disp|settl|位移|沉降", "displacement"),
    (r"dist|ullage|距", "distance"),
    (r"strain|应变", "strain"),
    (r"(tilt|incl|angle|倾).*x(_|$)|(^|_)x_.*(tilt|incl|倾)", "tilt_x"),
    (r"(tilt|incl|angle|倾).*y(_|$)|(^|_)y_.*(tilt|incl|倾)", "tilt_y"),
    (r"(tilt|incl|angle|倾).*z(_|$)|(^|_)z_.*(tilt|incl|倾)", "tilt_z"),
    (r"tilt|incl|倾", "tilt"),
    (r"wind.*(speed|avg|mean)|风速", "wind_speed"),
    (r"tension|potential|suction|matric", "moisture_tension"),
    (r"baro|press|气压", "pressure"),
    (r"wood|timber|(^|_)mc(_|$)|木", "moisture_content"),
    (r"vwc|volumetric", "moisture_vwc"),
    (r"soil|moist|damp|wet|含水|墒", "moisture_rel"),
    (r"hum|(^|_)rh(_|$)|湿度", "humidity"),
    (r"temp|(^|_)t(c|_|$|\d)|温", "temperature"),
)
_COMPILED = tuple((re.compile(words), quantity) for words, quantity in _RULES)

# A rain in degrees is some mistake of its sender, and no temperature.
_OF_OTHERS = re.compile(r"rain|precip|pluvio|雨|humid|湿度|baro|气压|strain|应变")

_BY_UNIT_ALONE = ("temperature", "humidity", "moisture_vwc", "battery_level")
"""Quantities that own their units: degC says temperature, whatever the channel is called."""


@lru_cache(maxsize=4096)
def quantity_of(name: str, unit: str | None) -> str | None:
    """Return the quantity of a channel called `name`, in the unit `unit` as sent, or None."""
    if unit is None:
        return None
    possible = quantities_in(unit)
    words = "_".join(_WORDS.findall(name)).lower()
    if not possible or _NOT_THE_THING.search(words):
        return None
    named = _named(words, unit, possible)
    if named is not None:
        return named or None
    if len(possible) == 1 and possible[0] in _BY_UNIT_ALONE and not _OF_OTHERS.search(words):
        return possible[0]
    return None


def _named(words: str, unit: str, possible: tuple[str, ...]) -> str | None:
    """Return the quantity that the words name: "" for what is near it, None for none at all."""
    for pattern, quantity in _COMPILED:
        if quantity in possible and pattern.search(words):
            if quantity in ("rain_increment", "rain_total") and _SUM_OF_A_TIME.search(words):
                return ""
            if quantity == "pressure" and (
                _NOT_OF_THE_AIR.search(words) or plain(unit) not in _OF_THE_AIR_IN
            ):
                return ""
            return quantity
    return None


@lru_cache(maxsize=4096)
def names_quantity(name: str, unit: str) -> bool:
    """Does the name itself, not the unit alone, tell the quantity?"""
    words = "_".join(_WORDS.findall(name)).lower()
    return bool(_named(words, unit, quantities_in(unit)))


@lru_cache(maxsize=4096)
def sounds_like_ours(name: str) -> bool:
    """Is `name` that of a quantity of ours, so that a unit that nobody knows is a fault?"""
    words = "_".join(_WORDS.findall(name)).lower()
    if _NOT_THE_THING.search(words):
        return False
    return any(pattern.search(words) for pattern, _quantity in _COMPILED)
