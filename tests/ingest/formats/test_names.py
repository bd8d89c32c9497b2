"""A name tells a quantity only where it leaves no doubt; a false meaning is worse than none."""

import pytest

from ingest.formats.key_units import unit_in
from ingest.formats.names import quantity_of


@pytest.mark.parametrize(
    ("name", "unit", "quantity"),
    [
        ("rain", "mm", "rain_increment"),
        ("rain_total", "mm", "rain_total"),
        ("rain", "mm/h", "rain_rate"),
        ("tilt_x_deg", "deg", "tilt_x"),
        ("x_inclination", "°", "tilt_x"),
        ("crack_north", "mm", "crack_width"),
        ("wind_speed", "m⋅s⁻¹", "wind_speed"),
        ("water_potential", "kPa", "moisture_tension"),
        ("BatV", "V", "battery_voltage"),
        ("atmospheric_pressure", "kPa", "pressure"),
        ("雨量", "mm", "rain_increment"),
        ("wall", "ºC", "temperature"),
        ("strain", "με", "strain"),
    ],
)
def test_a_name_and_its_unit_tell_a_quantity(name: str, unit: str, quantity: str):
    assert quantity_of(name, unit) == quantity


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("rain_24h", "mm"),
        ("daily_rain", "mm"),
        ("rain_event", "mm"),
        ("日雨量", "mm"),
        ("crack_rate", "mm/h"),
        ("maximum_wind_speed", "m/s"),
        ("wind_gust", "m/s"),
        ("temp_max", "degC"),
        ("distance_minimum", "mm"),
        ("lightning_average_distance", "km"),
        ("vapor_pressure", "kPa"),
        ("pore_pressure", "kPa"),
        ("pressure", "bar"),
        ("dew_point", "degC"),
        ("wet_bulb", "degC"),
        ("bathroom_level", "%"),
        ("precipitation", "°C"),
        ("gps_accuracy", "%"),
        ("temperature_calibration", "degC"),
    ],
)
def test_what_only_sounds_like_a_measurement_has_no_quantity(name: str, unit: str):
    assert quantity_of(name, unit) is None


@pytest.mark.parametrize(
    ("key", "unit"),
    [
        ("temp_c", "degC"),
        ("strain_ue", "um/m"),
        ("rain_mm_total", "mm"),
        ("rain_rate_mm_h", "mm/h"),
        ("wind_speed_m_s", "m/s"),
        ("phase_c", None),
        ("sector_f", None),
        ("log_in", None),
        ("version_v", None),
    ],
)
def test_the_end_of_a_key_is_a_unit_only_behind_a_quantity(key: str, unit: str | None):
    assert unit_in(key) == unit
