"""Messages of devices that no sample shows: what they say, and what they don't."""

from typing import Any

import pytest

from ingest.formats.decoded import Decoded
from ingest.formats.memory import Memory
from tests.ingest.formats.making import read, told, why
from tests.ingest.formats.test_chinese import DTU, hj212, sl651
from tests.ingest.formats.test_lorawan import EUI, TTS, V4, uplink, v4

ZIGBEE, TASMOTA, RTL = "zigbee2mqtt/attic", "tele/attic/SENSOR", "rtl_433/pi/events"
SHELLY = "shelly-7/events/rpc"


def readings(decoded: Decoded) -> dict[str, str]:
    """Return `quantity value unit` by channel, of what has a quantity and can be believed."""
    return {
        m.channel: f"{m.quantity} {m.value:g} {m.unit}"
        for m in decoded.measurements
        if m.value is not None and m.quantity
    }


def units(**fields: tuple[float, str]) -> dict[str, Any]:
    return {name: {"displayName": name, "value": v, "unit": u} for name, (v, u) in fields.items()}


def of(brand: str, model: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return uplink(fields, version_ids={"brand_id": brand, "model_id": model}, **more)


WEATHER_STATION = units(
    air_temperature=(26.4, "°C"),
    atmospheric_pressure=(95.96, "kPa"),
    east_wind_speed=(0.04, "m⋅s⁻¹"),
    lightning_average_distance=(0, "km"),
    maximum_wind_speed=(0.2, "m⋅s⁻¹"),
    precipitation=(0.2, "mm"),
    solar_radiation=(10, "W⋅m⁻²"),
    vapor_pressure=(1.8, "kPa"),
    wind_speed=(0.09, "m⋅s⁻¹"),
    x_orientation_angle=(0.2, "°"),
)


@pytest.mark.parametrize(
    ("payload", "topic", "expected"),
    [
        pytest.param(
            uplink(WEATHER_STATION), TTS,
            {"air_temperature": "temperature 26.4 degC",
             "atmospheric_pressure": "pressure 959.6 hPa",
             "precipitation": "rain_increment 0.2 mm", "wind_speed": "wind_speed 0.09 m/s"},
            id="weather-station",
        ),
        pytest.param(
            uplink(units(strain=(-99.1, "µm⋅m⁻¹"), elongation=(-13.2, "µm"), weight=(2, "g"))), TTS,
            {"strain": "strain -99.1 um/m"},
            id="strain-gauge",
        ),
        pytest.param(
            uplink({"messages": [{"type": "upload_battery", "battery": 93},
                                 {"type": "upload_interval", "interval": 3600},
                                 {"measurementId": "4113", "measurementValue": 1.2}]}), TTS,
            {"battery": "battery_level 93 %", "4113": "rain_rate 1.2 mm/h"},
            id="sensecap-battery",
        ),
        pytest.param(
            of("dragino", "lht65", {"BatV": 3.06, "Bat_status": 3, "Hum_SHT": "88.6",
                                    "TempC_SHT": 8.3, "TempC_DS": -4.5}), TTS,
            {"BatV": "battery_voltage 3.06 V", "Hum_SHT": "humidity 88.6 %RH",
             "TempC_SHT": "temperature 8.3 degC", "TempC_DS": "temperature -4.5 degC"},
            id="dragino-lht65",
        ),
        pytest.param(
            of("dragino", "ldds75", {"Distance": "812 mm", "Bat": 3.3, "Interrupt_flag": 0}), TTS,
            {"Distance": "distance 812 mm", "Bat": "battery_voltage 3.3 V"},
            id="dragino-ldds75",
        ),
        pytest.param(
            of("milesight-iot", "wts506", {"rainfall_total": 12.4, "rainfall_counter": 62,
                                           "temperature": 12, "wind_direction": 90}), TTS,
            {"rainfall_total": "rain_total 12.4 mm", "temperature": "temperature 12 degC"},
            id="milesight-wts506",
        ),
        pytest.param(
            uplink({"temperatures": [{"id": 0, "name": "inner", "unit": "°C", "values": [18, 17]}],
                    "status": {"frameCounter": 1, "lowBattery": False}}), TTS,
            {"temperatures/0/inner": "temperature 18 degC"},
            id="several-values-of-one-probe",
        ),
        pytest.param(
            v4({"counterValue": 10.0},
               deviceInfo={"devEui": EUI, "tags": {"mm-per-pulse": "0.254"}}), V4,
            {"counterValue": "rain_total 2.54 mm"},
            id="pulses-with-a-tag",
        ),
        pytest.param(
            v4({"temperature": 3.5},
               deviceInfo={"devEui": EUI, "deviceProfileName": "Milesight EM300_TH"}), V4,
            {"temperature": "temperature 3.5 degC"},
            id="a-model-behind-its-brand",
        ),
        pytest.param(
            {"angle": 12, "angle_x": -1, "angle_x_absolute": 91, "angle_z": 88, "strength": 11},
            ZIGBEE,
            {"angle_x": "tilt_x -1 deg", "angle_z": "tilt_z 88 deg"},
            id="zigbee-vibration",
        ),
        pytest.param(
            {"rain": True, "rain_intensity": 120, "temperature_calibration": 2, "battery": 88},
            ZIGBEE,
            {"battery": "battery_level 88 %"},
            id="zigbee-rain-in-millivolts",
        ),
        pytest.param(
            {"VL53L0X": {"Distance": 263}, "SR04": {"Distance": 16.5},
             "DS18B20-1": {"Id": "0113", "Temperature": 21.5}}, TASMOTA,
            {"SR04/Distance": "distance 165 mm",
             "DS18B20-0113/Temperature": "temperature 21.5 degC"},
            id="tasmota-distances",
        ),
        pytest.param(
            {"StatusSNS": {"AM2301": {"Temperature": 50, "Humidity": 80}, "TempUnit": "F"}},
            "stat/attic/STATUS10",
            {"AM2301/Temperature": "temperature 10 degC", "AM2301/Humidity": "humidity 80 %RH"},
            id="tasmota-answer",
        ),
        pytest.param(
            {"model": "Bresser-7in1", "id": 9, "rain_mm": 4, "rain_rate_mm_h": 1.2, "moisture": 33,
             "rssi": -3, "battery_ok": 1}, RTL,
            {"rain_mm": "rain_total 4 mm", "rain_rate_mm_h": "rain_rate 1.2 mm/h",
             "moisture": "moisture_rel 33 %"},
            id="rtl-433-station",
        ),
        pytest.param(
            {"stationtype": "GW2000A", "dateutc": "2026-02-11+06:19:00", "rrain_piezo": "0.1",
             "erain_piezo": "1", "drain_piezo": "2", "yrain_piezo": "10", "dailyrainin": "3"},
            "ecowitt2mqtt/roof",
            {"rrain_piezo": "rain_rate 2.54 mm/h", "yrain_piezo": "rain_total 254 mm"},
            id="ecowitt-piezo",
        ),
        pytest.param(
            {"dateTime": 1770790740, "usUnits": 1, "rain": "0.01", "hourRain_in": "1",
             "rain24_in": "2", "soilMoist1_centibar": "33", "windGust_mph": "9"}, "weather/loop",
            {"rain": "rain_increment 0.254 mm", "soilMoist1_centibar": "moisture_tension 33 kPa"},
            id="weewx-american",
        ),
        pytest.param(
            {"method": "NotifyStatus",
             "params": {"voltmeter:100": {"voltage": 3.2},
                        "bthomedevice:200": {"battery": 88, "rssi": -70},
                        "switch:0": {"temperature": {"tC": 44}, "voltage": 231}}}, SHELLY,
            {"bthomedevice:200/battery": "battery_level 88 %"},
            id="shelly-voltmeter",
        ),
        pytest.param(
            hj212("DataTime=20260211141900;R01-Avg=0.1,R01-Cou=0.4;a01001-Avg=2", cn=2051), DTU,
            {"2051/R01": "rain_increment 0.4 mm", "2051/a01001": "temperature 2 degC"},
            id="hj212-minutes",
        ),
        pytest.param(
            sl651("f0f026021114190211ff1210110123221900ff99"), DTU,
            {"02": "temperature -1.2 degC", "10": "moisture_rel 12.3 %"},
            id="sl651-below-zero",
        ),
        pytest.param(
            b"rain,device=r1 rate_mm_h=2.0,mm_total=12.2,rssi=-70,phase_c=3", "telegraf",
            {"rain/rate_mm_h": "rain_rate 2 mm/h", "rain/mm_total": "rain_total 12.2 mm"},
            id="line-protocol",
        ),
    ],
)  # fmt: skip
def test_other_devices_say(payload: Any, topic: str, expected: dict[str, str]):
    decoded = read(payload, topic)

    assert readings(decoded) == expected
    assert decoded.outcome == "accept"


@pytest.mark.parametrize(
    ("payload", "topic"),
    [
        (of("netvox", "r718ab", {"Device": "R718AB", "SWver": 10, "Datecode": "20201208"}), TTS),
        (uplink({"SENSOR_MODEL": "LHT65N", "FIRMWARE_VERSION": "1.3", "SUB_BAND": 255}), TTS),
        (uplink({"MinTime": 600, "MaxTime": 600, "BatteryChange": 0.1, "Cmd": "Rsp"}), TTS),
        (uplink({"type": "0x30 Keep alive", "status": {"frameCounter": 1}}), TTS),
        (uplink({"ipso_version": "v0.1", "sn": "6136", "report_interval": 600}), TTS),
        ({"state": "online"}, "cs/v1/state/cr300/77"),
        ("ON", "stat/attic/POWER"),
        ({"sn": {}}, "tasmota/discovery/A0B1/sensors"),
        ({"model": "Toyota", "id": "fb", "type": "TPMS", "temperature_C": 33}, RTL),
        ({"frames": 3}, "rtl_433/pi/states"),
        ({"Message": {"IMEI": "867723030711443"}, "Settings": {}}, "vega/1"),
        ({"name": "Thing"}, "v1.1/Things(1)"),
        ("online", "homeassistant/status"),
        ({"app_eui": "1"}, "house/devices/wall/events/activations"),
    ],
)
def test_what_tells_about_a_device_alone_is_no_reading(payload: Any, topic: str):
    assert why(read(payload, topic)) == "ignore no-measurement"


@pytest.mark.parametrize(
    ("payload", "topic", "outcome"),
    [
        ({"DS18B20": {"Id": "01", "Temperature": 85.0}}, TASMOTA, "quarantine sentinel"),
        (uplink({"probe": 327.67}), TTS, "quarantine sentinel"),
        (of("dragino", "lsn50v2-d20", {"TempC1": "327.67"}), TTS, "quarantine sentinel"),
        (sl651("f0f0260211141904180000052019000001000002", 0x31), DTU, "quarantine unknown-format"),
        ({"result": 3}, "v1.1/Observations", "quarantine missing-device"),
        (uplink({"t": [{"unit": [1], "values": [2]}]}), TTS, "accept"),
        ({"stat_t": "a", "dev_cla": [1]}, "homeassistant/sensor/a/config", "ignore config-learned"),
        ({"temperature": 5}, "zigbee2mqtt/@SUM(A1)", "quarantine bad-device-id"),
    ],
)
def test_what_cannot_be_meant_is_kept_apart(payload: Any, topic: str, outcome: str):
    assert why(read(payload, topic)) == outcome


@pytest.mark.parametrize(
    ("noted", "at"),
    [
        (1770789600, "2026-02-11T06:00:00Z"),
        ("2026-02-11T06:00:00Z", "2026-02-11T06:00:00Z"),
        (12345, "2026-02-11T06:19:58.500Z"),  # seconds since the device started
        (946684800, "2026-02-11T06:19:58.500Z"),  # a clock that was never set
        ("soon", "2026-02-11T06:19:58.500Z"),
    ],
)
def test_a_time_in_the_payload_goes_before_the_networks_where_it_can_be_one(noted: Any, at: str):
    decoded = read(uplink({"time_stamp": noted, "crack_mm": 0.4}), TTS)

    assert told(decoded) == [f"wall-1/crack_mm crack_width 0.4 mm {at}"]


def test_a_beacon_was_heard_when_its_gateway_says():
    sensor = {"value": 22.4, "last_updated_ts": 1770790000}
    message = {"method": "NotifyStatus", "params": {"ts": 1770790740, "bthomesensor:200": sensor}}

    assert told(read(message, SHELLY)) == [
        "shelly-7/bthomesensor:200/value None 22.4 None 2026-02-11T06:06:40Z"
    ]


def test_where_a_sensor_tells_that_it_is_there_is_nothing_to_measure():
    config = {"~": "shed", "stat_t": "~/t", "avty_t": "~/lwt", "json_attr_t": "~/more"}
    config |= {"unit_of_meas": "V", "dev_cla": "voltage", "name": "Mains"}
    memory = Memory()
    memory.learn(read(config, "homeassistant/sensor/shed/mains/config", memory).learned)

    assert why(read("online", "shed/lwt", memory)) == "ignore no-measurement"
    assert why(read({"x": 1}, "shed/more", memory)) == "ignore no-measurement"
    assert told(read("231", "shed/t", memory)) == ["shed/mains None 231 V 2026-02-11T06:20:00Z"]
