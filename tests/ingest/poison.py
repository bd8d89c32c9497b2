"""Messages that no sensor of ours would send, one of each kind, by name."""

import base64
import json
from collections.abc import Iterator
from random import Random

from ingest.message import Message
from models.times import to_ms
from tests.ingest.house import NOW

NATIVE = "ridgewatch/hill/node-1/senml"
CLOCK = "ridgewatch/$clock"
NOW_MS, NOW_S = to_ms(NOW), int(NOW.timestamp())
_random = Random(10)
# Nothing compresses it: PostgreSQL refuses index rows over 2,704 bytes, after compression.
NOISE = base64.b85encode(_random.randbytes(50_000)).decode()


def poisons() -> dict[str, Message]:
    """Return a message of each kind, received at NOW."""
    found = dict(_all())
    return {
        name: Message(topic, payload, NOW_MS, qos=1, client=f"client of {name}")
        for name, (topic, payload) in found.items()
    }


def _all() -> Iterator[tuple[str, tuple[str, bytes]]]:
    for name, payload in _BROKEN.items():
        yield name, (NATIVE, payload)
    for name, records in _PACKS.items():
        yield name, (NATIVE, json.dumps(records).encode())
    for name, told in _MARKS.items():
        yield name, (CLOCK, told)
    yield from _ELSEWHERE.items()


def _record(**more: object) -> list[dict[str, object]]:
    return [{"bn": "node-1:", "bt": NOW_S + 1, "n": "crack", "u": "mm", "v": 0.5} | more]


_BROKEN = {
    "nothing": b"",
    "an open brace": b"{",
    "spaces": b" " * 1000,
    "random bytes": _random.randbytes(200),
    "UTF-16": '[{"bn":"node-1:","n":"crack","v":1}]'.encode("utf-16"),
    "invalid UTF-8": b'[{"bn":"node-1:","n":"\xff\xfe","v":1}]',
    "not-a-number": b'[{"bn":"node-1:","n":"crack","u":"mm","v":NaN}]',
    "infinity": b'[{"bn":"node-1:","n":"crack","u":"mm","v":-Infinity}]',
    "1e999": b'[{"bn":"node-1:","n":"crack","u":"mm","v":1e999}]',
    "5,000 digits": b'[{"bn":"node-1:","n":"crack","u":"mm","v":' + b"9" * 5000 + b"}]",
    "300 digits": b'[{"bn":"node-1:","n":"crack","u":"mm","v":' + b"9" * 300 + b"}]",
    "depth 20,000": b"[" * 20_000 + b"]" * 20_000,
    "100,000 records": b"[" + b",".join([b'{"n":"a","v":1}'] * 100_000) + b"]",
    "two documents": b'[{"n":"a","v":1}] [{"n":"b","v":1}]',
    "the same key twice": b'[{"bn":"node-1:","n":"crack","u":"mm","v":1,"v":2}]',
    "a number": b"5",
    "a truth": b"true",
    "nothing at all": b"null",
    "gzip": b"\x1f\x8b\x08\x00" + _random.randbytes(60),
}

_PACKS: dict[str, object] = {
    "no records": [],
    "no name": [{"v": 1}],
    "not records": [1, 2],
    "unknown version": _record(bver=99),
    "must-understand": _record(secret_=1),
    "a number for a name": _record(n=5),
    "a list for a base": _record(bn=["node-1"]),
    "NUL in the name": _record(n="cr\0ack"),
    "NUL in the device": _record(bn="node\0-1:"),
    "NUL in the unit": _record(u="m\0m"),
    "half a surrogate in the name": _record(n="cr\ud800ack"),
    "half a surrogate in the device": _record(bn="node\udfff-1:"),
    "half a surrogate in the unit": _record(u="\ud800"),
    "a long name": _record(n=NOISE),
    "a long device": _record(bn=NOISE),
    "a long unit": _record(u=NOISE),
    "a name of 3,000 signs": _record(n=NOISE[:3000]),
    "a device of 3,000 signs": _record(bn=NOISE[:3000]),
    "text for a value": _record(v="0,5"),
    "truth for a value": _record(v=True),
    "a list for a value": _record(v=[0.5]),
    "an unknown unit": _record(u="furlong"),
    "the year 0": _record(bt=-62_167_219_200),
    "1969": _record(bt=-1_000_000_000),
    "next year": _record(bt=NOW_S + 400 * 86_400),
    "the year 3e12": _record(bt=1e20),
    "text for a time": _record(bt="yesterday"),
    "milliseconds for seconds": _record(bt=NOW_MS),
    "no time there is": _record(bt=1e308),
}

_MARKS = {
    "no mark": b"",
    "a mark without end": b"[" * 20_000,
    "a mark of text": b'"now"',
    "a mark of nothing": b'{"t": null, "source": 0, "of": 1}',
    "a mark of infinitely many": b'{"t": "2022-03-21T00:00:00Z", "source": 0, "of": 1e999}',
    "a mark of a billion": b'{"t": "2022-03-21T00:00:00Z", "source": 0, "of": 1000000000}',
    "a mark of nobody": b'{"t": "2022-03-21T00:00:00Z", "source": 7, "of": 1}',
    "a mark of a negative source": b'{"t": "2022-03-21T00:00:00Z", "source": -1, "of": 1}',
    "a mark at no place": b'{"t": "2022-03-21T00:00:00", "source": 0, "of": 1}',
    "a mark at the end of time": b'{"t": "9999-12-31T23:59:59Z", "source": 0, "of": 1}',
    "a mark beyond time": b'{"t": "9999-12-31T23:59:59-12:00", "source": 0, "of": 1}',
}

_TTS = {"end_device_ids": {"device_id": "x"}, "uplink_message": {"f_cnt": 10**30}}
_ELSEWHERE = {
    "no format": ("x/y", b"hello"),
    "no topic": ("", b"[]"),
    "NUL in the topic": ("ridgewatch/\0/node-1/senml", b"["),
    "half a surrogate in the topic": ("ridgewatch/\ud800/node-1/senml", b"["),
    "a topic of 65,535 signs": ("ridgewatch/" + NOISE[:65_000] + "/senml", b"["),
    "a broken birth": ("spBv1.0/g/NBIRTH/n", _random.randbytes(80)),
    "a CBOR length bomb": ("x/y", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
    "line protocol with NUL": ("x/y", b"crack,site=a\0b width=1.0 1647820800000000000"),
    "a frame counter of 30 digits": ("v3/a@t/devices/x/up", json.dumps(_TTS).encode()),
    "a broken frame": ("dtu/1", b"##0101QN=20220321000000;ST=22;CN=2011;&&CP=&&ABCD\r\n"),
}
