"""Reads King Pigeon's RTUs: flags with integers whose scale only the profile knows."""

import re

from ingest.formats import times
from ingest.formats.about import is_about_the_device
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.numbers import number, plain_id
from ingest.formats.sheet import UNTOLD, Meaning, Sheet, When
from models.reasons import Json

NAME = "king_pigeon"

# "07:16:17 06/16/2021 UTC": the date the American way.
_TIME = re.compile(
    r"(\d\d):(\d\d):(\d\d) (\d\d)/(\d\d)/(\d{4})(?: (UTC|[+-]\d\d:?\d\d))?", re.ASCII
)
# The channel of a flag is a number behind it: TEMP8 is TEMP of channel 8.
_FLAG = re.compile(r"(CO2|[A-Z]+)(\d*)")


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Has it a list of `sensorDatas`? The topic is free."""
    if b'"sensorDatas"' not in envelope.payload:
        return False
    document = envelope.document_or_none
    return isinstance(document, dict) and "sensorDatas" in document


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what the flags say. Raises Unreadable."""
    document = envelope.object
    rows = document["sensorDatas"]
    if not isinstance(rows, list):
        raise Unreadable("wrong-type")
    sheet = Sheet(envelope.message, NAME)
    device = sheet.heard(envelope.topic.strip("/"))
    when = _when(sheet, document.get("time"))
    profile = memory.profiles.for_device(NAME, "king pigeon", "")
    fields = profile.fields if profile else {}
    ignored = profile.ignore if profile else frozenset()
    for row in rows:
        _take(sheet, device, row, when, dict(fields), ignored)
    return sheet.summed_up()


def _take(
    sheet: Sheet, device: str, row: Json, when: When, fields: dict[str, Meaning],
    ignored: frozenset[str],
) -> None:  # fmt: skip
    flag = row.get("flag") if isinstance(row, dict) else None
    if not isinstance(flag, str):
        sheet.fault("sensor data", "wrong-type")
        return
    match = _FLAG.fullmatch(flag)
    stem = match[1] if match else flag
    if stem in ignored or flag in ignored or (stem not in fields and is_about_the_device(stem)):
        return
    told = fields.get(flag) or fields.get(stem)
    raw = row.get("value", row.get("switch"))
    try:
        if told is None and "value" in row:
            number(raw)
        channel = plain_id(flag)
    except Unusable as refusal:
        sheet.fault(flag[:40], refusal.code)
        return
    if "value" in row:
        sheet.add(device, channel, raw, when, told or UNTOLD)


def _when(sheet: Sheet, raw: Json) -> When:
    if raw is None:
        return sheet.received
    match = _TIME.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        raise Unusable("bad-time")
    hour, minute, second, month, day, year = (int(part) for part in match.groups()[:6])
    message = sheet.message
    wall = (year, month, day, hour, minute, second)
    at_ms = times.at_wall(wall, 0, match[7], message.timezone, message.received_ms)
    return sheet.when(at_ms)
