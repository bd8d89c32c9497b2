"""The quick reader of plain SenML: whatever it takes, it reads as the general one does."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.formats import senml, senml_native
from ingest.formats.decoded import Unreadable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.message import Message

RECEIVED_MS = 1_647_820_800_000
NOW_S = RECEIVED_MS / 1000

numbers = st.one_of(
    st.integers(-5, 400),
    st.floats(-50, 400, allow_nan=False).map(lambda one: round(one, 3)),
    st.sampled_from([0, -0.0, 1e16, 10**30, 999, 99999.0, -999.9, 1e400]),
)
times = st.one_of(
    st.floats(NOW_S - 1e5, NOW_S + 900).map(lambda one: round(one, 3)),
    st.sampled_from([0, -60, 2**28 - 1, 2**28, 1e13, int(NOW_S)]),
)
texts = st.sampled_from(
    ["", "crack", "rain", "mc", "T 1", "boot", "seq", "node-7", "node-7:", ":/", "a..b", "雨"]
)
units = st.sampled_from(["", "mm", "m", "Cel", "%", "C", "furlong", "/100", "count"])
records = st.fixed_dictionaries(
    {},
    optional={
        "bn": texts,
        "bt": times,
        "bu": units,
        "n": texts,
        "u": units,
        "t": st.sampled_from([0, 1.5, -30, 900]),
        "v": st.one_of(numbers, st.booleans(), st.just("1.2"), st.none()),
        "bver": st.sampled_from([10, 99]),
        "vs": texts,
    },
)


def read_by_both(payload: bytes) -> tuple[object, object]:
    message = Message("ridgewatch/hill/node-7/senml", payload, RECEIVED_MS)
    try:
        general: object = senml.read(Envelope(message), Memory())
    except Unreadable as refusal:
        general = refusal.code
    return senml_native.read(message), general


@given(st.lists(records, max_size=4))
def test_it_reads_as_the_general_reader_or_not_at_all(pack: list[dict[str, object]]) -> None:
    quick, general = read_by_both(json.dumps(pack, ensure_ascii=False).encode())

    assert quick is None or quick == general


@pytest.mark.parametrize(
    "payload",
    [
        b'[{"bn":"a","bt":1647820000,"n":"crack","u":"mm","v":1.2,"v":3.4}]',
        b'[{"bn":"a","bt":1647820000,"n":"crack","u":"mm","u":"m","v":1.2}]',
        b'[{"bn":"a","bt":1647820000,"n":"cr\\u0061ck","u":"mm","v":1.2}]',
        b'\xef\xbb\xbf[{"bn":"a","bt":1647820000,"n":"crack","v":1.2}]',
        b'[{"bn":"a","bt":1647820000,"n":"seq","v":7}]',
        b'[{"bn":"a","n":"crack","v":1.2}]',
        b'[{"bn":"a","bt":1647820000,"n":"\xff\xfe","v":1.2}]',
        b"[" * 100_000,
        b"[]",
        b"",
    ],
)
def test_what_is_odd_is_left_to_the_general_reader(payload: bytes) -> None:
    quick, _ = read_by_both(payload)

    assert quick is None


def test_the_simulators_messages_are_plain() -> None:
    payload = (
        b'[{"bn":"tn-node-3","bt":1647820000.5,"n":"crack","u":"mm","v":1.42},{"n":"mc","v":17}]'
    )

    quick, general = read_by_both(payload)

    assert quick == general is not None


def test_every_sample_is_read_as_the_general_reader_does() -> None:
    samples = Path(__file__).parents[2] / "data" / "payloads"
    for path in sorted(samples.glob("*/*.json")):
        quick, general = read_by_both(path.read_bytes())
        assert quick is None or quick == general, path.name
