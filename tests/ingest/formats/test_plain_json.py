"""Plain JSON, read as a mapping tells."""

import json
from pathlib import Path

import pytest

from ingest.formats.memory import Memory
from ingest.formats.profiles import SHIPPED, load_profile, load_profiles
from models.errors import BadInput
from tests.ingest.formats.making import read, told, why

WALL = {
    "name": "wall logger",
    "match": {"topic": "house/+/wall"},
    "device": "topic:1",
    "time": {"field": "head/ts", "unit": "s"},
    "fields": {
        "w": {"quantity": "crack_width", "unit": "mm", "scale": 0.01, "sentinels": [65535]},
        "climate/0": {"quantity": "temperature", "unit": "degF"},
        "volts": {"quantity": "battery_voltage", "unit": "mV"},
    },
}


def memory_of(document: dict) -> Memory:
    return Memory(profiles=SHIPPED.with_more([load_profile(document, "here")]))


def test_fields_get_the_meaning_that_the_mapping_gives_them():
    payload = {
        "head": {"ts": 1_770_790_800}, "w": 41, "climate": [50], "volts": "3580", "other": 1,
    }  # fmt: skip

    assert told(read(payload, "house/n7/wall", memory_of(WALL))) == [
        "n7/w crack_width 0.41 mm 2026-02-11T06:20:00Z",
        "n7/climate/0 temperature 10 degC 2026-02-11T06:20:00Z",
        "n7/volts battery_voltage 3.58 V 2026-02-11T06:20:00Z",
    ]


def test_a_code_for_no_data_is_no_reading():
    decoded = read({"w": 65535, "volts": 3580}, "house/n7/wall", memory_of(WALL))

    assert why(decoded) == "partial sentinel"
    assert told(decoded) == ["n7/volts battery_voltage 3.58 V 2026-02-11T06:20:00Z"]


def test_the_device_may_stand_in_a_field():
    by_field = {**WALL, "device": "field:id"}

    assert told(read([{"id": "a", "w": 1}, {"id": 7, "w": 2}], "house/x/wall", memory_of(by_field)))
    assert why(read({"w": 1}, "house/x/wall", memory_of(by_field))) == "quarantine missing-device"


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        ({"w": "0,41"}, "quarantine decimal-comma"),
        ({"w": "0x1F4"}, "quarantine wrong-type"),
        ({"w": True}, "quarantine wrong-type"),
        ({"w": {"min": 1}}, "quarantine wrong-type"),
        ({"w": "NaN"}, "quarantine nan-value"),
        ({"w": "NoSensor"}, "quarantine sentinel"),
        ({"w": "1_000"}, "quarantine wrong-type"),
        ({"w": "１２"}, "quarantine wrong-type"),
        ({"w": 10**400}, "quarantine infinite-value"),
        ({"w": 41, "head": {"ts": "noon"}}, "quarantine bad-time"),
        ({"w": 41, "head": {"ts": 1}}, "quarantine epoch-time"),
        ({}, "ignore no-measurement"),
        ([1], "quarantine wrong-root-type"),
        (42, "quarantine wrong-root-type"),
    ],
)
def test_a_field_that_is_no_number_is_refused_by_name(payload: object, outcome: str):
    assert why(read(payload, "house/n7/wall", memory_of(WALL))) == outcome


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": ""}, "profile.part_missing"),
        ({"fields": []}, "profile.part_missing"),
        ({"device": "n7"}, "profile.device_unclear"),
        ({"time": {"field": "t", "unit": "days"}}, "profile.time_unclear"),
        ({"fields": {"w": {"quantity": "width", "unit": "mm"}}}, "profile.quantity_unknown"),
        ({"fields": {"w": {"quantity": "crack_width", "unit": "V"}}}, "profile.unit_unknown"),
        ({"fields": {"w": {"quantity": ["x"], "unit": 5}}}, "profile.quantity_unknown"),
        ({"fields": {"w": 5}}, "profile.not_an_object"),
        (
            {"fields": {"w": {"quantity": "crack_width", "unit": "mm", "scale": 0}}},
            "profile.scale_unclear",
        ),
        (
            {"fields": {"w": {"quantity": "crack_width", "unit": "mm", "sentinels": 5}}},
            "profile.sentinels_unclear",
        ),
    ],
)
def test_a_profile_that_is_wrong_is_refused_with_its_place(change: dict, code: str):
    with pytest.raises(BadInput) as refused:
        load_profile({**WALL, **change}, "wall.json")

    assert code in [fault.reason.code for fault in refused.value.faults]
    assert refused.value.faults[0].where.startswith("wall.json")


def test_a_folder_of_profiles_is_read(tmp_path: Path):
    (tmp_path / "wall.json").write_text(json.dumps(WALL), "utf-8")

    assert [profile.name for profile in load_profiles(tmp_path)] == ["wall logger"]

    (tmp_path / "zz.json").write_text("{", "utf-8")
    with pytest.raises(BadInput):
        load_profiles(tmp_path)
