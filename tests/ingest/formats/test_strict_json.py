"""JSON that is broken, hostile or ambiguous is refused by name, and never crashes the reader."""

import math

import pytest

from ingest.formats.decoded import Unreadable
from ingest.formats.strict_json import parse


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "empty-payload"),
        (b"{", "malformed-json"),
        (b'{"a":1}{"b":2}', "malformed-json"),
        (b'{"a":1,}', "malformed-json"),
        (b'{"a":1 // note\n}', "malformed-json"),
        (b"{'a':1}", "malformed-json"),
        (b'{"a":01}', "malformed-json"),
        (b'{"a":"x\ny"}', "malformed-json"),
        (b'{"a":1,"a":2}', "duplicate-keys"),
        (b'{"a":{"b":1,"b":1}}', "duplicate-keys"),
        (b"[" * 50_000 + b"]" * 50_000, "too-deep"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "too-deep"),
        (b'{"a":' + b"9" * 5_000 + b"}", "number-too-long"),
        ('{"a":1}'.encode("utf-16"), "non-utf8"),
        ('{"a":1}'.encode("utf-16-le"), "non-utf8"),
        ('{"a":1}'.encode("utf-32-be"), "non-utf8"),
        (b'{"a":"\xff"}', "non-utf8"),
        (b'{"a":"\xed\xa0\x80"}', "non-utf8"),
        (b'{"a":"x\0y"}', "non-utf8"),
        (b"{" + b",".join(b'"k%d":0' % n for n in range(50_000)) + b"}", "too-many-fields"),
    ],
)
def test_a_broken_text_is_refused_by_name(payload: bytes, code: str):
    with pytest.raises(Unreadable) as refused:
        parse(payload)

    assert refused.value.code == code


def test_a_byte_order_mark_is_skipped():
    assert parse(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def test_what_is_no_number_stays_to_be_refused_with_its_field():
    parsed = parse(b'{"a":NaN,"b":-Infinity,"c":1e999,"d":1}')

    assert math.isnan(parsed["a"])
    assert (parsed["b"], parsed["c"], parsed["d"]) == (-math.inf, math.inf, 1)
