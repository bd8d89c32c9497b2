"""LoRaWAN networks: whoever decoded the bytes, units, sentinels and repeats are told the same."""

import base64
import json
from typing import Any

import pytest

from ingest.formats.repeats import Seen
from tests.ingest.formats.making import read, told, why

TTS = "v3/house@ttn/devices/wall-1/up"
EUI = "24e124136b502217"
V4 = f"application/8f1f4c1e/device/{EUI}/event/up"
V3 = f"application/3/device/{EUI}/event/up"
AT = "2026-02-11T06:19:58.5Z"


def uplink(fields: Any, **more: Any) -> dict:
    return {
        "end_device_ids": {"device_id": "wall-1"},
        "received_at": AT,
        "uplink_message": {"f_cnt": 7, "session_key_id": "AZ==", "decoded_payload": fields, **more},
    }


def test_an_uplink_without_a_profile_keeps_numbers_without_a_meaning():
    decoded = read(uplink({"a": 1.5, "b": "24.10", "name": "x", "on": True, "rssi": -3}), TTS)

    assert told(decoded) == [
        "wall-1/a None 1.5 None 2026-02-11T06:19:58.500Z",
        "wall-1/b None 24.1 None 2026-02-11T06:19:58.500Z",
    ]


def test_a_unit_in_the_key_gives_a_meaning():
    assert told(read(uplink({"rain_mm": 0.2, "battery_mV": 3600, "soil_temp_c": 4}), TTS)) == [
        "wall-1/rain_mm rain_increment 0.2 mm 2026-02-11T06:19:58.500Z",
        "wall-1/battery_mV battery_voltage 3.6 V 2026-02-11T06:19:58.500Z",
        "wall-1/soil_temp_c temperature 4 degC 2026-02-11T06:19:58.500Z",
    ]


def test_a_unit_inside_a_text_is_used():
    assert told(read(uplink({"wall_temp": "22 ℃"}), TTS)) == [
        "wall-1/wall_temp temperature 22 degC 2026-02-11T06:19:58.500Z"
    ]


@pytest.mark.parametrize(
    ("raw", "celsius"),
    [(7.25, 7.25), ("50 °F", 10), ({"value": 50, "unit": "degF"}, 10), ("5 mm", None)],
)
def test_the_messages_own_unit_goes_before_the_profiles(raw: Any, celsius: float | None):
    fields = {"pos": 0.4, "angle": 1, "temp_ext": raw, "hum_ext": 81, "temp_pcb": 8.1}

    (reading,) = [m for m in read(uplink(fields), TTS).measurements if m.channel == "temp_ext"]

    assert (reading.value, reading.quantity) == (celsius, "temperature")
    assert reading.fault == ("" if celsius is not None else "unknown-unit")


def test_the_networks_own_normalized_payload_has_units():
    normalized = [{"air": {"temperature": 7.1, "relativeHumidity": 80}, "rain": {"cumulative": 5}}]

    assert told(read(uplink({"t": 7.1, "snow": 4}, normalized_payload=normalized), TTS)) == [
        "wall-1/air/temperature temperature 7.1 degC 2026-02-11T06:19:58.500Z",
        "wall-1/air/relativeHumidity humidity 80 %RH 2026-02-11T06:19:58.500Z",
        "wall-1/rain/cumulative rain_total 5 mm 2026-02-11T06:19:58.500Z",
        "wall-1/snow None 4 None 2026-02-11T06:19:58.500Z",
    ]


def test_what_a_device_kept_for_later_has_its_own_time_and_is_history():
    fields = {"history": [{"timestamp": 1770790800, "temp_c": 5}], "temp_c": 6}

    live, old = sorted(read(uplink(fields), TTS).measurements, key=lambda m: m.historical)

    assert (live.value, live.historical) == (6, False)
    assert (old.value, old.historical, old.at_ms) == (5, True, 1_770_790_800_000)


def test_an_uplink_that_the_network_made_up_is_marked():
    (reading,) = read({**uplink({"temp_c": 6}), "simulated": True}, TTS).measurements

    assert reading.simulated


def test_the_frame_counter_tells_a_repeat_even_in_a_new_envelope():
    seen = Seen()
    first = seen.without_repeats(read(uplink({"temp_c": 6}), TTS))
    again = {**uplink({"temp_c": 6}), "received_at": "2026-02-11T06:19:59Z"}

    assert why(first) == "accept"
    (count,) = first.counts
    assert (count.source, count.number, count.first) == ("wall-1", 7, 1)
    assert count.session and count.at_ms
    assert why(seen.without_repeats(read(again, TTS))) == "ignore duplicate"


@pytest.mark.parametrize(
    ("payload", "topic", "outcome"),
    [
        ({"join_accept": {}}, TTS.replace("/up", "/join"), "ignore no-measurement"),
        (uplink({}), TTS, "ignore no-measurement"),
        (uplink({}, frm_payload="AQ=="), TTS, "quarantine no-decoded-payload"),
        (uplink({"errors": ["no"]}), TTS, "quarantine decoder-error"),
        (uplink([1]), TTS, "quarantine wrong-type"),
        (uplink({"temp_c": 6}), TTS.replace("wall-1", "wall-2"), "quarantine device-mismatch"),
        (uplink({"temp_c": float("nan")}), TTS, "quarantine nan-value"),
        (uplink({"temp_c": -327.68}), TTS, "quarantine sentinel"),
        (uplink({"temp_c": "NoSensor"}), TTS, "quarantine sentinel"),
        (uplink({"rain": {"value": 1, "unit": "furlong"}}), TTS, "quarantine unknown-unit"),
        (uplink({"x": {"value": 1, "unit": "lx"}}), TTS, "ignore no-measurement"),
        ({"end_device_ids": {"device_id": "wall-1"}}, TTS, "quarantine wrong-type"),
    ],
)
def test_the_things_stack_has_these_ends(payload: Any, topic: str, outcome: str):
    assert why(read(payload, topic)) == outcome


def test_a_total_is_doubted_beside_an_increment_that_cannot_be():
    fields = {
        "precipitation": {"unit": "mm", "value": 300},
        "precipitation_interval": {"unit": "s", "value": 600},
        "cumulative_precipitation": {"unit": "mm", "value": 2053},
        "battery_voltage": {"unit": "V", "value": 3.1},
    }

    decoded = read(uplink(fields), TTS)

    assert why(decoded) == "partial out-of-range"
    assert [m.channel for m in decoded.measurements if m.value is not None] == ["battery_voltage"]


def v4(fields: Any, **more: Any) -> dict:
    info = {"devEui": EUI.upper(), "tags": more.pop("tags", {})}
    return {"time": "2026-02-11T07:19:58.000000001+01:00", "deviceInfo": info,
            "deduplicationId": "d1", "object": fields, **more}  # fmt: skip


def test_chirpstack_names_the_device_by_its_eui_in_lower_case():
    assert told(read(v4({"temp_c": 6.0}), V4)) == [
        f"{EUI}/temp_c temperature 6 degC 2026-02-11T06:19:58Z"
    ]


def test_tips_become_rain_where_a_tag_says_how_much_each_is():
    decoded = read(v4({"pulse": 256.0}, tags={"mm_per_tip": "0.2"}), V4)

    assert told(decoded) == [f"{EUI}/pulse rain_total 51.2 mm 2026-02-11T06:19:58Z"]
    assert told(read(v4({"pulse": 256.0}), V4)) == [
        f"{EUI}/pulse None 256 None 2026-02-11T06:19:58Z"
    ]


@pytest.mark.parametrize(
    ("payload", "topic", "outcome"),
    [
        (v4(None, data="AQ=="), V4, "quarantine no-decoded-payload"),
        (v4({"errors": ["unknown FPort"]}), V4, "quarantine decoder-error"),
        (v4({"t_c": 1}), V4.replace(EUI, "../../etc"), "quarantine unknown-format"),
        (v4({"t_c": 1}), V4.replace(EUI, "%2e%2e"), "quarantine bad-device-id"),
        (v4({"t_c": 1}), V4.replace(EUI, "24e124136b502218"), "quarantine device-mismatch"),
        (v4({}), V4.replace("/up", "/join"), "ignore no-measurement"),
        ({"batteryLevel": 88.5}, V4.replace("/up", "/status"), "accept"),
        (
            {"batteryLevel": 0, "externalPowerSource": True},
            V4.replace("/up", "/status"),
            "ignore no-measurement",
        ),
        ({**v4({"temp_c": 1}), "time": "soon"}, V4, "quarantine bad-time"),
    ],
)
def test_chirpstack_has_these_ends(payload: Any, topic: str, outcome: str):
    assert why(read(payload, topic)) == outcome


def test_chirpstack_three_spells_the_device_in_base64_and_its_fields_as_a_text():
    payload = {
        "devEUI": base64.b64encode(bytes.fromhex(EUI)).decode(),
        "objectJSON": json.dumps({"temp_c": 6}),
        "rxInfo": [{"time": None}, {"time": AT}],
    }

    assert told(read(payload, V3)) == [f"{EUI}/temp_c temperature 6 degC 2026-02-11T06:19:58.500Z"]
    broken = {**payload, "objectJSON": '{"a":1,"a":2}'}
    assert why(read(broken, V3)) == "quarantine duplicate-keys"
    other = {**payload, "devEUI": "AAAA"}
    assert why(read(other, V3)) == "quarantine device-mismatch"


def test_a_milesight_gateway_is_known_on_any_topic():
    payload = {
        "applicationID": 1,
        "devEUI": EUI,
        "deviceName": "EM300-TH",
        "fPort": 85,
        "object": {"temperature": 23.4, "humidity": 39.5},
        "time": AT,
        "rxInfo": [],
    }

    assert told(read(payload, "/mine")) == [
        f"{EUI}/temperature temperature 23.4 degC 2026-02-11T06:19:58.500Z",
        f"{EUI}/humidity humidity 39.5 %RH 2026-02-11T06:19:58.500Z",
    ]


def test_the_network_of_before_2021_is_still_read():
    payload = {"dev_id": "w", "payload_fields": {"temp_c": 6}, "counter": 2,
               "metadata": {"time": AT}}  # fmt: skip

    assert told(read(payload, "house/devices/w/up")) == [
        "w/temp_c temperature 6 degC 2026-02-11T06:19:58.500Z"
    ]
    early = {**payload, "metadata": {"time": "1970-01-01T00:00:00Z"}}
    assert why(read(early, "house/devices/w/up")) == "quarantine epoch-time"
