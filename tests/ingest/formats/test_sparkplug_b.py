"""Sparkplug B: births explain, data may say aliases alone, deaths take devices with them."""

import math
from typing import Any

import pytest

from ingest.formats.memory import Memory
from ingest.formats.sparkplug_schema import Payload
from tests.ingest.formats.making import NOW_MS, read, told, why

NODE = "spBv1.0/Heritage/{}/GW"
DEVICE = "spBv1.0/Heritage/{}/GW/Wall 7"


def payload(*metrics: dict[str, Any], seq: int | None = 1, timestamp: int = NOW_MS) -> bytes:
    written = Payload(timestamp=timestamp)
    if seq is not None:
        written.seq = seq
    for fields in metrics:
        unit = fields.pop("unit", None)
        metric = written.metrics.add(**fields)
        if unit:
            metric.properties.keys.append("engUnit")
            metric.properties.values.add(type=12, string_value=unit)
    return written.SerializeToString()


def birth(**more: Any) -> bytes:
    return payload(
        {"name": "Crack/Width", "alias": 5, "datatype": 9, "float_value": 0.418, "unit": "mm"},
        {"name": "Air/Temperature", "alias": 6, "datatype": 2, "int_value": 0xFFF6, "unit": "°C"},
        **more,
    )


@pytest.fixture
def memory() -> Memory:
    memory = Memory()
    memory.learn(read(birth(), DEVICE.format("DBIRTH"), memory).learned)
    return memory


def test_a_birth_carries_values_that_count_as_history():
    decoded = read(birth(), DEVICE.format("DBIRTH"))

    assert told(decoded) == [
        "Heritage/GW/Wall 7/Crack/Width crack_width 0.418 mm 2026-02-11T06:20:00Z",
        "Heritage/GW/Wall 7/Air/Temperature temperature -10 degC 2026-02-11T06:20:00Z",
    ]
    assert all(m.historical for m in decoded.measurements)
    assert decoded.measurements[0].value == 0.418


def test_an_alias_is_told_by_the_birth_before(memory: Memory):
    data = payload({"alias": 5, "float_value": 0.42}, {"alias": 6, "int_value": 0xFFF5}, seq=9)

    decoded = read(data, DEVICE.format("DDATA"), memory)

    assert told(decoded) == [
        "Heritage/GW/Wall 7/Crack/Width crack_width 0.42 mm 2026-02-11T06:20:00Z",
        "Heritage/GW/Wall 7/Air/Temperature temperature -11 degC 2026-02-11T06:20:00Z",
    ]
    count = decoded.counts[0]
    assert (count.source, count.number, count.wraps) == ("Heritage/GW", 9, 256)
    assert not any(m.historical for m in decoded.measurements)


def test_an_alias_that_no_birth_explained_is_refused(memory: Memory):
    data = payload({"alias": 77, "float_value": 1.0})

    assert why(read(data, DEVICE.format("DDATA"), memory)) == "quarantine unknown-alias"
    assert why(read(data, DEVICE.format("DDATA"))) == "quarantine unknown-alias"


def test_a_new_birth_of_the_node_voids_what_its_devices_were_called(memory: Memory):
    node = payload({"name": "bdSeq", "datatype": 4, "long_value": 3}, seq=0)
    decoded = read(node, NODE.format("NBIRTH"), memory)
    memory.learn(decoded.learned)

    late = read(payload({"alias": 5, "float_value": 0.4}), DEVICE.format("DDATA"), memory)

    assert (why(decoded), why(late)) == ("ignore birth-learned", "quarantine unknown-alias")


def test_a_dead_node_takes_its_devices_with_it(memory: Memory):
    will = payload({"name": "bdSeq", "long_value": 3}, seq=None, timestamp=0)

    decoded = read(will, NODE.format("NDEATH"), memory)

    assert why(decoded) == "ignore node-offline"
    assert decoded.gone == ("Heritage/GW", "Heritage/GW/Wall 7")
    assert read(will, DEVICE.format("DDEATH"), memory).gone == ("Heritage/GW/Wall 7",)


def test_data_without_an_alias_are_told_by_their_name(memory: Memory):
    data = payload({"name": "Air/Temperature", "int_value": 0xFFF6})

    assert told(read(data, DEVICE.format("DDATA"), memory)) == [
        "Heritage/GW/Wall 7/Air/Temperature temperature -10 degC 2026-02-11T06:20:00Z"
    ]


def test_a_unit_in_the_name_counts_where_the_birth_has_none():
    data = payload({"name": "Wall 7/Crack_mm", "float_value": 0.5})

    assert told(read(data, DEVICE.format("DDATA"))) == [
        "Heritage/GW/Wall 7/Wall 7/Crack_mm crack_width 0.5 mm 2026-02-11T06:20:00Z"
    ]


def test_the_will_of_a_session_that_was_replaced_is_no_death():
    memory = Memory()
    born = payload({"name": "bdSeq", "datatype": 4, "long_value": 8})
    memory.learn(read(born, NODE.format("NBIRTH"), memory).learned)

    late, true = (payload({"name": "bdSeq", "long_value": number}, seq=None) for number in (7, 8))

    assert why(read(late, NODE.format("NDEATH"), memory)) == "ignore no-measurement"
    assert why(read(true, NODE.format("NDEATH"), memory)) == "ignore node-offline"


def test_history_and_null_are_told_apart_from_live_values(memory: Memory):
    data = payload(
        {"alias": 5, "float_value": 0.4, "is_historical": True, "timestamp": NOW_MS - 600_000},
        {"alias": 6, "is_null": True},
    )

    (reading,) = read(data, DEVICE.format("DDATA"), memory).measurements

    assert (reading.historical, reading.at_ms) == (True, NOW_MS - 600_000)


@pytest.mark.parametrize(
    ("raw", "kind", "outcome"),
    [
        (b'{"metrics": []}', "DDATA", "quarantine malformed-protobuf"),
        (b"\x12\xff\xff", "DDATA", "quarantine malformed-protobuf"),
        (payload({"alias": 5, "float_value": math.nan}), "DDATA", "quarantine nan-value"),
        (payload({"alias": 5, "float_value": 0.4}, timestamp=1), "DDATA", "quarantine epoch-time"),
        (payload({"alias": 5, "float_value": 0.4}, timestamp=2**63), "DDATA",
         "quarantine bad-time"),
        (payload({"name": "On", "boolean_value": True}), "DDATA", "ignore no-measurement"),
        (payload({"name": "x", "float_value": 1}), "DCMD", "ignore no-measurement"),
        (b"", "DDATA", "ignore no-measurement"),
        (payload(), "DWHAT", "quarantine wrong-type"),
    ],
)  # fmt: skip
def test_what_is_not_in_order_is_refused(raw: bytes, kind: str, outcome: str, memory: Memory):
    assert why(read(raw, DEVICE.format(kind), memory)) == outcome


def test_the_state_of_a_host_is_no_reading():
    assert why(read(b"ONLINE", "spBv1.0/STATE/host")) == "ignore no-measurement"


def test_a_flood_of_metrics_is_refused():
    assert why(read(b"\x12\x00" * 20_001, DEVICE.format("DDATA"))) == "quarantine too-many-records"


def test_a_name_that_is_markup_is_refused():
    data = payload({"name": "<b>Crack", "float_value": 1.0, "unit": "mm"})

    assert why(read(data, DEVICE.format("DDATA"))) == "quarantine bad-device-id"


def test_a_name_that_is_not_utf8_is_refused():
    raw = payload({"name": "Crack", "float_value": 1.0}).replace(b"Crack", b"Cr\xffck")

    assert why(read(raw, DEVICE.format("DBIRTH"))) == "quarantine malformed-protobuf"
