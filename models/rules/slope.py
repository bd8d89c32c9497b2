"""The least-squares line through the last readings of a sensor, packed small.

A nation has a million of them, each with an hour or more of readings. So a line is bytes: five
numbers, then 8 bytes a reading. All are whole, hence nothing drifts, and relative to an origin near
the oldest reading, hence small. The empty line is `b""`.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import sub
from struct import Struct, error, unpack_from
from typing import NamedTuple

FEWEST_READINGS = 4
MICRO = 1_000_000

Reading = tuple[int, int]
"""Instant and value in micro-units."""


class Form(NamedTuple):
    """How a line is laid out: five numbers, then pairs of instant (since the origin) and value.

    The five: the origin, and the sums of instants since then, of values, of squared instants, and
    of products.
    """

    size: int  # of the five
    head: Callable[..., tuple[int, ...]]  # gives the five and the first pair
    pack: Callable[..., bytes]  # takes the five
    pair: Struct


# Half of what fits: the sums grow while the origin stays and the readings move on.
_ROOM = 2**62
_WIDE_BYTES = 16
_WIDE_SIZE = 1 + 5 * _WIDE_BYTES
_WIDE_PAIR = Struct("=2q")


def _wide_head(line: bytes) -> tuple[int, ...]:
    five = (
        int.from_bytes(line[place : place + _WIDE_BYTES], "little", signed=True)
        for place in range(1, _WIDE_SIZE, _WIDE_BYTES)
    )
    return *five, *_WIDE_PAIR.unpack_from(line, _WIDE_SIZE)


def _wide_pack(*five: int) -> bytes:
    # The byte in front makes the length odd, by which a wide line is known.
    return b"w" + b"".join(one.to_bytes(_WIDE_BYTES, "little", signed=True) for one in five)


_NARROW = Form(40, Struct("=5q2i").unpack_from, Struct("=5q").pack, Struct("=2i"))
_WIDE = Form(_WIDE_SIZE, _wide_head, _wide_pack, _WIDE_PAIR)
"""For values over 2,147 units and for many readings over weeks, which few rules look at."""


def followed(
    line: bytes, at_ms: int, micro: int, window_ms: int, span_ms: int
) -> tuple[bytes, float | None]:
    """Return the line with a newer reading and without those before the window, and its rise.

    The rise is over `span_ms`; None where the readings are too few or too close.
    """
    if not line:
        return _begun(at_ms, micro), None
    size, head, pack, pair = _WIDE if len(line) & 1 else _NARROW
    origin_ms, st, sv, stt, stv, first, value = head(line)
    t, start, end, step = at_ms - origin_ms, size, len(line), pair.size
    oldest = t - window_ms
    while first <= oldest:
        st -= first
        sv -= value
        stt -= first * first
        stv -= first * value
        start += step
        if start == end:
            return _begun(at_ms, micro), None
        first, value = pair.unpack_from(line, start)
    st += t
    sv += micro
    stt += t * t
    stv += t * micro
    try:
        grown = pack(origin_ms, st, sv, stt, stv) + line[start:] + pair.pack(t, micro)
    except error:
        grown = packed([*readings(line)[(start - size) // step :], (at_ms, micro)])
    n = (end - start) // step + 1
    if n < FEWEST_READINGS or 2 * (t - first) < window_ms:
        return grown, None
    return grown, (n * stv - st * sv) * span_ms / ((n * stt - st * st) * MICRO)


def _begun(at_ms: int, micro: int) -> bytes:
    try:
        return _NARROW.pack(at_ms, 0, micro, 0, 0) + _NARROW.pair.pack(0, micro)
    except error:
        return packed([(at_ms, micro)])


def packed(readings: Iterable[Reading]) -> bytes:
    """Return the line through readings, which are in order of time."""
    pairs = list(readings)
    if not pairs:
        return b""
    origin_ms = pairs[0][0]
    pairs = [(at_ms - origin_ms, micro) for at_ms, micro in pairs]
    st, sv = sum(t for t, _ in pairs), sum(micro for _, micro in pairs)
    stt, stv = sum(t * t for t, _ in pairs), sum(t * micro for t, micro in pairs)
    small = max(st, abs(sv), stt, abs(stv)) < _ROOM
    try:
        form = _NARROW if small else _WIDE
        tail = b"".join(form.pair.pack(*pair) for pair in pairs)
    except error:
        form = _WIDE
        tail = b"".join(form.pair.pack(*pair) for pair in pairs)
    return form.pack(origin_ms, st, sv, stt, stv) + tail


def readings(line: bytes) -> list[Reading]:
    """Return the readings of a line."""
    origin_ms, numbers = _numbers(line)
    instants = (origin_ms + t for t in numbers[::2])
    return list(zip(instants, numbers[1::2], strict=True))


def count(line: bytes) -> int:
    """Return how many readings a line has."""
    return len(_numbers(line)[1]) // 2


def first_ms(line: bytes) -> int | None:
    """Return the instant of the oldest reading, None of an empty line."""
    origin_ms, numbers = _numbers(line)
    return origin_ms + numbers[0] if numbers else None


def last_ms(line: bytes) -> int:
    """Return the instant of the newest reading, -1 of an empty line."""
    origin_ms, numbers = _numbers(line)
    return origin_ms + numbers[-2] if numbers else -1


def flat(line: bytes) -> list[int]:
    """Return the readings as one list of numbers: the first, then differences."""
    origin_ms, numbers = _numbers(line)
    if not numbers:
        return []
    return [origin_ms + numbers[0], numbers[1], *map(sub, numbers[2:], numbers)]


def unflat(numbers: Sequence[int]) -> bytes:
    """Return the line that `flat` wrote. Raises ValueError where a number is missing."""
    return packed(zip(accumulate(numbers[::2]), accumulate(numbers[1::2]), strict=True))


def _numbers(line: bytes) -> tuple[int, Sequence[int]]:
    """Return the origin and, in one row, the pairs."""
    if not line:
        return 0, ()
    if len(line) & 1:
        row = f"={(len(line) - _WIDE_SIZE) // 8}q"
        return _wide_head(line)[0], unpack_from(row, line, _WIDE_SIZE)
    numbers = _whole(len(line)).unpack(line)
    return numbers[0], numbers[5:]


@lru_cache(maxsize=256)
def _whole(size: int) -> Struct:
    """Return how a narrow line of so many bytes is laid out."""
    return Struct(f"=5q{(size - _NARROW.size) // 4}i")
