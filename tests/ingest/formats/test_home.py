"""Home automation: Zigbee2MQTT and Tasmota, whose specifications fix the units."""

from typing import Any

import pytest

from tests.ingest.formats.making import read, told, why

Z = "zigbee2mqtt/hall/wall 3"
T = "tele/wall-1/SENSOR"


def test_a_friendly_name_may_hold_slashes_and_chinese():
    decoded = read({"temperature": 7.1, "humidity": None}, "zigbee2mqtt/天宁寺/塔-3层")

    assert told(decoded) == ["天宁寺/塔-3层/temperature temperature 7.1 degC 2026-02-11T06:20:00Z"]


def test_zigbee_keys_have_the_units_of_their_database():
    payload = {"soil_moisture": 33, "battery": 90, "voltage": 2900, "temperature_l1": 50,
               "temperature_unit": "fahrenheit", "rain_intensity": 1200, "linkquality": 80,
               "last_seen": 1770790740000}  # fmt: skip

    assert told(read(payload, Z)) == [
        "hall/wall 3/soil_moisture moisture_rel 33 % 2026-02-11T06:19:00Z",
        "hall/wall 3/battery battery_level 90 % 2026-02-11T06:19:00Z",
        "hall/wall 3/temperature_l1 temperature 10 degC 2026-02-11T06:19:00Z",
        "hall/wall 3/voltage battery_voltage 2.9 V 2026-02-11T06:19:00Z",
    ]


@pytest.mark.parametrize(
    ("payload", "topic", "outcome"),
    [
        ({"state": "online"}, "zigbee2mqtt/bridge/state", "ignore no-measurement"),
        ({"state": "online"}, Z + "/availability", "ignore no-measurement"),
        ({"state": "offline"}, Z + "/availability", "ignore node-offline"),
        ({"temperature": 1}, Z + "/set", "ignore no-measurement"),
        ({"temperature": 1, "last_seen": "x"}, Z, "quarantine bad-time"),
        ({"temperature": 1}, "zigbee2mqtt/{{7*7}}", "quarantine bad-device-id"),
        ({"temperature": 1}, "zigbee2mqtt/", "quarantine bad-device-id"),
        ([1], Z, "quarantine wrong-root-type"),
    ],
)
def test_zigbee_has_these_ends(payload: Any, topic: str, outcome: str):
    assert why(read(payload, topic)) == outcome


def test_tasmota_gives_units_at_the_root_and_probes_by_their_own_id():
    payload = {
        "Time": "2026-02-11T07:20:00",
        "DS18B20-2": {"Id": "0416A1", "Temperature": 50},
        "BME280": {"Temperature": 32, "Humidity": 80, "Pressure": 750, "DewPoint": 3},
        "TempUnit": "F",
        "PressureUnit": "mmHg",
    }

    assert told(read(payload, T, timezone="Europe/Rome")) == [
        "wall-1/DS18B20-0416A1/Temperature temperature 10 degC 2026-02-11T06:20:00Z",
        "wall-1/BME280/Temperature temperature 0 degC 2026-02-11T06:20:00Z",
        "wall-1/BME280/Humidity humidity 80 %RH 2026-02-11T06:20:00Z",
        "wall-1/BME280/Pressure pressure 999.918 hPa 2026-02-11T06:20:00Z",
    ]


def test_tasmotas_epoch_goes_before_its_local_time():
    payload = {"Time": "2020-01-01T00:00:00", "Epoch": 1770790740, "SR04": {"Distance": 16.7}}

    assert told(read(payload, T)) == ["wall-1/SR04/Distance distance 167 mm 2026-02-11T06:19:00Z"]


def test_a_rain_gauge_of_tasmota_gives_its_total_and_rate_alone():
    payload = {"RG-15": {"Active": 0.01, "Event": 0.1, "Total": 26.8, "FlowRate": 0.3}}

    assert [m.quantity for m in read(payload, T).measurements] == ["rain_total", "rain_rate"]


def test_a_gateway_of_tasmota_passes_on_other_devices():
    payload = {"ZbReceived": {"0xA1B2": {"Device": "0xA1B2", "Temperature": 7, "LinkQuality": 9}}}

    assert told(read(payload, T)) == ["0xA1B2/Temperature temperature 7 degC 2026-02-11T06:20:00Z"]


@pytest.mark.parametrize(
    ("payload", "topic", "outcome"),
    [
        ("Offline", "tele/wall-1/LWT", "ignore node-offline"),
        ("Online", "tele/wall-1/LWT", "ignore no-measurement"),
        ({"Uptime": "0T"}, "tele/wall-1/STATE", "ignore no-measurement"),
        ({"Time": "x", "A": {"Temperature": 1}}, T, "quarantine bad-time"),
        ({"A": {"Temperature": 1}, "TempUnit": "Q"}, T, "quarantine unknown-unit"),
        ({"A": {"Temperature": None}}, T, "ignore no-measurement"),
    ],
)
def test_tasmota_has_these_ends(payload: Any, topic: str, outcome: str):
    assert why(read(payload, topic)) == outcome
