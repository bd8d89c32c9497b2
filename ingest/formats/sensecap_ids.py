"""SenseCAP's measurement ids (Seeed's list of sensor types), for what Ridgewatch watches."""

from ingest.formats.sheet import Meaning

MEASUREMENTS = {
    "4097": Meaning("temperature", "degC"),
    "4098": Meaning("humidity", "%RH"),
    "4101": Meaning("pressure", "Pa"),
    "4102": Meaning("temperature", "degC"),  # soil
    "4103": Meaning("moisture_rel", "%"),
    "4110": Meaning("moisture_vwc", "%vol"),
    "4112": Meaning("temperature", "degC"),  # soil, beside 4110
    "4113": Meaning("rain_rate", "mm/h"),
}
