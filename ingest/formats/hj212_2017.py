"""Reads HJ 212-2017 frames, as a transparent bridge passes on what a Chinese station sends."""

import re
from collections.abc import Iterator

from ingest.formats import times
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.numbers import plain_id
from ingest.formats.sheet import Meaning, Sheet, When

NAME = "hj212_2017"

# HJ 212-2017 table B: codes of meteorology; further codes are a profile's.
_CODES = {
    "a01001": Meaning("temperature", "degC"),
    "a01002": Meaning("humidity", "%RH"),
    "a01006": Meaning("pressure", "kPa"),
}
_VALUES = {"2011": "Rtd", "2051": "Avg", "2061": "Avg"}  # real time, minutes, hours
_SUM = "Cou"  # of minutes or an hour; rain has no average
LARGEST_BYTES = 64 * 1024  # a bridge passes on a few frames of at most 10 kB each
BEIJING = "Asia/Shanghai"
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Does the payload begin with `##` and a length of four digits?"""
    return envelope.payload[:2] == b"##" and envelope.payload[2:6].isdigit()


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what the frames in a payload say. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    for segment in _frames(envelope.payload):
        _take(sheet, memory, segment)
    return sheet.summed_up()


def _frames(payload: bytes) -> Iterator[str]:
    """Yield the data segment of each frame, its checksum proven. Raises Unreadable."""
    if len(payload) > LARGEST_BYTES:
        raise Unreadable("malformed-frame")
    rest = payload.strip(b"\r\n")
    while rest:
        if rest[:2] != b"##" or not rest[2:6].isdigit():
            raise Unreadable("malformed-frame")
        length = int(rest[2:6])
        segment, written = rest[6 : 6 + length], rest[6 + length : 10 + length]
        if len(segment) < length or len(written) < 4:
            raise Unreadable("malformed-frame")
        if written.upper() != b"%04X" % checksum(segment):
            raise Unreadable("bad-crc")
        rest = rest[10 + length :].lstrip(b"\r\n")
        yield segment.decode("gb18030", "replace")


def checksum(segment: bytes) -> int:
    """Return the CRC of HJ 212-2017 annex A: it shifts before it mixes the byte in."""
    crc = 0xFFFF
    for byte in segment:
        crc = (crc >> 8) ^ byte
        for _bit in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def _take(sheet: Sheet, memory: Memory, segment: str) -> None:
    head, _, tail = segment.partition("CP=&&")
    about = dict(pair.split("=", 1) for pair in head.split(";") if "=" in pair)
    if not about.get("MN"):
        raise Unreadable("missing-device")
    device = sheet.heard(about["MN"])
    command = about.get("CN", "")
    kind = _VALUES.get(command)
    if kind is None:
        return
    groups = tail.removesuffix("&&").split(";")
    fields = dict(
        pair.split("=", 1) for group in groups for pair in group.split(",") if "=" in pair
    )
    when = _when(sheet, fields.get("DataTime"))
    profile = memory.profiles.for_device(NAME, "", "")
    codes = {**_CODES, **(profile.fields if profile else {})}
    for name, raw in fields.items():
        code, _, value = name.partition("-")
        meaning = codes.get(code)
        if meaning is None:
            continue
        rain = meaning.quantity == "rain_increment" and kind != "Rtd"
        if value == (_SUM if rain else kind):
            # Averages and sums are series of their own beside the values of the moment.
            channel = code if kind == "Rtd" else f"{command}/{code}"
            _measure(sheet, device, channel, raw, fields.get(f"{code}-Flag"), when, meaning)


def _measure(
    sheet: Sheet, device: str, name: str, raw: str, flag: str | None, when: When, meaning: Meaning
) -> None:
    channel = plain_id(name)
    if flag is not None and flag.strip().upper() != "N":
        sheet.refuse(device, channel, "bad-flag", raw, when, meaning)  # fault, maintenance, …
        return
    sheet.add(device, channel, raw, when, meaning)


def _when(sheet: Sheet, raw: str | None) -> When:
    if raw is None:
        return sheet.received
    match = _TIME.fullmatch(raw.strip())
    if match is None:
        raise Unusable("bad-time")
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    wall = (year, month, day, hour, minute, second)
    return sheet.when(times.at_wall(wall, 0, "+08:00", BEIJING, sheet.message.received_ms))
