"""SenML packs, read as RFC 8428 has them."""

import pytest

from tests.ingest.formats.making import NOW_MS, TOPIC, read, told, why

AT = NOW_MS // 1_000


def test_base_fields_hold_until_they_are_given_again():
    pack = [
        {"bn": "node-1:", "bt": AT - 60, "bu": "mm", "bv": 0.4, "n": "crack", "v": 0.01},
        {"n": "crack", "t": 30, "v": 0.02},
        {"bn": "node-2/", "bv": 0, "n": "crack", "v": 0.5},
    ]

    assert told(read(pack)) == [
        "node-1/crack crack_width 0.41 mm 2026-02-11T06:19:00Z",
        "node-1/crack crack_width 0.42 mm 2026-02-11T06:19:30Z",
        "node-2/crack crack_width 0.5 mm 2026-02-11T06:19:00Z",
    ]
    assert read(pack).devices == ("node-1", "node-2")


def test_the_unit_of_one_record_does_not_carry_over_to_the_next():
    pack = [{"bn": "a:", "n": "x1", "u": "Cel", "v": 1}, {"n": "x2", "v": 2}]

    assert told(read(pack))[1].startswith("a/x2 None 2 None")


def test_a_name_without_a_base_name_is_the_device():
    assert told(read([{"n": "urn:dev:ow:10e2", "u": "Cel", "v": 23.1}])) == [
        "urn:dev:ow:10e2/ temperature 23.1 degC 2026-02-11T06:20:00Z"
    ]


def test_a_base_name_alone_is_the_device():
    assert told(read([{"bn": "urn:dev:ow:10e2:", "u": "%RH", "v": 20}])) == [
        "urn:dev:ow:10e2/ humidity 20 %RH 2026-02-11T06:20:00Z"
    ]


@pytest.mark.parametrize(
    ("times", "at"),
    [
        ({}, "2026-02-11T06:20:00Z"),
        ({"t": -90}, "2026-02-11T06:18:30Z"),
        ({"bt": -60, "t": -0.25}, "2026-02-11T06:18:59.750Z"),
        ({"bt": AT - 10, "t": 0.125}, "2026-02-11T06:19:50.125Z"),
        ({"t": AT + 240}, "2026-02-11T06:24:00Z"),
    ],
)
def test_small_times_count_from_now_and_large_ones_from_1970(times: dict, at: str):
    assert told(read([{"n": "a", "u": "Cel", "v": 1, **times}]))[0].endswith(at)


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [
        (AT + 301, "accept"),
        (AT + 86_400, "accept"),
        (AT + 86_401, "quarantine future-time"),
        (2**28 + 1, "quarantine epoch-time"),
        (1e20, "quarantine bad-time"),
        (1e300, "quarantine bad-time"),
    ],
)
def test_a_time_far_off_is_refused(seconds: float, outcome: str):
    assert why(read([{"n": "a", "u": "Cel", "v": 1, "t": seconds}])) == outcome


def test_a_time_up_to_a_day_ahead_makes_its_reading_questionable():
    (early,) = read([{"n": "a", "u": "Cel", "v": 1, "t": AT + 299}]).measurements
    (late,) = read([{"n": "a", "u": "Cel", "v": 1, "t": AT + 301}]).measurements

    assert (early.quality, late.quality) == (1, 3)


def test_who_told_the_time_is_said():
    (device,) = read([{"n": "a", "v": 1, "t": AT}]).measurements
    (receipt,) = read([{"n": "a", "v": 1}]).measurements

    assert (device.time_source, receipt.time_source) == ("device", "receipt")


@pytest.mark.parametrize("record", [{"vs": "open"}, {"vb": True}, {"vd": "AQI"}, {"s": 12.5}, {}])
def test_texts_switches_data_and_sums_are_no_readings(record: dict):
    assert why(read([{"bn": "a:", "n": "x", **record}])) == "ignore no-measurement"


def test_a_sum_beside_a_value_leaves_the_value():
    assert told(read([{"n": "a", "u": "Cel", "v": 2, "s": 500}])) == [
        "a/ temperature 2 degC 2026-02-11T06:20:00Z"
    ]


@pytest.mark.parametrize(
    ("pack", "outcome"),
    [
        ([{"bver": 11, "n": "a", "v": 1}], "quarantine unsupported-version"),
        ([{"bver": "10", "n": "a", "v": 1}], "quarantine unsupported-version"),
        ([{"bver": True, "n": "a", "v": 1}], "quarantine unsupported-version"),
        ([{"bver": 10, "n": "a", "u": "Cel", "v": 1}], "accept"),
        ([{"n": "a", "u": "Cel", "v": 1, "must_": 1}], "quarantine unsupported-label"),
        ([{"n": "a", "u": "Cel", "v": 1, "may": 1}], "accept"),
        ([{"v": 1, "u": "Cel"}], "quarantine missing-device"),
        ([{"bn": ":", "n": "", "v": 1}], "quarantine missing-device"),
        ([{"n": "a", "v": 1, "vb": True}], "quarantine several-values"),
        ([{"n": 5, "v": 1}], "quarantine wrong-type"),
        ([{"n": "a", "t": "now", "v": 1}], "quarantine wrong-type"),
        (["a"], "quarantine wrong-type"),
        ({"n": "a", "v": 1}, "quarantine wrong-root-type"),
        ([], "ignore no-measurement"),
        ([{"n": "a", "v": "1.5", "u": "Cel"}], "quarantine wrong-type"),
        ([{"n": "a", "v": None, "u": "Cel"}], "quarantine null-value"),
        ([{"n": "a", "v": 140, "u": "%RH"}], "quarantine out-of-range"),
        ([{"n": "a", "v": -327.68, "u": "Cel"}], "quarantine sentinel"),
        ([{"n": "a", "v": 1, "u": "furlong"}], "quarantine unknown-unit"),
        ([{"n": "a", "v": 300, "u": "lx"}], "ignore no-measurement"),
        ([{"n": "a", "v": 5, "u": "C"}], "ignore no-measurement"),
        ([{"n": "../etc", "v": 1}], "quarantine bad-device-id"),
        ([{"n": "a\u0000b", "v": 1}], "quarantine bad-device-id"),
        ([{"n": "a\ud800b", "v": 1}], "quarantine bad-device-id"),
    ],
)
def test_a_pack_is_taken_or_refused_as_the_standard_has_it(pack: object, outcome: str):
    assert why(read(pack)) == outcome


@pytest.mark.parametrize(
    ("literal", "code"),
    [("NaN", "nan-value"), ("-Infinity", "infinite-value"), ("1e999", "infinite-value")],
)
def test_one_value_that_is_no_number_leaves_the_others(literal: str, code: str):
    pack = f'[{{"bn":"a:","n":"t","u":"Cel","v":{literal}}},{{"n":"h","u":"%RH","v":50}}]'

    decoded = read(pack)

    assert why(decoded) == f"partial {code}"
    assert told(decoded) == ["a/h humidity 50 %RH 2026-02-11T06:20:00Z"]
    assert [(m.channel, m.fault, m.quality) for m in decoded.measurements if m.fault] == [
        ("t", code, 4)
    ]


def test_units_are_brought_to_the_canonical_one_and_the_raw_value_kept():
    (reading,) = read([{"bn": "a:", "n": "crack", "u": "m", "v": 0.00041}]).measurements

    assert (reading.value, reading.unit) == (0.41, "mm")
    assert (reading.raw_value, reading.raw_unit) == (0.00041, "m")


def test_a_long_pack_is_read_whole():
    pack = [{"bn": "a:", "bt": AT, "bu": "mm"}] + [
        {"n": "crack", "t": -second, "v": 0.4} for second in range(5_000)
    ]

    assert len(told(read(pack))) == 5_000


def test_a_pack_is_known_by_its_labels_on_any_topic():
    assert why(read([{"n": "a", "u": "Cel", "v": 1}], topic="house/attic")) == "accept"
    assert why(read([{"hello": 1}], topic="house/attic")) == "quarantine unknown-format"


def test_text_on_a_senml_topic_is_told_to_be_broken_json():
    assert why(read("n=1", topic=TOPIC)) == "quarantine malformed-json"
