"""Reads plain JSON as a profile maps it: device from topic or field, time, fields to channels."""

from ingest.formats import times
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.paths import at_path
from ingest.formats.profiles import Profile
from ingest.formats.sheet import Sheet, When
from ingest.formats.topics import matches
from models.reasons import Json

NAME = "plain_json"


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Has somebody mapped this topic?"""
    return _mapping(envelope, memory) is not None


def _mapping(envelope: Envelope, memory: Memory) -> Profile | None:
    for profile in memory.profiles.mappings:
        if matches(profile.topic, envelope.topic):
            return profile
    return None


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what an object, or a list of objects, says through its mapping. Raises Unreadable."""
    profile = _mapping(envelope, memory)
    assert profile is not None, "read follows claims"
    document = envelope.document
    rows = document if isinstance(document, list) else [document]
    if not all(isinstance(row, dict) for row in rows):
        raise Unreadable("wrong-root-type")
    sheet = Sheet(envelope.message, NAME)
    for row in rows:
        _take(sheet, profile, envelope, row)
    return sheet.summed_up()


def _take(sheet: Sheet, profile: Profile, envelope: Envelope, row: dict[str, Json]) -> None:
    try:
        device = sheet.heard(_device(profile, envelope, row))
        when = _when(sheet, profile, row)
    except Unusable as refusal:
        raise Unreadable(refusal.code) from None
    for path, meaning in profile.fields.items():
        raw = at_path(row, path)
        if raw is not None:
            sheet.add(device, path, raw, when, meaning)


def _device(profile: Profile, envelope: Envelope, row: dict[str, Json]) -> Json:
    kind, _, place = profile.device.partition(":")
    if kind == "topic":  # topic:2 is the third level
        level = int(place)
        return envelope.levels[level] if level < len(envelope.levels) else None
    found = at_path(row, place)
    if found is None:
        raise Unreadable("missing-device")
    return found


def _when(sheet: Sheet, profile: Profile, row: dict[str, Json]) -> When:
    raw = at_path(row, profile.time) if profile.time else None
    if raw is None:
        return sheet.received
    message = sheet.message
    read_time = times.READERS[profile.time_unit]
    return sheet.when(read_time(raw, message.timezone, message.received_ms))
