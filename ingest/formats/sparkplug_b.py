"""Reads Sparkplug B: births that explain aliases, data, deaths; protobuf over MQTT."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from ingest.formats.decoded import Decoded, Unreadable, Unusable, counted
from ingest.formats.envelope import Envelope
from ingest.formats.key_units import unit_in
from ingest.formats.memory import Memory
from ingest.formats.numbers import number, plain_id
from ingest.formats.sheet import MOST_RECORDS, Meaning, Sheet, When
from ingest.formats.sparkplug_schema import Payload
from models.reasons import Json

NAME = "sparkplug_b"

_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_FLOAT, _BOOLEAN = 9, 11
_NUMERIC = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
_UNIT_PROPERTIES = ("engUnit", "EngUnit", "engineeringUnits", "unit", "units")
_SESSION = "bdSeq"
_ABOUT = (_SESSION, "Node Control/", "Device Control/", "Node Info/", "Device Info/", "Properties/")


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic in Sparkplug B's namespace?"""
    return envelope.levels[0] == "spBv1.0" and len(envelope.levels) >= 3


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a node or device says, and what a birth teaches. Raises Unreadable."""
    levels = envelope.levels
    sheet = Sheet(envelope.message, NAME)
    if levels[1] == "STATE" or levels[2] in ("NCMD", "DCMD", "STATE") or len(levels) < 4:
        return sheet.summed_up()
    kind, node = levels[2], f"{levels[1]}/{levels[3]}"
    device = sheet.heard("/".join([node, *levels[4:5]]))
    payload = _parsed(envelope.payload)
    births = memory.recall(f"sparkplug/{node}") or {}
    if kind in ("NDEATH", "DDEATH"):
        if kind == "NDEATH" and _is_of_an_older_session(payload, births.get(node, {})):
            return sheet.summed_up()
        return _death(sheet, kind, node, device, births)
    if kind not in ("NBIRTH", "DBIRTH", "NDATA", "DDATA"):
        raise Unreadable("wrong-type")
    if payload.HasField("seq"):
        # One count for a node and its devices; it begins anew with the node's birth.
        envelope.counts = counted(
            node, payload.seq, at_ms=_made_ms(payload), wraps=256, fresh=kind == "NBIRTH"
        )
    learned: dict[str, Json] = {}
    if kind.endswith("BIRTH"):
        births = {} if kind == "NBIRTH" else dict(births)
        births[device] = _explained(payload)
        learned = {f"sparkplug/{node}": births}
        sheet.ignored_because = "birth-learned"
    aliases = {alias: known for names in births.values() for alias, known in names.items()}
    aliases |= births.get(device, {})  # names are the device's own, aliases the node's
    for metric in payload.metrics:
        _take(sheet, device, metric, aliases, payload, is_birth=bool(learned))
    return sheet.summed_up(
        key=_key(device, kind, payload),
        counts=envelope.counts,
        learned=learned,
    )


def _made_ms(payload: Any) -> int:
    return int(payload.timestamp) if payload.timestamp < 2**62 else 0


def _parsed(raw: bytes) -> Any:
    try:
        payload = Payload.FromString(raw)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable("malformed-protobuf") from None
    if len(payload.metrics) > MOST_RECORDS:
        raise Unreadable("too-many-records", n=len(payload.metrics))
    # Text that is not UTF-8 comes out as bytes, since proto2 doesn't check it.
    if not all(isinstance(text, str) for text in _texts(payload)):
        raise Unreadable("malformed-protobuf")
    return payload


def _texts(payload: Any) -> Iterator[Any]:
    for metric in payload.metrics:
        yield metric.name
        yield from metric.properties.keys
        for value in metric.properties.values:
            yield value.string_value


def _death(sheet: Sheet, kind: str, node: str, device: str, births: dict[str, Json]) -> Decoded:
    """A node takes its devices with it; their births are void."""
    gone = {node, *births} if kind == "NDEATH" else {device}
    left = {name: known for name, known in births.items() if name not in gone}
    sheet.ignored_because = "node-offline"
    return sheet.summed_up(learned={f"sparkplug/{node}": left or None}, gone=tuple(sorted(gone)))


def _explained(payload: Any) -> dict[str, Json]:
    """Return what a birth says of its metrics: by alias, or by name, the name, unit and datatype.

    Of `bdSeq`, the number of the session that was born, the number is kept.
    """
    found: dict[str, Json] = {}
    for metric in payload.metrics:
        if metric.name == _SESSION:
            found[_SESSION] = metric.long_value or metric.int_value
        elif metric.name:
            for place in _places(metric):
                found[place] = [metric.name, _unit(metric), metric.datatype]
    return found


def _places(metric: Any) -> list[str]:
    """Return where a metric's explanation is kept: under its alias, and under its name."""
    alias = [str(metric.alias)] if metric.HasField("alias") else []
    return [*alias, f"={metric.name}"]  # so that no name looks like an alias


def _is_of_an_older_session(payload: Any, birth: dict[str, Json]) -> bool:
    """Is it the will of a connection that a later birth has replaced already?"""
    for metric in payload.metrics:
        if metric.name == _SESSION and _SESSION in birth:
            return (metric.long_value or metric.int_value) != birth[_SESSION]
    return False


def _unit(metric: Any) -> str | None:
    properties = dict(zip(metric.properties.keys, metric.properties.values, strict=False))
    for name in _UNIT_PROPERTIES:
        if name in properties and properties[name].string_value:
            return str(properties[name].string_value)
    return None


def _key(device: str, kind: str, payload: Any) -> str:
    if not payload.HasField("seq") or not payload.timestamp:
        return ""
    return f"{device}/{kind}/{payload.timestamp}/{payload.seq}"


def _take(
    sheet: Sheet,
    device: str,
    metric: Any,
    aliases: dict[str, Json],
    payload: Any,
    *,
    is_birth: bool,
) -> None:
    name, unit, datatype = metric.name, _unit(metric), metric.datatype
    known = next((aliases[place] for place in _places(metric) if place in aliases), None)
    if known is not None:
        name, unit, datatype = name or known[0], unit or known[1], datatype or known[2]
    if metric.is_null or name.startswith(_ABOUT):
        return
    field = metric.WhichOneof("value")
    if field in (None, "boolean_value", "string_value", "bytes_value"):
        return
    if datatype and datatype not in _NUMERIC:
        return
    raw = _value(metric, field, datatype)
    where = f"{device}/{name or f'alias {metric.alias}'}"
    try:
        number(raw)
        if not name:
            raise Unusable("unknown-alias")
        plain_id(name)
        when = _when(sheet, metric, payload)
    except Unusable as refusal:
        sheet.fault(where, refusal.code)
        return
    # What a birth repeats may be long known: it is kept, and never raises an alert.
    historical = bool(metric.is_historical) or is_birth
    meaning = Meaning(unit=unit or unit_in(name))
    sheet.add(device, name, raw, when, meaning, historical=historical)


def _value(metric: Any, field: str, datatype: int) -> int | float:
    raw: int | float = getattr(metric, field)
    bits = _SIGNED_BITS.get(datatype)
    if bits and field in ("int_value", "long_value"):
        raw = int(raw) & ((1 << bits) - 1)
        return raw - (1 << bits) if raw >> (bits - 1) else raw  # two's complement, unsigned
    if field == "float_value":
        return float(f"{raw:.7g}")  # 0.418 in 32 bits is 0.41800001263618469 in 64
    return raw


def _when(sheet: Sheet, metric: Any, payload: Any) -> When:
    at_ms = metric.timestamp or payload.timestamp
    if not at_ms:
        return sheet.received
    if at_ms > 2**62:
        raise Unusable("bad-time")
    return sheet.when(at_ms)
