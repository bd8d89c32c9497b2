"""Reads InfluxDB line protocol, as telegraf and many loggers publish it, on any topic."""

import re
from collections.abc import Iterator

from ingest.formats import strict_json, times
from ingest.formats.about import is_about_the_device
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.key_units import unit_in
from ingest.formats.memory import Memory
from ingest.formats.numbers import plain_id
from ingest.formats.profiles import Profile
from ingest.formats.sheet import MOST_RECORDS, Meaning, Sheet

NAME = "influx_lp"

_PART = r"(?:[^\s,=\\]|\\.)+"
_FIELD = rf'{_PART}=(?:"(?:[^"\\]|\\.)*"|[^\s,"]+)'
_LINE = re.compile(
    rf"({_PART})((?:,{_PART}={_PART})*)\s+({_FIELD}(?:,{_FIELD})*)(?:\s+(-?\d{{1,20}}))?\s*"
)
_PAIR = re.compile(rf'({_PART})=("(?:[^"\\]|\\.)*"|[^\s,"]+)')
_TAG = re.compile(rf"({_PART})=({_PART})")
_ESCAPED = re.compile(r"\\([,= \\\"])")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]?Inf)[iu]?", re.ASCII)

# The tags that tell a device, the most particular first; without one the measurement does.
_DEVICE_TAGS = ("device_id", "device", "sensor_id", "sensor", "node", "id", "name", "host")
LONGEST_LINE = 64_000


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is one of the first lines `measurement,tags fields time`?"""
    if not envelope.payload or envelope.first_byte in b'{["':
        return False
    if b"=" not in envelope.payload or b"\0" in envelope.payload:
        return False
    head = envelope.payload[:4096].decode("utf-8", "ignore")
    lines = [line for line in head.split("\n") if line.strip() and not line.startswith("#")]
    return any(_LINE.fullmatch(line.strip()) for line in lines[:3])


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what all lines say; a line that can't be read leaves the others."""
    sheet = Sheet(envelope.message, NAME)
    lines = strict_json.text_of(envelope.payload).split("\n")
    if len(lines) > MOST_RECORDS:
        raise Unreadable("too-many-records", n=len(lines))
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip()) if len(line) <= LONGEST_LINE else None
        if match is None:
            sheet.fault(f"line {number}", "malformed-line")
            continue
        try:
            _take(sheet, memory, match)
        except Unusable as refusal:
            sheet.fault(f"line {number}", refusal.code)
    return sheet.summed_up()


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _take(sheet: Sheet, memory: Memory, match: re.Match[str]) -> None:
    measurement = _plain(match[1])
    tags = {_plain(key): _plain(value) for key, value in _TAG.findall(match[2])}
    device = sheet.heard(next((tags[tag] for tag in _DEVICE_TAGS if tag in tags), measurement))
    when = sheet.when(times.from_digits(match[4])) if match[4] else sheet.received
    fields = list(_numbers(match[3]))
    profile = memory.profiles.for_device(NAME, "", measurement, [key for key, _raw in fields])
    for key, raw in fields:
        meaning = _meaning(measurement, key, profile)
        if meaning is not None:
            channel = plain_id(f"{measurement}/{key}")
            sheet.add(device, channel, raw, when, meaning, name=f"{measurement}_{key}")


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    for key, raw in _PAIR.findall(text):
        if _NUMBER.fullmatch(raw):  # texts and booleans are no readings
            yield _plain(key), raw.rstrip("iu")


def _meaning(measurement: str, key: str, profile: Profile | None) -> Meaning | None:
    if profile is not None and key in profile.fields:
        return profile.fields[key]
    if (profile is not None and key in profile.ignore) or is_about_the_device(key):
        return None
    return Meaning(unit=unit_in(f"{measurement}_{key}"))
