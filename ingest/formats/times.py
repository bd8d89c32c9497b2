"""Says when something was measured: from what a device wrote, and how far it may be believed."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.formats.decoded import GOOD, QUESTIONABLE, Unusable
from models.reasons import Json
from models.times import to_ms

EARLIEST_MS = 946_684_800_000  # 2000-01-01: no clock of ours was set before
AHEAD_GOOD_MS = 5 * 60_000  # ordinary clock skew
AHEAD_DOUBTFUL_MS = 24 * 3_600_000  # a wrong zone or date, but the day is still right
_LATEST_MS = 253_402_300_799_999  # year 9999: beyond it datetime overflows

_UNIT_MS = {"s": 1_000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?"
    r" ?([Zz]|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


def quality_at(at_ms: int, received_ms: int) -> int:
    """Return the quality that an observed time gives its reading. Raises Unusable.

    Up to 5 minutes ahead of receipt is good, up to 24 hours is questionable.
    """
    if at_ms < EARLIEST_MS:
        raise Unusable("epoch-time")
    ahead_ms = at_ms - received_ms
    if ahead_ms <= AHEAD_GOOD_MS:
        return GOOD
    if ahead_ms <= AHEAD_DOUBTFUL_MS:
        return QUESTIONABLE
    raise Unusable("future-time")


def from_epoch(raw: Json, unit: str) -> int:
    """Return milliseconds of a number of `s`, `ms`, `us` or `ns` since 1970. Raises Unusable."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise Unusable("bad-time")
    try:
        if isinstance(raw, int) and unit in ("ms", "us", "ns"):
            at_ms = raw // {"ms": 1, "us": 1_000, "ns": 1_000_000}[unit]  # exact: no float
        else:
            at_ms = round(float(raw) * _UNIT_MS[unit])
    except (ValueError, OverflowError):
        raise Unusable("bad-time") from None
    if not -_LATEST_MS <= at_ms <= _LATEST_MS:
        raise Unusable("bad-time")
    return at_ms


def from_digits(raw: Json) -> int:
    """Return milliseconds of an epoch number whose unit only its magnitude tells.

    For formats that leave the unit open: 10 digits are s, 13 ms, 16 us, 19 ns.
    """
    if isinstance(raw, str) and raw.strip().isdecimal():
        raw = int(raw.strip()[:20])
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise Unusable("bad-time")
    for unit, most in (("s", 1e11), ("ms", 1e14), ("us", 1e17), ("ns", 1e20)):
        if raw < most:
            return from_epoch(raw, unit)
    raise Unusable("bad-time")


def from_iso(raw: Json, timezone: str, received_ms: int) -> int:
    """Return milliseconds of an ISO 8601 text; without an offset it is local in `timezone`."""
    match = _ISO.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        raise Unusable("bad-time")
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    second, fraction, offset = match.group(6, 7, 8)
    millisecond = int((fraction or "0").ljust(3, "0")[:3])
    return at_wall(
        (year, month, day, hour, minute, int(second or 0)),
        millisecond,
        offset,
        timezone,
        received_ms,
    )


def at_wall(
    wall: tuple[int, int, int, int, int, int],
    millisecond: int,
    offset: str | None,
    timezone: str,
    received_ms: int,
) -> int:
    """Return milliseconds of a date and time on a clock's face. Raises Unusable."""
    leap = wall[5] == 60  # 23:59:60 is the first instant of the next minute to us
    try:
        face = datetime(*wall[:5], 59 if leap else wall[5])
        at_ms = _to_utc_ms(face, offset, timezone, received_ms)
    except (ValueError, OverflowError):
        raise Unusable("bad-time") from None
    return at_ms + (1_000 if leap else millisecond)


def _to_utc_ms(face: datetime, offset: str | None, timezone: str, received_ms: int) -> int:
    if offset is None:
        return _local_ms(face, _zone(timezone), received_ms)
    if offset in ("Z", "z", "UTC"):
        return to_ms(face.replace(tzinfo=UTC))
    digits = offset[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 14 or minutes > 59:
        raise ValueError(offset)
    east = timedelta(hours=hours, minutes=minutes)
    return to_ms((face - east if offset[0] == "+" else face + east).replace(tzinfo=UTC))


def _local_ms(face: datetime, zone: ZoneInfo, received_ms: int) -> int:
    # In the hour that happens twice, the reading nearer to its receipt is the likelier one.
    # In the hour that is left out, fold 0 is a clock that ignores summer time.
    first = to_ms(face.replace(tzinfo=zone, fold=0))
    second = to_ms(face.replace(tzinfo=zone, fold=1))
    if second <= first:
        return first
    return min(first, second, key=lambda at_ms: abs(at_ms - received_ms))


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Unusable("bad-time") from None


READERS: dict[str, Callable[[Json, str, int], int]] = {
    "iso": from_iso,
    "s": lambda raw, timezone, received_ms: from_epoch(raw, "s"),
    "ms": lambda raw, timezone, received_ms: from_epoch(raw, "ms"),
    "us": lambda raw, timezone, received_ms: from_epoch(raw, "us"),
    "ns": lambda raw, timezone, received_ms: from_epoch(raw, "ns"),
}
"""How a profile or format may say that its time field is written."""
