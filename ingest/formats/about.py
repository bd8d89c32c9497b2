"""Knows the fields that tell about a device or its radio, in the words of all codecs."""

import re
from functools import lru_cache

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_WHOLE = frozenset(
    "rssi snr lsnr linkquality lqi channel port fport fcnt counter framecounter deviceid id"
    " protocolversion version protocol firmware hardware fw hw sn serial type sensorid valid err"
    " error errors interval latitude longitude altitude lat lon gps mode model node reset reason"
    " age seq sequence light lux illum illuminance motion occupancy pir co2 tvoc ec conductivity"
    " electricalconductivity electricity current power energy device name cmd mod margin uptime"
    " imei imsi iccid mac ip freq frequency dr sf".split()
)
# The last word of a longer name: Bat_status, Interrupt_flag, Message_type, TempAlarm.
_LAST = frozenset(
    "status state flag flags alarm alert mode version ver interval period type code datecode serial"
    " sn id model band rssi snr threshold config setting settings cmd command index seq uptime"
    " timestamp time date datetime reason error errors valid enable enabled trigger level_status"
    " change set lux illum illuminance swver hwver label unit offset gain".split()
)


@lru_cache(maxsize=4096)
def is_about_the_device(key: str) -> bool:
    """Does a field tell of its device, radio or settings, and measure nothing of a building?"""
    words = [word.lower() for word in _WORDS.findall(key)]
    return "".join(words) in _WHOLE or (len(words) > 1 and words[-1] in _LAST)
