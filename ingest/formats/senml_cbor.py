"""Reads SenML packs in CBOR (RFC 8428 §6), with the limits that hostile CBOR calls for."""

from decimal import Decimal
from io import BytesIO
from typing import Any

import cbor2

from ingest.formats.decoded import Decoded, Unreadable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.senml import read_pack
from models.reasons import Json

NAME = "senml_cbor"

_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v",
    3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Does the payload begin as a CBOR array, on a topic of SenML or with SenML's labels?"""
    if envelope.is_no_text and (envelope.says("senml") or envelope.says("senmlc")):
        return True
    if not envelope.looks_like_cbor:
        return False
    try:
        pack = _plain(envelope.payload)
    except Unreadable:
        return False
    first = pack[0] if isinstance(pack, list) and pack else None
    return isinstance(first, dict) and bool(first.keys() & {"n", "bn"})


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a CBOR pack says. Raises Unreadable."""
    return read_pack(envelope, _plain(envelope.payload), NAME)


def _plain(payload: bytes) -> Json:
    """Return the pack with the labels of SenML JSON. Raises Unreadable."""
    stream = BytesIO(payload)
    decoder = cbor2.CBORDecoder(stream, max_depth=32, allow_duplicate_keys=False)
    try:
        decoded = decoder.decode()
    except (cbor2.CBORError, ValueError, ArithmeticError, MemoryError, TypeError, RecursionError):
        raise Unreadable("malformed-cbor") from None
    if stream.tell() != len(payload):
        raise Unreadable("malformed-cbor")
    if not isinstance(decoded, list):
        raise Unreadable("wrong-root-type")
    if any(record is decoded for record in decoded):  # a shared value that holds itself
        raise Unreadable("malformed-cbor")
    return [_record(record) for record in decoded]


def _record(record: Any) -> Json:
    if not isinstance(record, dict):
        raise Unreadable("wrong-type")
    found: dict[str, Json] = {}
    for label, value in record.items():
        if isinstance(label, bool) or not isinstance(label, int | str):
            raise Unreadable("wrong-type")
        name = _LABELS.get(label, str(label)) if isinstance(label, int) else label
        found[name] = _scalar(value)
    return found


def _scalar(value: Any) -> Json:
    """Return a plain value; RFC 8428 §6 allows decimal fractions, other tags are not SenML."""
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):  # vd
        return "bytes"
    raise Unreadable("wrong-type")
