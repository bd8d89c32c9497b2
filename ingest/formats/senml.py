"""Resolves SenML packs (RFC 8428, units also of RFC 8798): base values, times, names, sums."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.native_count import is_count, read_count
from ingest.formats.numbers import number, plain_id
from ingest.formats.sheet import MOST_RECORDS, Meaning, Sheet, When
from ingest.formats.spelling import SENML_FOREIGN, quantities_in
from models.reasons import Json

NAME = "senml_json"

VERSIONS = (10, 26)
"""RFC 8428, and the same with the secondary units of RFC 8798 declared (RFC 9100)."""

RELATIVE_BELOW = 2**28
"""Times below are seconds from now, negative ones past (RFC 8428 §4.5.3)."""

_TEXTS = ("bn", "bu", "n", "u")
_NUMBERS = ("bt", "bv", "bs", "t", "s", "ut")
_LABELS = frozenset((*_TEXTS, *_NUMBERS, "bver", "v", "vs", "vb", "vd"))
_VALUES = ("v", "vs", "vb", "vd")


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is this a SenML pack, by a topic level that says so or by the labels in it?"""
    if envelope.first_byte != b"[":
        return envelope.says("senml") and not envelope.is_no_text
    return envelope.says("senml") or _looks_like_a_pack(envelope)


def _looks_like_a_pack(envelope: Envelope) -> bool:
    document = envelope.document_or_none
    return (
        isinstance(document, list)
        and bool(document)
        and isinstance(document[0], dict)
        and bool(document[0].keys() & {"n", "bn"})
        and document[0].keys() <= _LABELS
    )


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a JSON pack says. Raises Unreadable."""
    return read_pack(envelope, envelope.document, NAME)


def read_pack(envelope: Envelope, pack: Json, format_name: str) -> Decoded:
    """Return what the records of a pack say, whatever they were written in."""
    if not isinstance(pack, list):
        raise Unreadable("wrong-root-type")
    if len(pack) > MOST_RECORDS:
        raise Unreadable("too-many-records", n=len(pack))
    counts = b"seq" in envelope.payload
    if counts:
        envelope.counts = read_count(pack)
    sheet = Sheet(envelope.message, format_name)
    for record in _resolved(pack):
        if not (counts and is_count(record.channel, record.unit)):
            _take(sheet, record)
    return sheet.summed_up(counts=envelope.counts)


class Record(NamedTuple):
    """A record after its base fields were applied."""

    device: str
    channel: str
    unit: str | None
    seconds: float | None
    raw: Json
    base_value: float


class _Base:
    """The base fields as they hold at a record: until they are given again."""

    def __init__(self) -> None:
        self.name = ""
        self.unit: str | None = None
        self.time: float | None = None
        self.value = 0.0

    def change(self, record: Mapping[str, Json]) -> None:
        """Take over the base fields of a record. Raises Unreadable."""
        self.name = record.get("bn", self.name)
        self.unit = record.get("bu", self.unit)
        if not isinstance(self.name, str) or not (self.unit is None or isinstance(self.unit, str)):
            raise Unreadable("wrong-type")
        if "bt" in record:
            self.time = _real(record["bt"])
        if "bv" in record:
            self.value = _real(record["bv"])


def _resolved(pack: list[Json]) -> Iterator[Record]:
    base = _Base()
    for record in pack:
        if not isinstance(record, dict):
            raise Unreadable("wrong-type")
        labels = record.keys()
        if not labels <= _USUAL:
            _check(record)
        if not labels <= _PLAIN:
            base.change(record)
        if "v" in labels:
            yield _applied(record, base)
        else:
            _check(record)  # no reading, but the pack must be in order


_PLAIN = frozenset({"n", "u", "t", "v"})
_USUAL = _PLAIN | {"bn", "bt", "bu", "bv"}
"""Labels whose values are looked at where they are used."""


def _check(record: Mapping[str, Json]) -> None:
    """Refuse the pack for a label that is unknown and must be understood, or is misused."""
    version = record.get("bver", VERSIONS[0])
    if version not in VERSIONS or isinstance(version, bool):
        raise Unreadable("unsupported-version", version=str(version)[:20])
    for label in record.keys() - _LABELS:
        if str(label).endswith("_"):  # RFC 8428 §4.4: to be understood, or the pack refused
            raise Unreadable("unsupported-label", label=str(label)[:40])
    for label in record.keys() & _TEXT_LABELS:
        if not isinstance(record[label], str):
            raise Unreadable("wrong-type")
    for label in record.keys() & _NUMBER_LABELS:
        _real(record[label])
    if len(record.keys() & _VALUE_LABELS) > 1:
        raise Unreadable("several-values")


_TEXT_LABELS, _NUMBER_LABELS = frozenset(_TEXTS), frozenset(_NUMBERS)
_VALUE_LABELS = frozenset(_VALUES)


def _real(raw: Json) -> float:
    if isinstance(raw, str):
        raise Unreadable("wrong-type")
    try:
        return number(raw)[0]
    except Unusable as refusal:
        raise Unreadable(refusal.code) from None


def _applied(record: Mapping[str, Json], base: _Base) -> Record:
    name = record.get("n", "")
    unit = record.get("u", base.unit)
    if not isinstance(name, str) or not (unit is None or isinstance(unit, str)):
        raise Unreadable("wrong-type")
    device, channel = (base.name.rstrip(":/"), name) if base.name else (name, "")
    if not device:
        raise Unreadable("missing-device")
    seconds = base.time
    if "t" in record:
        seconds = (seconds or 0.0) + _real(record["t"])
    return Record(device, channel, unit or None, seconds, record["v"], base.value)


def _take(sheet: Sheet, record: Record) -> None:
    try:
        device = sheet.heard(record.device)
        channel = plain_id(record.channel) if record.channel else ""
    except Unusable as refusal:
        # An unknown unit is told first: it is what an operator can do something about.
        unknown = record.unit and not _is_known(record.unit)
        sheet.fault(record.device, "unknown-unit" if unknown else refusal.code)
        return
    try:
        when = _when(sheet, record.seconds)
    except Unusable as refusal:
        sheet.refuse(device, channel, refusal.code, record.raw, sheet.received)
        return
    _measure(sheet, device, channel, record, when)


def _measure(sheet: Sheet, device: str, channel: str, record: Record, when: When) -> None:
    if record.unit and not _is_known(record.unit):
        sheet.refuse(device, channel, "unknown-unit", record.raw, when)
        return
    if record.unit in SENML_FOREIGN:  # also C, which is coulomb here, not Celsius
        return
    if isinstance(record.raw, str):  # text belongs in vs; a number in quotes is no SenML
        sheet.refuse(device, channel, "wrong-type", record.raw, when)
        return
    raw = record.raw
    if record.base_value and isinstance(raw, int | float) and not isinstance(raw, bool):
        raw = raw + record.base_value
    sheet.add(device, channel, raw, when, Meaning(unit=record.unit), name=channel or device)


def _is_known(unit: str) -> bool:
    return unit in SENML_FOREIGN or bool(quantities_in(unit))


def _when(sheet: Sheet, seconds: float | None) -> When:
    if seconds is None:
        return sheet.received
    if seconds < RELATIVE_BELOW:
        at_ms = sheet.message.received_ms + round(max(seconds, -1e12) * 1_000)
        return When(*sheet.when(at_ms, "receipt"))
    if seconds > 1e12:
        raise Unusable("bad-time")
    return sheet.when(round(seconds * 1_000))
