"""Which format reads a message: what an operator told, then the topic, then the content."""

import pytest

from ingest.formats.decode import BY_NAME, FORMATS
from ingest.formats.memory import MOST_FACTS, Memory
from tests.ingest.formats.making import NOW_MS, read, told, why


def test_an_operator_may_tell_the_format_of_a_topic():
    memory = Memory(told=(("z2m/#", "zigbee2mqtt"),))

    assert why(read({"temperature": 5}, "z2m/hall", memory)) == "accept"
    assert why(read({"temperature": 5}, "z2m/hall")) == "quarantine unknown-format"


@pytest.mark.parametrize(
    ("payload", "topic", "outcome"),
    [
        ({"hello": "world"}, "foo/bar", "quarantine unknown-format"),
        ("", "foo/bar", "quarantine empty-payload"),
        (b"\xff\xfe\x00", "foo/bar", "quarantine unknown-format"),
        ({}, "", "quarantine unknown-format"),
        ({}, "V3/a/Devices/b/UP", "quarantine unknown-format"),
        ({}, "//v3//devices//up", "quarantine unknown-format"),
        ("1", "$SYS/broker/uptime", "quarantine unknown-format"),
    ],
)
def test_what_is_in_no_known_format_is_quarantined(payload, topic: str, outcome: str):
    assert why(read(payload, topic)) == outcome


def test_a_message_that_was_too_large_is_recorded_without_its_content():
    assert why(read("", "foo", oversize_bytes=5_000_000)) == "quarantine too-large"


def test_decoding_changes_nothing_and_says_the_same_again():
    memory = Memory()
    pack = [{"bn": "a:", "bt": NOW_MS // 1_000, "n": "crack", "u": "mm", "v": 0.4}]

    first, second = read(pack, memory=memory), read(pack, memory=memory)

    assert first == second
    assert memory == Memory()
    assert told(first) == ["a/crack crack_width 0.4 mm 2026-02-11T06:20:00Z"]


def test_every_format_has_a_name_of_its_own():
    assert len(BY_NAME) == len(FORMATS) == 27


def test_a_flood_of_teaching_does_not_fill_the_memory():
    memory = Memory()
    for number in range(MOST_FACTS + 10):
        memory.learn({f"ha/state/{number}": [number]})

    assert len(memory.facts) == MOST_FACTS
    assert memory.recall("ha/state/0") is None
