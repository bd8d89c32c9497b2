"""Whatever bytes come on whatever topic, the answer is an outcome and never a crash."""

import json
import logging
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.formats.decode import decode
from ingest.formats.lines import as_line
from ingest.formats.memory import Memory
from models.words.render import LANGUAGES, Reader, text
from tests.ingest.formats.making import TOPIC, message
from tests.ingest.formats.sidecars import SAMPLES, samples_in

SAMPLE_MESSAGES = [
    sample.message
    for folder in sorted(path for path in SAMPLES.iterdir() if path.is_dir())
    for sample in samples_in(folder)
]
TOPICS = sorted({sample.topic for sample in SAMPLE_MESSAGES} | {TOPIC})

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)
LABELS = ["bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"]
PACKS = st.lists(st.dictionaries(st.sampled_from(LABELS), VALUES), max_size=4)


@pytest.fixture(autouse=True)
def _no_fault_of_ours(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR, "ingest.formats.decode"):
        yield
    assert "decoder_fault" not in caplog.text


def outcome_of(payload: bytes, topic: str, memory: Memory | None = None) -> str:
    decoded = decode(message(payload, topic), memory or Memory())
    assert decoded.reason is None or decoded.reason.code != "quarantine.decoder_fault"
    if decoded.reason is not None:
        assert all(text(decoded.reason, Reader(language)) for language in LANGUAGES)
    line = as_line(decoded)
    line.encode()
    return json.loads(line)["outcome"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from(TOPICS))
def test_random_bytes_have_an_outcome(payload: bytes, topic: str):
    assert outcome_of(payload, topic) in ("ignore", "quarantine", "accept", "partial")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PACKS)
def test_random_packs_have_an_outcome(pack: list):
    assert outcome_of(json.dumps(pack).encode(), TOPIC)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, st.sampled_from(TOPICS))
def test_random_documents_have_an_outcome(document: object, topic: str):
    assert outcome_of(json.dumps(document).encode(), topic)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SAMPLE_MESSAGES), st.data())
def test_a_damaged_sample_has_an_outcome(sample, data):
    payload = bytearray(sample.payload)
    for _ in range(data.draw(st.integers(1, 4))):
        if payload:
            payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))

    assert outcome_of(bytes(payload[:cut] if data.draw(st.booleans()) else payload), sample.topic)


HOSTILE = st.sampled_from(
    [None, True, "", "x", "NaN", "1,5", -1, 0, 10**400, 1e308, float("nan"), float("inf"), [], {},
     [[]], [None], {"value": None}, {"value": {}, "unit": 5}, {"": 1}, "\ud800", "\0",
     "..", "{{x}}", "9" * 400, {"timestamp": []}, [{"measurementId": {}}], [{"time": "x", "a": 1}]]
)  # fmt: skip
DOCUMENTS = []
for sample in SAMPLE_MESSAGES:
    try:
        DOCUMENTS.append((sample.topic, json.loads(sample.payload)))
    except (ValueError, RecursionError):
        continue


def _spoilt(document, data):
    """Replace, at one place somewhere in a document, what stands there."""
    if isinstance(document, dict) and document and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(document)))
        return {**document, key: _spoilt(document[key], data)}
    if isinstance(document, list) and document and data.draw(st.integers(0, 5)):
        index = data.draw(st.integers(0, len(document) - 1))
        return [*document[:index], _spoilt(document[index], data), *document[index + 1 :]]
    return data.draw(HOSTILE)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(DOCUMENTS), st.data())
def test_a_document_with_something_else_in_one_place_has_an_outcome(document, data):
    topic, content = document

    assert outcome_of(json.dumps(_spoilt(_spoilt(content, data), data)).encode(), topic)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_a_description_teaches_a_state_has_an_outcome(data):
    config = {"state_topic": "s", "unit_of_measurement": "mm", "value_template": "{{ value }}",
              "device_class": "distance", "device": {"identifiers": ["a"]}}  # fmt: skip
    memory = Memory()
    spoilt = json.dumps(_spoilt(config, data))
    taught = decode(message(spoilt, "homeassistant/sensor/a/config"), memory)
    memory.learn(taught.learned)

    assert outcome_of(json.dumps(data.draw(VALUES)).encode(), "s", memory)


@pytest.mark.parametrize(
    ("payload", "topic"),
    [
        (b"a" + b",a=b" * 500_000 + b" x", "t"),
        (b"a x=1\n" * 500_000, "t"),
        (b'a x="' + b"\\" * 2_000_000, "t"),
        (b"[" + b",".join([b'{"n":"a","v":1}'] * 200_000) + b"]", TOPIC),
        (b'{"a_mm":[' + b"1," * 1_500_000 + b"1]}", "v1/devices/me/telemetry"),
        (b"##0010" + b"0" * 4_000_000, "dtu"),
        (b"a|1#" * 1_000_000, "/ul/k/d/attrs"),
        (b"1" * 4_000_000, "rtl_433/P1/C1/rain_mm"),
        (b" " * 4_000_000, TOPIC),
    ],
)
def test_the_largest_messages_are_dealt_with_in_a_moment(payload: bytes, topic: str):
    began_s = time.process_time()

    assert outcome_of(payload, topic) == "quarantine"
    assert time.process_time() - began_s < 5
