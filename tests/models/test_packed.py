"""Packed hours give back what went in, to the last bit, and take little."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.packed import Stored, count, pack, unpack

END_MS = 1_647_820_800_000
HOUR_MS = 3_600_000

numbers = st.one_of(
    st.none(),
    st.floats(allow_nan=False),
    st.decimals(-1000, 1000, places=3).map(float),
    st.integers(-(2**40), 2**40).map(float),
)
readings = st.lists(
    st.builds(
        Stored,
        at_ms=st.integers(END_MS - HOUR_MS + 1, END_MS),
        value=numbers,
        quality=st.sampled_from((1, 2, 3, 4, 9)),
        raw=numbers,
        arrived_ms=st.one_of(st.none(), st.integers(END_MS - HOUR_MS, END_MS + 2**40)),
    ),
    unique_by=lambda one: one.at_ms,
    max_size=80,
).map(lambda found: sorted(found, key=lambda one: one.at_ms))


def bits(found: list[Stored]) -> list[tuple[object, ...]]:
    """Return readings so that 0.0 and −0.0 differ."""
    return [
        (*(struct.pack("d", one) if isinstance(one, float) else one for one in reading),)
        for reading in found
    ]


@given(readings)
def test_what_was_packed_comes_back_to_the_last_bit(found: list[Stored]) -> None:
    packed = pack(found, END_MS)

    assert bits(unpack(packed, END_MS)) == bits(found)
    assert count(packed) == len(found)


def test_an_infinite_value_is_kept_too() -> None:
    found = [Stored(END_MS - 1, float("inf"), 4), Stored(END_MS, 1e300, 4)]

    assert unpack(pack(found, END_MS), END_MS) == found


@pytest.mark.parametrize(("jitter_ms", "most"), [(0, 2.5), (400, 4.5)])
def test_a_reading_a_minute_takes_a_few_bytes(jitter_ms: int, most: float) -> None:
    dice = random.Random(7)  # noqa: S311  (test data)
    found = [
        Stored(
            END_MS - HOUR_MS + 1000 + minute * 60_000 + dice.randint(0, jitter_ms),
            round(1.4 + dice.gauss(0, 0.02), 3),
            1,
        )
        for minute in range(60)
    ]

    assert len(pack(found, END_MS)) / len(found) <= most


def test_bytes_of_another_form_or_cut_short_are_refused() -> None:
    packed = pack([Stored(END_MS, 1.5, 1)], END_MS)

    with pytest.raises(ValueError, match="form 9"):
        unpack(b"\x09" + packed[1:], END_MS)
    with pytest.raises(ValueError, match="too early"):
        unpack(packed[:-3], END_MS)
