"""Vendors' own formats: units from their specification, never from hope."""

from typing import Any

import pytest

from tests.ingest.formats.making import NOW_MS, read, told, why

AT = "2026-02-11T06:19:00Z"
AT_S = NOW_MS // 1_000 - 60


def test_shelly_tells_components_and_leaves_fahrenheit_aside():
    payload = {
        "method": "NotifyStatus",
        "params": {
            "ts": AT_S + 0.5,
            "temperature:0": {"tC": 20.4, "tF": 68.7},
            "temperature:1": {"tC": None, "errors": ["read"]},
            "devicepower:0": {"battery": {"V": 5.1, "percent": 80}},
        },
    }

    assert told(read(payload, "house/shelly-1/events/rpc")) == [
        "house/shelly-1/temperature:0/tC temperature 20.4 degC 2026-02-11T06:19:00.500Z",
        "house/shelly-1/devicepower:0/battery/percent battery_level 80 % 2026-02-11T06:19:00.500Z",
        "house/shelly-1/devicepower:0/battery/V battery_voltage 5.1 V 2026-02-11T06:19:00.500Z",
    ]


def test_thingsboard_names_the_device_by_its_login():
    payload = [{"ts": NOW_MS - 60_000, "values": {"crack_mm": 0.4}}, {"soil_temp_c": 7}]

    assert told(read(payload, "v1/devices/me/telemetry", client="wall-1")) == [
        f"wall-1/crack_mm crack_width 0.4 mm {AT}",
        "wall-1/soil_temp_c temperature 7 degC 2026-02-11T06:20:00Z",
    ]
    assert read(payload, "v1/devices/me/telemetry").devices == ("me",)


def test_thingsboards_gateway_names_its_devices():
    payload = {"A": [{"ts": NOW_MS - 60_000, "values": {"crack_mm": 0.4}}], "B": {"crack_mm": 1}}

    assert read(payload, "v1/gateway/telemetry").devices == ("A", "B")


def test_rtl_433_counts_rain_since_its_reset_and_tells_devices_by_model_and_id():
    payload = {"time": "2026-02-11 07:19:00", "model": "WHx080", "id": 202, "rain_mm": 2.4,
               "temperature_F": 50.0, "battery_ok": 1, "wind_avg_km_h": 4}  # fmt: skip

    assert told(read(payload, "rtl_433/attic/events", timezone="Europe/Rome")) == [
        f"WHx080/202/rain_mm rain_total 2.4 mm {AT}",
        f"WHx080/202/temperature_F temperature 10 degC {AT}",
    ]


def test_rtl_433_may_send_each_field_on_a_topic_of_its_own():
    assert told(read("7.25", "rtl_433/attic/devices/WH51/00df73/temperature_C")) == [
        "WH51/00df73/temperature_C temperature 7.25 degC 2026-02-11T06:20:00Z"
    ]


def test_ecowitt_is_american_and_only_its_running_total_counts():
    payload = {"stationtype": "GW", "dateutc": "2026-02-11 06:19:00", "tempinf": "50",
               "rainratein": "1.0", "dailyrainin": "9", "totalrainin": "10", "soilmoisture3": "40",
               "humidityin": "46"}  # fmt: skip

    assert told(read(payload, "ecowitt2mqtt/roof")) == [
        f"roof/tempinf temperature 10 degC {AT}",
        f"roof/rainratein rain_rate 25.4 mm/h {AT}",
        f"roof/totalrainin rain_total 254 mm {AT}",
        f"roof/soilmoisture3 moisture_rel 40 % {AT}",
        f"roof/humidityin humidity 46 %RH {AT}",
    ]


def test_weewx_names_the_unit_in_the_key_or_by_its_system():
    payload = {"dateTime": str(AT_S), "usUnits": "16", "rain": "0.02", "dayRain_cm": "1",
               "outTemp_F": "50", "inHumidity": "50", "rainRate_cm_per_hour": "0.5"}  # fmt: skip

    assert told(read(payload, "weather/loop")) == [
        f"weather/loop/rain rain_increment 0.2 mm {AT}",
        f"weather/loop/outTemp_F temperature 10 degC {AT}",
        f"weather/loop/inHumidity humidity 50 %RH {AT}",
        f"weather/loop/rainRate_cm_per_hour rain_rate 5 mm/h {AT}",
    ]


def test_sensecap_tells_its_quantity_in_the_topic():
    topic = "/device_sensor_data/1/2CF7F12000000002/1/vs/{}"
    payload = {"value": "23.5", "timestamp": str(NOW_MS - 60_000)}

    assert told(read(payload, topic.format(4102))) == [
        f"2CF7F12000000002/1/4102 temperature 23.5 degC {AT}"
    ]
    assert why(read(payload, topic.format(4099))) == "ignore no-known-quantity"


def test_ultralight_groups_may_have_times():
    text = f"{AT}|crack_mm|0.4|k|abc#t|10"

    assert told(read(text, "/ul/key/wall-1/attrs")) == [
        f"wall-1/crack_mm crack_width 0.4 mm {AT}",
        "wall-1/t None 10 None 2026-02-11T06:20:00Z",
    ]
    assert told(read("0.5", "/ul/key/wall-1/attrs/crack_mm")) == [
        "wall-1/crack_mm crack_width 0.5 mm 2026-02-11T06:20:00Z"
    ]


def test_king_pigeon_counts_in_tenths_and_writes_the_date_the_american_way():
    payload = {
        "sensorDatas": [
            {"flag": "TEMP8", "value": 288},
            {"flag": "CO28", "value": 400},
            {"flag": "X1", "value": 7},
            {"flag": "DO1", "switch": 1},
        ],
        "time": "06:19:00 02/11/2026 UTC",
    }

    assert told(read(payload, "BL280-1")) == [
        f"BL280-1/TEMP8 temperature 28.8 degC {AT}",
        f"BL280-1/X1 None 7 None {AT}",
    ]


def test_vega_tells_when_it_measured_not_when_it_sent():
    payload = {
        "Message": {"IMEI": "8677", "num": 3, "UTC": AT_S + 50},
        "Telemetry": {"UTC": AT_S, "temp": 28, "bat": 99, "onewire": [21.6, None, -11.8]},
    }

    decoded = read(payload, "vega/8677")

    assert told(decoded) == [
        f"8677/temp temperature 28 degC {AT}",
        f"8677/bat battery_level 99 % {AT}",
        f"8677/onewire/0 temperature 21.6 degC {AT}",
        f"8677/onewire/2 temperature -11.8 degC {AT}",
    ]
    assert [(one.source, one.number) for one in decoded.counts] == [("8677", 3)]


@pytest.mark.parametrize(
    ("payload", "topic", "outcome"),
    [
        ("false", "shelly-1/online", "ignore node-offline"),
        ({"method": "NotifyEvent", "params": {}}, "s/events/rpc", "ignore no-measurement"),
        ({"tC": 85.5}, "shelly-1/status/temperature:0", "quarantine out-of-range"),
        ({"on": True}, "v1/devices/me/attributes", "ignore no-measurement"),
        ({"ts": 1_770_790_841, "values": {"a": 1}}, "v1/devices/me/telemetry",
         "quarantine epoch-time"),
        ({"ts": 1, "values": 5}, "v1/devices/me/telemetry", "quarantine wrong-type"),
        (5, "v1/devices/me/telemetry", "quarantine wrong-root-type"),
        ({"time": "soon", "model": "A", "id": 1, "rain_mm": 1}, "x", "quarantine bad-time"),
        ("wide", "rtl_433/P1/C1/rain_mm", "quarantine wrong-type"),
        ({"stationtype": "G", "dateutc": "x", "tempf": "1"}, "e", "quarantine bad-time"),
        ({"dateTime": "0", "usUnits": "1", "outTemp": "50"}, "w", "quarantine epoch-time"),
        ({"sensorDatas": 5}, "k", "quarantine wrong-type"),
        ({"sensorDatas": [{"flag": "TEMP1", "value": 1}], "time": "x"}, "k",
         "quarantine bad-time"),
        ({"sensorDatas": [{"flag": 5}]}, "k", "quarantine wrong-type"),
        ({"Message": {"IMEI": None}, "Telemetry": {}}, "v", "quarantine bad-device-id"),
        ("t|1|2", "/ul/k/d/attrs", "quarantine malformed-line"),
        ("ok", "/ul/k/d/cmdexe", "ignore no-measurement"),
    ],
)  # fmt: skip
def test_vendors_formats_have_these_ends(payload: Any, topic: str, outcome: str):
    assert why(read(payload, topic)) == outcome
