"""SenML in CBOR says the same as in JSON, and hostile CBOR is refused by name."""

from decimal import Decimal

import cbor2
import pytest

from tests.ingest.formats.making import NOW_MS, TOPIC, read, told, why

AT = NOW_MS // 1_000
PACK = [{-2: "a:", -3: AT, 0: "crack", 1: "mm", 2: 0.43}, {0: "temp", 1: "Cel", 2: -2.5, 6: -60}]


def test_a_cbor_pack_says_what_its_json_twin_says():
    twin = [
        {"bn": "a:", "bt": AT, "n": "crack", "u": "mm", "v": 0.43},
        {"n": "temp", "u": "Cel", "v": -2.5, "t": -60},
    ]

    assert told(read(cbor2.dumps(PACK))) == told(read(twin)) != []


def test_a_cbor_pack_is_known_on_any_topic():
    assert why(read(cbor2.dumps(PACK), topic="attic")) == "accept"
    assert why(read(cbor2.dumps([[1]]), topic="attic")) == "quarantine unknown-format"


def test_a_decimal_fraction_is_a_number():
    pack = [{0: "a", 1: "mm", 2: Decimal("0.43")}]

    assert told(read(cbor2.dumps(pack)))[0].split()[2] == "0.43"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x9b\x00\xff\xff\xff\xff\xff\xff\xff", "malformed-cbor"),  # 2**56 elements announced
        (b"\x81" * 100_000, "malformed-cbor"),
        (b"\x82\xa0", "malformed-cbor"),
        (cbor2.dumps(PACK) + b"\x00", "malformed-cbor"),
        (b"\x81\xa2\x00\x61a\x00\x61b", "malformed-cbor"),  # a label twice
        (bytes.fromhex("81d81c81d81d00"), "wrong-type"),  # a list that holds itself
        (cbor2.dumps([{(1, 2): 3}]), "wrong-type"),
        (cbor2.dumps([{0: "a", 1: "mm", 2: [1]}]), "wrong-type"),
        (cbor2.dumps([{-1: 99, 0: "a", 2: 1}]), "unsupported-version"),
        (cbor2.dumps([{0: "a", 1: "mm", 2: float("nan")}]), "nan-value"),
        (cbor2.dumps([{0: "a", 1: "mm", 2: 2**70}]), "out-of-range"),
        (cbor2.dumps([{0: "a", 1: "mm", 2: 2**20_000}]), "infinite-value"),
        (bytes.fromhex("d81c81d81d00"), "malformed-cbor"),  # a pack that holds itself
        (b"\x1f\x8b\x08\x00", "non-utf8"),  # gzip
    ],
)
def test_hostile_cbor_is_refused(payload: bytes, code: str):
    assert why(read(payload, topic=TOPIC)) == f"quarantine {code}"
