"""SensorThings, line protocol and Alink: meaning from entities, tags, profiles."""

from typing import Any

import pytest

from ingest.formats.memory import Memory
from ingest.formats.profiles import SHIPPED, Profile
from ingest.formats.sheet import Meaning
from tests.ingest.formats.making import NOW_MS, read, told, why

STREAM = "v1.1/Datastreams(42)/Observations"
AT_NS = NOW_MS * 1_000_000
POST = "/sys/prod1/node_03/thing/event/property/post"


def test_an_observation_is_of_its_datastream():
    payload = {"result": "0.417", "phenomenonTime": "2026-02-11T06:00:00Z/2026-02-11T06:10:00Z"}

    assert told(read(payload, STREAM)) == ["Datastream 42/ None 0.417 None 2026-02-11T06:10:00Z"]


def test_a_datastream_teaches_what_its_observations_mean():
    memory = Memory()
    entity = {"@iot.id": 42, "name": "Crack north", "unitOfMeasurement": {"symbol": "mm"}}
    taught = read(entity, "v1.1/Datastreams(42)", memory)
    memory.learn(taught.learned)

    assert why(taught) == "ignore config-learned"
    assert told(read({"result": 0.4}, STREAM, memory)) == [
        "Datastream 42/ crack_width 0.4 mm 2026-02-11T06:20:00Z"
    ]


def test_a_datastream_may_be_told_by_a_profile():
    profile = Profile("here", {"result": Meaning("crack_width", "um")}, models=("datastream 42",))
    memory = Memory(profiles=SHIPPED.with_more([profile]))

    assert told(read({"result": 417}, STREAM, memory)) == [
        "Datastream 42/ crack_width 0.417 mm 2026-02-11T06:20:00Z"
    ]


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        ({"result": True}, "ignore no-measurement"),
        ({"result": 1, "phenomenonTime": "noon"}, "quarantine bad-time"),
        ({"result": "wide"}, "quarantine wrong-type"),
        ({"result": [1, 2.5]}, "accept"),
        ({"result": {"a": 1}}, "accept"),
        ([1], "quarantine wrong-root-type"),
    ],
)
def test_observations_have_these_ends(payload: Any, outcome: str):
    assert why(read(payload, STREAM)) == outcome


def test_lines_are_read_with_their_escapes_and_tags():
    text = (
        "# comment\n"
        f'rain\\ gauge,site=a\\,b,sensor=tb\\ 1 rain_mm=0.2,n=3i,ok=true,note="x, y=1" {AT_NS}\n'
        f"wall width_mm=0.41 {NOW_MS // 1000}\n"
    )

    assert told(read(text, "telegraf/x")) == [
        "tb 1/rain gauge/rain_mm rain_increment 0.2 mm 2026-02-11T06:20:00Z",
        "tb 1/rain gauge/n None 3 None 2026-02-11T06:20:00Z",
        "wall/wall/width_mm None 0.41 None 2026-02-11T06:20:00Z",
    ]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("a,s=c x=1 1\nb y=\nc z=1", "partial epoch-time"),
        (f"a x=1 {AT_NS}\nb y= 5", "partial malformed-line"),
        ("a x=NaN", "quarantine nan-value"),
        ('a x="text"', "ignore no-measurement"),
        ("hello world", "quarantine unknown-format"),
        ("a=1", "quarantine unknown-format"),
    ],
)
def test_lines_have_these_ends(text: str, outcome: str):
    assert why(read(text, "telegraf/x")) == outcome


def test_alink_gives_properties_with_or_without_a_time():
    params = {"Rainfall": {"value": 2.5, "time": NOW_MS - 1_000}, "Own": 3, "Mode": "on"}

    assert told(read({"params": params}, POST)) == [
        "prod1/node_03/Rainfall rain_increment 2.5 mm 2026-02-11T06:19:59Z",
        "prod1/node_03/Own None 3 None 2026-02-11T06:20:00Z",
    ]


def test_an_alink_gateway_reports_for_those_behind_it():
    params = {
        "properties": {"EnvTemperature": 5},
        "subDevices": [
            {
                "identity": {"productKey": "p2", "deviceName": "d2"},
                "properties": {"CrackWidth": {"value": 0.5, "time": NOW_MS}},
            }
        ],
    }

    decoded = read({"params": params}, POST.replace("post", "pack/post"))

    assert decoded.devices == ("prod1/node_03", "p2/d2")
    assert told(decoded)[1] == "p2/d2/CrackWidth crack_width 0.5 mm 2026-02-11T06:20:00Z"


@pytest.mark.parametrize(
    ("params", "topic", "outcome"),
    [
        ({"PowerSwitch": 1}, POST, "ignore no-known-quantity"),
        ({}, POST + "_reply", "ignore no-measurement"),
        ("x", POST, "quarantine wrong-type"),
        ({"CrackWidth": {"value": 1, "time": 1e20}}, POST, "quarantine bad-time"),
        ({"CrackWidth": {"value": 1, "time": NOW_MS + 90_000_000}}, POST, "quarantine future-time"),
        ({}, "/sys/p/d/thing/model/up_raw", "quarantine no-decoded-payload"),
    ],
)
def test_alink_has_these_ends(params: Any, topic: str, outcome: str):
    assert why(read({"params": params}, topic)) == outcome
