"""Tells the quantity of a channel from what its sender calls it, where the name leaves no doubt."""

import re
from functools import lru_cache

from ingest.formats.spelling import quantities_in

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[\u4e00-\u9fff]+|\d+")

_NOT_THE_THING = re.compile(r"dew|chill|feels|heat_?index|apparent|frost|setpoint|set_temp|target")

# In this order: the first whose words stand in the name and whose quantity the unit can measure.
_RULES: tuple[tuple[str, str], ...] = (
    (r"bat|accu|(^|_)vcc|电池", "battery_voltage"),
    (r"bat|accu|电池|电量", "battery_level"),
    (r"(rain|precip|pluvio|雨).*(rate|intens|强度)|rainrate|雨强", "rain_rate"),
    (r"(rain|precip|pluvio|雨).*(total|cum|count|acc|累计)", "rain_total"),
    (r"(total|cum|acc|累计).*(rain|precip|雨)", "rain_total"),
    (r"rain|precip|pluvio|雨", "rain_rate"),
    (r"rain|precip|pluvio|雨", "rain_increment"),
    (r"crack|fissur|joint|gap|裂", "crack_width"),
    (r"disp|settl|位移|沉降", "displacement"),
    (r"dist|ullage|距", "distance"),
    (r"strain|应变", "strain"),
    (r"(tilt|incl|angle|倾).*x$", "tilt_x"),
    (r"(tilt|incl|angle|倾).*y$", "tilt_y"),
    (r"(tilt|incl|angle|倾).*z$", "tilt_z"),
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

_BY_UNIT_ALONE = ("temperature", "humidity", "moisture_vwc", "rain_rate", "battery_level")
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
    for pattern, quantity in _COMPILED:
        if quantity in possible and pattern.search(words):
            return quantity
    if len(possible) == 1 and possible[0] in _BY_UNIT_ALONE:
        return possible[0]
    return None


@lru_cache(maxsize=4096)
def sounds_like_ours(name: str) -> bool:
    """Is `name` that of a quantity of ours, so that a unit that nobody knows is a fault?"""
    words = "_".join(_WORDS.findall(name)).lower()
    return any(pattern.search(words) for pattern, _quantity in _COMPILED)
