"""Reads units as senders spell them: ours, known but not ours, or unknown to everybody."""

from functools import lru_cache

from models.units import QUANTITIES, is_convertible

SENML_FOREIGN = frozenset(
    "kg g s A cd mol Hz sr N J W C F Ohm S Wb T H lm lx Bq Gy Sv kat m2 m3 l m/s2 m3/s l/s W/m2"
    " cd/m2 bit bit/s lat lon pH dB dBW Bspl count EL 1/s 1/min beat/min beats S/m B VA VAs var"
    " vars J/m kg/m3 NTU ms min h MHz kW kVA kvar Ah Wh kWh varh kvarh kVAh Wh/km KiB GB Mbit/s"
    " B/s MB/s mA dBm ug/m3 ppm gravity m/h".split()
)
"""Units of the SenML registry (RFC 8428 §12.1, RFC 8798) in which nothing of ours is measured."""

_FOREIGN = frozenset(
    "lux klx klux mW uA µA ppb ppm us/cm ms/cm ds/m s/m us ms/m mg/l ug/m3 µg/m3 w/m2 wh kwh ma a"
    " w hz khz mhz s sec secs seconds min mins minutes h hr hours d days l ml l/min g kg lb ph dbm"
    " db count counts pulses rpm ntu index uv uvi bpm lx µs/cm b kb kib mb"
    " g/m3 mg/m3 ohm ohms ω kω mω tip tips pulse mol µmol/m2/s l/h m2 v/v".split()
)


@lru_cache(maxsize=1024)
def quantities_in(unit: str) -> tuple[str, ...]:
    """Return the codes of the quantities that can be measured in a unit as sent."""
    if unit in ("", "1", "/", "ppm"):
        return tuple(code for code in _OF_SHARES if is_convertible(unit, code))
    return tuple(code for code in QUANTITIES if is_convertible(unit, code))


_OF_SHARES = ("moisture_content", "moisture_vwc", "moisture_rel", "humidity", "battery_level")


@lru_cache(maxsize=1024)
def is_foreign(unit: str) -> bool:
    """Is it a unit that people know, of something that Ridgewatch doesn't watch?"""
    plain = unit.replace("⋅", "/").replace("⁻¹", "").replace("²", "2").replace("³", "3")
    plain = plain.replace("μ", "µ").replace("⁻2", "2").replace(" ", "").lower()
    return unit in SENML_FOREIGN or plain in _FOREIGN
