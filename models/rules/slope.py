"""The least-squares line through the last readings of a sensor, packed small.

A nation has a million of them, each with an hour or more of readings. So a line is bytes: its sums,
then 8 bytes a reading. All numbers are whole, hence nothing drifts, and relative to an origin near
the oldest reading, hence they are small. The empty line is `b""`.
"""

from collections.abc import Callable, Iterable
from itertools import accumulate
from operator import sub
from struct import Struct, error
from typing import NamedTuple

FEWEST_READINGS = 4
# A gauge that is faster than this many readings a window is read at this pace: memory and the
# state row stay small, and a slope over a day gains nothing from seconds.
MOST_READINGS = 2_880
MICRO = 1_000_000

Reading = tuple[int, int]
"""Instant and value in micro-units."""
Sums = tuple[int, int, int, int, int]
"""Origin; sums of instants since then, of values, of squared instants and of products."""


class Form(NamedTuple):
    """How a line is laid out: its sums, then pairs of instant (since the origin) and value."""

    size: int  # of the sums
    sums: Callable[[bytes], Sums]
    pack: Callable[..., bytes]
    pair: Struct
    code: str  # of the pairs' numbers, as `memoryview.cast` names it


_NUMBERS = Struct("=5q")
# Half of what fits: the sums grow while the origin stays and the readings move on.
_ROOM = 2**62
_WIDE_BYTES = 16


def _wide_sums(line: bytes) -> Sums:
    origin_ms, st, sv, stt, stv = (
        int.from_bytes(line[place : place + _WIDE_BYTES], "little", signed=True)
        for place in range(1, 5 * _WIDE_BYTES, _WIDE_BYTES)
    )
    return origin_ms, st, sv, stt, stv


def _wide_pack(*sums: int) -> bytes:
    # The byte in front makes the length odd, by which a wide line is known.
    return b"w" + b"".join(one.to_bytes(_WIDE_BYTES, "little", signed=True) for one in sums)


_NARROW = Form(_NUMBERS.size, _NUMBERS.unpack_from, _NUMBERS.pack, Struct("=2i"), "i")
_WIDE = Form(1 + 5 * _WIDE_BYTES, _wide_sums, _wide_pack, Struct("=2q"), "q")
"""For values over 2,147 units and for many readings over weeks, which few rules look at."""


def _form_of(line: bytes) -> Form:
    return _WIDE if len(line) & 1 else _NARROW


def followed(
    line: bytes, at_ms: int, micro: int, window_ms: int, span_ms: int
) -> tuple[bytes, float | None]:
    """Return the line with a newer reading and without those before the window, and its rise.

    The rise is over `span_ms`; None where the readings are too few or too close. A reading that
    comes too soon after the last is left out.
    """
    if not line:
        return packed([(at_ms, micro)]), None
    size, sums, pack, pair, _ = _WIDE if len(line) & 1 else _NARROW
    origin_ms, st, sv, stt, stv = sums(line)
    step, end = pair.size, len(line)
    t = at_ms - origin_ms
    oldest, start = t - window_ms, size
    last, _ = pair.unpack_from(line, end - step)
    if t - last < window_ms // MOST_READINGS:
        return line, None
    first, value = pair.unpack_from(line, start)
    while first <= oldest:
        st -= first
        sv -= value
        stt -= first * first
        stv -= first * value
        start += step
        if start == end:
            return packed([(at_ms, micro)]), None
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


def packed(readings: Iterable[Reading]) -> bytes:
    """Return the line through readings, which are in order of time."""
    pairs = list(readings)
    if not pairs:
        return b""
    origin_ms = pairs[0][0]
    pairs = [(at_ms - origin_ms, micro) for at_ms, micro in pairs]
    st, sv = sum(t for t, _ in pairs), sum(micro for _, micro in pairs)
    stt, stv = sum(t * t for t, _ in pairs), sum(t * micro for t, micro in pairs)
    small = max(abs(origin_ms), st, abs(sv), stt, abs(stv)) < _ROOM
    for form in (_NARROW, _WIDE) if small else (_WIDE,):
        try:
            tail = b"".join(form.pair.pack(*pair) for pair in pairs)
        except error:
            continue
        return form.pack(origin_ms, st, sv, stt, stv) + tail
    raise ValueError("a reading that no line can hold")


def readings(line: bytes) -> list[Reading]:
    """Return the readings of a line."""
    origin_ms, numbers = _numbers(line)
    instants = (origin_ms + t for t in numbers[::2])
    return list(zip(instants, numbers[1::2], strict=True))


def count(line: bytes) -> int:
    """Return how many readings a line has."""
    form = _form_of(line)
    return (len(line) - form.size) // form.pair.size if line else 0


def since_ms(line: bytes) -> int | None:
    """Return the instant of the oldest reading, None of an empty line."""
    if not line:
        return None
    form = _form_of(line)
    first_ms: int = form.pair.unpack_from(line, form.size)[0]
    return form.sums(line)[0] + first_ms


def flat(line: bytes) -> list[int]:
    """Return the readings as one list of numbers: the first, then differences."""
    origin_ms, numbers = _numbers(line)
    if numbers:
        return [origin_ms + numbers[0], numbers[1], *map(sub, numbers[2:], numbers)]
    return []


def unflat(numbers: list[int]) -> bytes:
    """Return the line that `flat` wrote. Raises ValueError where numbers are missing."""
    return packed(zip(accumulate(numbers[::2]), accumulate(numbers[1::2]), strict=True))


def _numbers(line: bytes) -> tuple[int, list[int]]:
    if not line:
        return 0, []
    form = _form_of(line)
    return form.sums(line)[0], memoryview(line)[form.size :].cast(form.code).tolist()  # type: ignore[call-overload]
