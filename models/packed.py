"""Packs the readings of one closed hour of one sensor into bytes, and unpacks them; pure.

Times and values become whole numbers, then differences, then bytes put in rows by their place in
the number (what hardly changes lies together), then zlib. A minute's reading takes about four
bytes, and a double that is no short decimal stays what it is to the last bit.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from math import isfinite
from operator import sub
from typing import NamedTuple

_FORM = 1  # of the bytes below; another form gets another number
_LEVEL = 6
_DECIMALS = (0, 1, 2, 3, 4, 5, 6)
_DOUBLES = 255  # in place of a number of decimals
_MOST_WHOLE = 2.0**52
_SWAP = sys.byteorder == "big"


class Stored(NamedTuple):
    """A reading as it is kept: in the canonical unit, without any site correction.

    `value` None: reported but not believable. `raw` only where it differs from `value`.
    `arrived_ms` only where it came more than a minute after it was measured.
    """

    at_ms: int
    value: float | None
    quality: int
    raw: float | None = None
    arrived_ms: int | None = None


def pack(readings: Sequence[Stored], end_ms: int) -> bytes:
    """Return the bytes of an hour that ends at `end_ms`; its readings come in order of time."""
    times = [end_ms - one.at_ms for one in readings]
    body = b"".join(
        (
            _whole(_steps(_steps(times))),
            _bytes(bytes(one.quality for one in readings)),
            _numbers([one.value for one in readings]),
            _numbers([one.raw for one in readings]),
            _arrivals(readings),
        )
    )
    small = zlib.compress(body, _LEVEL)
    pays = len(small) < len(body)
    head = bytes((_FORM, pays)) + len(readings).to_bytes(4, "little")
    return head + (small if pays else body)


def count(packed: bytes) -> int:
    """Return how many readings an hour has, without unpacking it."""
    return int.from_bytes(packed[2:6], "little")


def unpack(packed: bytes, end_ms: int) -> list[Stored]:
    """Return the readings of an hour, in order of time. Raises ValueError for another form."""
    if packed[0] != _FORM:
        raise ValueError(f"packed readings of form {packed[0]} are not known here")
    body = zlib.decompress(packed[6:]) if packed[1] else packed[6:]
    take = _Take(body, count(packed))
    times = accumulate(accumulate(take.whole(take.count)))
    qualities = take.bytes()
    values, raws = take.numbers(), take.numbers()
    at_ms = [end_ms - time for time in times]
    late = take.arrivals(at_ms)
    return list(map(Stored, at_ms, values, qualities, raws, late))


def _steps(numbers: Sequence[int]) -> list[int]:
    """Return the first and then each one's difference from the one before."""
    return [*numbers[:1], *map(sub, numbers[1:], numbers)]


def _numbers(values: Sequence[float | None]) -> bytes:
    """Pack numbers of which some may be missing: which are there, how they are kept, and they."""
    present = [value for value in values if value is not None]
    if not present:
        return b"\0"
    if len(present) == len(values):
        there = b"\1"
    else:
        there = b"\2" + bytes(value is not None for value in values)
    greatest = sum(map(abs, present))  # or more; not finite where one of them is not
    for decimals in _DECIMALS if isfinite(greatest) else ():
        scale = 10.0**decimals
        if greatest * scale > _MOST_WHOLE:
            break
        whole = [value * scale for value in present]
        rounded = list(map(round, whole))
        if [number / scale for number in rounded] == present and not _has_minus_zero(present):
            return there + bytes((decimals,)) + _whole(_steps(rounded))
    return there + bytes((_DOUBLES,)) + _shuffled(_little(array("d", present)), 8)


def _has_minus_zero(values: Iterable[float]) -> bool:
    return any(value == 0 and str(value)[0] == "-" for value in values)


def _arrivals(readings: Sequence[Stored]) -> bytes:
    late = [
        (index, one.arrived_ms - one.at_ms)
        for index, one in enumerate(readings)
        if one.arrived_ms is not None
    ]
    if not late:
        return b"\0"
    indexes, delays = zip(*late, strict=True)
    return b"\1" + len(late).to_bytes(4, "little") + _whole(_steps(indexes)) + _whole(delays)


def _whole(numbers: Sequence[int]) -> bytes:
    """Pack whole numbers, with the fewest bytes that hold any of them; the sign is the last bit."""
    folded = [number << 1 if number >= 0 else ~(number << 1) for number in numbers]
    width = (max(folded, default=0).bit_length() + 7) // 8
    rows = (bytes(number >> shift & 255 for number in folded) for shift in range(0, 8 * width, 8))
    return bytes((width,)) + b"".join(rows)


def _bytes(flags: bytes) -> bytes:
    """Pack flags, which mostly are all the same."""
    return b"\0" + flags[:1] if flags == flags[:1] * len(flags) else b"\1" + flags


def _little(numbers: array[float]) -> bytes:
    if _SWAP:
        numbers.byteswap()
    return numbers.tobytes()


def _shuffled(rows: bytes, width: int) -> bytes:
    return b"".join(rows[place::width] for place in range(width))


class _Take:
    """Takes what was packed, in the same order."""

    def __init__(self, body: bytes, count: int) -> None:
        self.count = count
        self._body = body
        self._at = 0

    def raw(self, length: int) -> bytes:
        """Return the next bytes. Raises ValueError where there are fewer."""
        found = self._body[self._at : self._at + length]
        if len(found) != length:
            raise ValueError("packed readings end too early")
        self._at += length
        return found

    def whole(self, count: int) -> list[int]:
        """Return the numbers that `_whole` packed."""
        width = self.raw(1)[0]
        if not width:
            return [0] * count
        folded: Iterable[int] = self.raw(count)
        for shift in range(8, 8 * width, 8):
            more = self.raw(count)
            folded = [low | high << shift for low, high in zip(folded, more, strict=True)]
        return [number >> 1 if not number & 1 else ~(number >> 1) for number in folded]

    def bytes(self) -> bytes:
        """Return the flags that `_bytes` packed."""
        if self.raw(1) == b"\0":
            return self.raw(1) * self.count if self.count else b""
        return self.raw(self.count)

    def numbers(self) -> Iterable[float | None]:
        """Return the numbers that `_numbers` packed, None where one is missing."""
        kind = self.raw(1)[0]
        if kind == 0:
            return [None] * self.count
        there = self.raw(self.count) if kind == 2 else b""
        present = self._present(sum(there) if kind == 2 else self.count)
        if kind == 1:
            return present
        following: Callable[[], float] = iter(present).__next__
        return [following() if flag else None for flag in there]

    def _present(self, count: int) -> list[float]:
        decimals = self.raw(1)[0]
        if decimals == _DOUBLES:
            rows = self.raw(8 * count)
            numbers = array("d", b"".join(rows[index::count] for index in range(count)))
            if _SWAP:
                numbers.byteswap()
            return numbers.tolist()
        scale = 10.0**decimals
        return [number / scale for number in accumulate(self.whole(count))]

    def arrivals(self, at_ms: Sequence[int]) -> list[int | None]:
        """Return when each arrived that came late."""
        found: list[int | None] = [None] * self.count
        if self.raw(1) == b"\1":
            count = int.from_bytes(self.raw(4), "little")
            indexes = accumulate(self.whole(count))
            for index, delay in zip(indexes, self.whole(count), strict=True):
                found[index] = at_ms[index] + delay
        return found
