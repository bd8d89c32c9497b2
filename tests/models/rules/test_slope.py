"""The packed line of a rate: it says what the readings say, however large, and is small."""

from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.rules import slope
from tests.models.rules.build import DAY, HOUR, MINUTE, START

MICRO = 1_000_000
MOST = 2**62
SMALL = st.integers(-2_000 * MICRO, 2_000 * MICRO)
ANY = st.one_of(
    SMALL, st.integers(-MOST, MOST), st.sampled_from([MOST, -MOST, 2**31, -(2**31) - 1])
)
STEPS = st.one_of(st.integers(1, 2 * HOUR), st.sampled_from([MINUTE, 5 * HOUR, 40 * DAY]))
WINDOWS = st.sampled_from([HOUR, DAY, 30 * DAY])


def paced(steps: list[int], values: list[int]) -> list[slope.Reading]:
    """Return readings so many milliseconds apart."""
    return list(zip(accumulate(steps, initial=START), values, strict=False))


def plainly(
    readings: list[slope.Reading], window_ms: int, span_ms: int
) -> tuple[list[slope.Reading], float | None]:
    """Return what is left of readings in the window of the last, and their rise, by the book."""
    kept: list[slope.Reading] = []
    for at_ms, value in readings:
        kept = [one for one in kept if one[0] > at_ms - window_ms] + [(at_ms, value)]
    if len(kept) < 4 or 2 * (kept[-1][0] - kept[0][0]) < window_ms:
        return kept, None
    mean_t = Fraction(sum(t for t, _ in kept), len(kept))
    mean_v = Fraction(sum(v for _, v in kept), len(kept))
    along = sum((t - mean_t) * (v - mean_v) for t, v in kept)
    return kept, float(along / sum((t - mean_t) ** 2 for t, _ in kept) * span_ms / MICRO)


@given(
    steps=st.lists(STEPS, max_size=40),
    values=st.lists(st.one_of(SMALL, ANY), min_size=1, max_size=40),
    window_ms=WINDOWS,
)
@example(steps=[MINUTE] * 9, values=[0, 1, 2, 2**31, 3, -(2**31), -(2**31) - 1, 4], window_ms=HOUR)
@settings(max_examples=300, deadline=None)
def test_a_line_says_what_its_readings_say(
    steps: list[int], values: list[int], window_ms: int
) -> None:
    readings, line = paced(steps, values), b""

    for place, (at_ms, value) in enumerate(readings, 1):
        line, rise = slope.followed(line, at_ms, value, window_ms, DAY)
        kept, expected = plainly(readings[:place], window_ms, DAY)

        assert slope.readings(line) == kept
        assert slope.count(line) == len(kept)
        assert slope.first_ms(line) == kept[0][0]
        assert slope.last_ms(line) == at_ms
        assert rise == (None if expected is None else pytest.approx(expected, rel=1e-12))


@given(steps=st.lists(STEPS, max_size=20), values=st.lists(ANY, max_size=20))
def test_what_is_stored_of_a_line_gives_it_back(steps: list[int], values: list[int]) -> None:
    line = slope.packed(paced(steps, values))

    assert slope.unflat(slope.flat(line)) == line


def test_what_is_stored_is_the_first_reading_and_differences() -> None:
    line = slope.packed([(START, 300), (START + 60_000, 310), (START + 120_000, 290)])

    assert slope.flat(line) == [START, 300, 60_000, 10, 60_000, -20]


def test_a_reading_takes_eight_bytes_for_years() -> None:
    line = b""

    for minute in range(3 * 365 * 24 * 60):
        line, _ = slope.followed(line, START + minute * MINUTE, minute % 97 * 1_000, HOUR, DAY)

    assert slope.count(line) == 60
    assert len(line) == 40 + 60 * 8


def test_a_line_of_large_values_goes_on_as_fast_as_any() -> None:
    line = b""

    for minute in range(500):
        line, rise = slope.followed(line, START + minute * MINUTE, minute * 10**10, HOUR, DAY)

    assert slope.count(line) == 60
    assert rise == 14_400_000.0


def test_no_line_is_none() -> None:
    assert slope.packed([]) == b""
    assert slope.flat(b"") == []
    assert slope.readings(b"") == []
    assert slope.first_ms(b"") is None
    assert slope.last_ms(b"") == -1
    assert slope.count(b"") == 0
