"""Units and quality: what is converted, what is refused, what can't be true."""

import math

import pytest

from models.units import QUANTITIES, converter, is_convertible, quality_of, to_canonical


@pytest.mark.parametrize(
    ("value", "unit", "quantity", "expected"),
    [
        (0.3, "m", "distance", 300),
        (1.0, "in", "rain_total", 25.4),
        (1.2, "cm", "crack_width", 12),
        (250, "µm", "crack_width", 0.25),
        (250, "um", "displacement", 0.25),
        (1.0, "in/h", "rain_rate", 25.4),
        (0.5, "mm/min", "rain_rate", 30),
        (12, "l/m2", "rain_increment", 12),
        (3, "tip0.2mm", "rain_increment", 0.6),
        (21.5, "Cel", "temperature", 21.5),
        (21.5, "℃", "temperature", 21.5),
        (68, "°F", "temperature", 20),
        (68, "degF", "temperature", 20),
        (273.15, "K", "temperature", 0),
        (215, "0.1degC", "temperature", 21.5),
        (55, "%", "humidity", 55),
        (0.55, "/", "humidity", 55),
        (550, "0.1%RH", "humidity", 55),
        (55, "%RH", "humidity", 55),
        (0.8, "/", "battery_level", 80),
        (80, "%EL", "battery_level", 80),
        (3612, "mV", "battery_voltage", 3.612),
        (0.3, "m3/m3", "moisture_vwc", 30),
        (0.3, "m³⋅m⁻³", "moisture_vwc", 30),
        (30, "%", "moisture_vwc", 30),
        (101_325, "Pa", "pressure", 1013.25),
        (101.325, "kPa", "pressure", 1013.25),
        (1013.25, "mbar", "pressure", 1013.25),
        (29.92, "inHg", "pressure", 1013.2076),
        (-33, "cbar", "moisture_tension", -33),
        (-0.033, "MPa", "moisture_tension", -33),
        (math.pi / 2, "rad", "tilt_x", 90),
        (2.5, "°", "tilt", 2.5),
        (1.0, "mm/m", "tilt", 0.0573),
        (120, "µm⋅m⁻¹", "strain", 120),
        (0.5, "mm/m", "strain", 500),
        (36, "km/h", "wind_speed", 10),
        (10, "kn", "wind_speed", 5.1444),
        (10, "mph", "wind_speed", 4.4704),
        (18, "%WME", "moisture_content", 18),
    ],
)
def test_what_sensors_send_becomes_canonical(
    value: float, unit: str, quantity: str, expected: float
) -> None:
    assert to_canonical(value, unit, quantity) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("unit", "quantity"),
    [
        ("furlong", "rain_total"),
        ("mm", "temperature"),
        ("degC", "crack_width"),
        ("mPa", "pressure"),
        ("%RH", "battery_level"),
        ("0.1.1mm", "distance"),
        ("<b>mm</b>", "distance"),
        ("mm", "colour"),
    ],
)
def test_what_does_not_fit_is_none(unit: str, quantity: str) -> None:
    assert to_canonical(1.0, unit, quantity) is None
    assert not is_convertible(unit, quantity)


def test_no_unit_means_the_canonical_one() -> None:
    assert to_canonical(1.25, None, "crack_width") == 1.25


def test_conversion_leaves_no_dust() -> None:
    assert to_canonical(0.3, "m", "distance") == 300.0
    assert to_canonical(3, "tip0.2mm", "rain_increment") == 0.6


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_takes_its_own_unit_unchanged(quantity: str) -> None:
    convert = converter(QUANTITIES[quantity].unit, quantity)

    assert convert is not None
    assert convert(0.1 + 0.2) == 0.1 + 0.2


@pytest.mark.parametrize(
    ("quantity", "value", "flag"),
    [
        ("humidity", 100.0, 1),
        ("humidity", 102.9, 1),
        ("humidity", 140.0, 4),
        ("temperature", -40.0, 1),
        ("temperature", 85.1, 4),
        ("crack_width", -3.0, 1),
        ("crack_width", 32767, 4),
        ("moisture_content", -999, 4),
        ("rain_total", -0.1, 4),
        ("crack_width", None, 4),
        ("crack_width", float("nan"), 4),
        ("crack_width", float("inf"), 4),
        ("colour", 3.0, 2),
        (None, 3.0, 2),
    ],
)
def test_what_is_outside_the_gross_range_is_bad(
    quantity: str | None, value: float | None, flag: int
) -> None:
    assert quality_of(quantity, value) == flag


@pytest.mark.parametrize(
    ("quantity", "previous", "value", "elapsed_s", "flag"),
    [
        ("crack_width", 2.0, 3.0, 900, 1),
        ("crack_width", 2.0, 3.01, 900, 3),
        ("moisture_content", 14.0, 24.0, 3600, 1),
        ("moisture_content", 14.0, 24.1, 3600, 3),
        ("moisture_content", 14.0, 30.0, 7200, 1),
        ("rain_total", 100.0, 105.0, 60, 1),
        ("rain_total", 100.0, 105.2, 60, 3),
        ("rain_total", 100.0, 110.2, 60, 4),
        ("rain_total", 100.0, 500.0, 600, 4),
        ("rain_total", 100.0, 101.0, 0, 1),
        ("rain_total", 100.0, 0.0, 60, 1),
        ("temperature", 10.0, 60.0, 60, 1),
    ],
)
def test_a_step_that_is_odd_is_questionable_and_rain_that_can_not_be_is_bad(
    quantity: str, previous: float, value: float, elapsed_s: float, flag: int
) -> None:
    assert quality_of(quantity, value, previous, elapsed_s) == flag
