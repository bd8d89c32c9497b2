"""Reads the plainest SenML at speed: most of a nation's load is one number of one known channel.

What it returns is what `senml.read` would have returned, which a test holds over generated packs;
whatever is odd in any way it leaves to the general reader by returning None.
"""

from functools import lru_cache

import msgspec

from ingest.formats.decoded import ACCEPT, GOOD, NOTHING_LEARNED, Decoded, Measurement, Unusable
from ingest.formats.numbers import plain_id
from ingest.formats.plans import Plan, plan_for
from ingest.formats.senml import NAME, RELATIVE_BELOW
from ingest.formats.spelling import SENML_FOREIGN, quantities_in
from ingest.formats.times import AHEAD_GOOD_MS, EARLIEST_MS
from ingest.message import Message

MOST_BYTES = 4096
_LARGEST = 1e15  # of the whole numbers below, a float holds each


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record with a number; a pack that has any other label is not plain."""

    v: float | int
    n: str = ""
    bn: str = ""
    bt: float | int = 0
    bu: str = ""
    u: str = ""
    t: float | int = 0


_DECODER = msgspec.json.Decoder(list[_Record])


def read(message: Message) -> Decoded | None:
    """Return what a plain pack of good readings says, or None where it is not one."""
    payload = message.payload
    if len(payload) > MOST_BYTES or b"\\" in payload or b'"seq"' in payload:
        return None
    try:
        pack = _DECODER.decode(payload)
        return _readings(message, pack) if _quotes(pack) == payload.count(b'"') else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Unusable):
        return None


def _quotes(pack: list[_Record]) -> int:
    """Count the quotes that the labels and texts of a pack have; more: a label came twice."""
    labels, texts = 0, 0
    for record in pack:
        named = bool(record.n) + bool(record.bn) + bool(record.bu) + bool(record.u)
        labels += 1 + named + bool(record.bt) + bool(record.t)
        texts += named
    return 2 * (labels + texts)


def _readings(message: Message, pack: list[_Record]) -> Decoded | None:
    name, unit, base_s = "", "", 0.0
    latest_ms = message.received_ms + AHEAD_GOOD_MS
    devices: dict[str, None] = {}
    measurements: list[Measurement] = []
    for record in pack:
        name, unit, base_s = record.bn or name, record.bu or unit, record.bt or base_s
        seconds, value = base_s + record.t, float(record.v)
        device, channel = (name.rstrip(":/"), record.n) if name else (record.n, "")
        if not device or not RELATIVE_BELOW <= seconds < 1e12 or not 0 <= value < _LARGEST:
            return None
        at_ms = round(seconds * 1_000)
        if not EARLIEST_MS <= at_ms <= latest_ms:
            return None
        written = record.u or unit
        plan = _plan(channel or device, written)
        if plan is None:
            return None
        canonical = plan.convert(value) if plan.convert else value
        if not plan.lowest <= canonical <= plan.highest:
            return None
        devices[_device(device)] = None
        # All fields in their order. One is made for each reading: not by way of the class's own
        # `__new__`, which takes twice as long.
        fields = (
            device, channel, plan.quantity, canonical, plan.unit, at_ms, record.v, written or None,
            "device", False, False, GOOD, "",
        )  # fmt: skip
        measurements.append(tuple.__new__(Measurement, fields))
    if not measurements:
        return None
    return Decoded(
        ACCEPT, None, tuple(measurements), tuple(devices), NAME, "", (), (), NOTHING_LEARNED, True
    )


@lru_cache(maxsize=65_536)
def _device(name: str) -> str:
    """Return a device's name. Raises Unusable where it can't be one."""
    return plain_id(name)


@lru_cache(maxsize=16_384)
def _plan(name: str, unit: str) -> Plan | None:
    """Return how a channel's numbers are read, or None where the general reader has to look.

    Raises Unusable where no channel can be called so.
    """
    plain_id(name)
    if unit and (unit in SENML_FOREIGN or not quantities_in(unit)):
        return None
    plan = plan_for(name, unit or None, None)
    return plan if plan.ours and not plan.fault else None
