"""Reads FIWARE's Ultralight 2.0: `key|value` pairs as text, whose meaning is told on site."""

from ingest.formats import strict_json, times
from ingest.formats.about import is_about_the_device
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.key_units import unit_in
from ingest.formats.memory import Memory
from ingest.formats.numbers import number, plain_id
from ingest.formats.sheet import MOST_RECORDS, Meaning, Sheet, When

NAME = "ultralight2"


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic `[/ul]/{key}/{device}/attrs[/{attribute}]`, or a command's result?"""
    levels = envelope.levels
    if levels[:2] == ["", "ul"]:
        return len(levels) >= 5
    at = 3 if levels[0] == "" else 2
    return levels[at : at + 1] == ["attrs"] and len(levels) <= at + 2


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what the pairs of all groups say. Raises Unreadable."""
    levels = envelope.levels[1:] if envelope.levels[0] == "" else envelope.levels
    levels = levels[1:] if levels[0] == "ul" else levels  # key, device, attrs, attribute
    sheet = Sheet(envelope.message, NAME)
    device = sheet.heard(levels[1])
    if levels[2] != "attrs":
        return sheet.summed_up()
    text = strict_json.text_of(envelope.payload).strip()
    if text.startswith("{"):
        raise Unreadable("wrong-root-type")
    if len(levels) > 3:
        _take(sheet, memory, device, levels[3], text, sheet.received)
        return sheet.summed_up()
    groups = text.split("#")
    if len(groups) > MOST_RECORDS:
        raise Unreadable("too-many-records", n=len(groups))
    for group in groups:
        _take_group(sheet, memory, device, group.split("|"))
    return sheet.summed_up()


def _take_group(sheet: Sheet, memory: Memory, device: str, parts: list[str]) -> None:
    when = sheet.received
    if len(parts) % 2:  # a time may go before the pairs
        try:
            message = sheet.message
            when = sheet.when(times.from_iso(parts[0], message.timezone, message.received_ms))
        except Unusable as refusal:
            is_time = len(parts) > 1 and parts[0][:4].isdecimal()
            sheet.fault(parts[0][:40], refusal.code if is_time else "malformed-line")
            return
        parts = parts[1:]
    for key, raw in zip(parts[::2], parts[1::2], strict=True):
        _take(sheet, memory, device, key, raw, when)


def _take(sheet: Sheet, memory: Memory, device: str, key: str, raw: str, when: When) -> None:
    profile = memory.profiles.for_device(NAME, "", device, [key])
    told = profile.fields.get(key) if profile else None
    if told is None and (not _is_a_number(raw) or is_about_the_device(key)):
        return
    try:
        channel = plain_id(key)
    except Unusable as refusal:
        sheet.fault(key[:40], refusal.code)
        return
    sheet.add(device, channel, raw, when, told or Meaning(unit=unit_in(key)))


def _is_a_number(raw: str) -> bool:
    try:
        return not number(raw)[1]
    except Unusable:
        return False
