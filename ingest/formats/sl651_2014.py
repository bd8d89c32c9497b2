"""Reads SL 651-2014 frames: hydrological stations in BCD, through a transparent bridge."""

from collections.abc import Iterator

from ingest.formats import times
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Meaning, Sheet, When

NAME = "sl651_2014"

# SL 651-2014 table C.1, the elements of rain gauges and of the station's supply.
_ELEMENTS = {
    0x02: Meaning("temperature", "degC"),
    0x18: Meaning("humidity", "%RH"),
    0x20: Meaning("rain_increment", "mm"),
    0x26: Meaning("rain_total", "mm"),
    0x38: Meaning("battery_voltage", "V"),
    **{code: Meaning("moisture_rel", "%") for code in range(0x10, 0x18)},  # soil, 10 to 100 cm
}
_STATION, _OBSERVED_AT, _RAIN_OF_HOUR = 0xF1, 0xF0, 0xF4
_REPORTS = frozenset({0x30, 0x32, 0x33, 0x34, 0x37})
_TEST, _SERIES = 0x30, 0x31
_HEAD, _STX = 14, 0x02
_FIVE_MINUTES_MS = 300_000


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Does the payload begin with 7E7E?"""
    return envelope.payload[:2] == b"\x7e\x7e" and len(envelope.payload) > 2


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a report says. Raises Unreadable."""
    frame = envelope.payload
    function, body = _checked(frame)
    sheet = Sheet(envelope.message, NAME)
    device = sheet.heard(frame[3:8].hex())
    if function == _SERIES:  # many values after one identifier: kept until it can be read
        raise Unreadable("unknown-format")
    if function not in _REPORTS:
        return sheet.summed_up()
    when = sheet.received
    for element, raw, decimals in _elements(body):
        if element == _OBSERVED_AT:
            when = sheet.when(_beijing(raw, sheet))
        elif element == _RAIN_OF_HOUR:
            _take_hour(sheet, device, raw, when)
        elif element in _ELEMENTS:
            _take(sheet, device, element, raw, decimals, when, is_test=function == _TEST)
    return sheet.summed_up()


def _checked(frame: bytes) -> tuple[int, bytes]:
    """Return function and body of a frame whose length and checksum are right."""
    if len(frame) < _HEAD + 3:
        raise Unreadable("malformed-frame")
    length = int.from_bytes(frame[11:13]) & 0x0FFF
    end = _HEAD + length
    if frame[13] != _STX or len(frame) < end + 3:
        raise Unreadable("malformed-frame")
    if modbus_crc(frame[: end + 1]) != int.from_bytes(frame[end + 1 : end + 3]):
        raise Unreadable("bad-crc")
    return frame[10], frame[_HEAD:end]


def modbus_crc(data: bytes) -> int:
    """Return the CRC-16/MODBUS of bytes."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _bit in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def _elements(body: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield identifier, bytes and decimals of each element behind serial number and send time."""
    at = 8
    while at + 2 <= len(body):
        element, definition = body[at], body[at + 1]
        at += 2
        if element == _STATION:
            at += 6  # address, and the class of station
            continue
        length = 5 if element == _OBSERVED_AT else definition >> 3
        if at + length > len(body):
            raise Unreadable("malformed-frame")
        yield element, body[at : at + length], definition & 0x07
        at += length


def _beijing(raw: bytes, sheet: Sheet) -> int:
    digits = raw.hex()
    if not digits.isdecimal():
        raise Unusable("bad-time")
    year, month, day, hour, minute = (int(digits[i : i + 2]) for i in range(0, 10, 2))
    wall = (2000 + year, month, day, hour, minute, 0)
    return times.at_wall(wall, 0, "+08:00", "Asia/Shanghai", sheet.message.received_ms)


def _take(
    sheet: Sheet, device: str, element: int, raw: bytes, decimals: int, when: When, is_test: bool
) -> None:
    channel, meaning = f"{element:02X}", _ELEMENTS[element]
    digits, sign = raw.hex(), 1
    if set(digits) <= {"f"} or set(digits) <= {"a"}:  # nothing measured
        sheet.missing(device, channel, digits, when)
        return
    if digits.startswith("ff"):
        digits, sign = digits[2:], -1
    if not digits.isdecimal():
        sheet.refuse(device, channel, "wrong-type", raw.hex(), when, meaning)
        return
    value = sign * int(digits) / 10**decimals
    sheet.add(device, channel, value, when, meaning, simulated=is_test)


def _take_hour(sheet: Sheet, device: str, raw: bytes, end: When) -> None:
    """Take twelve times five minutes of rain, in tenths of a millimetre; FF is nothing measured."""
    for index, tenths in enumerate(raw):
        at_ms = end.at_ms - (len(raw) - 1 - index) * _FIVE_MINUTES_MS
        if tenths != 0xFF:
            when = end._replace(at_ms=at_ms)
            sheet.add(device, "F4", tenths / 10, when, Meaning("rain_increment", "mm"))
