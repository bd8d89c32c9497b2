"""What devices write as time, and what is made of it."""

import pytest

from ingest.formats.decoded import Unusable
from ingest.formats.times import from_epoch, from_iso
from models.times import iso
from tests.ingest.formats.making import NOW_MS


@pytest.mark.parametrize(
    ("text", "zone", "at"),
    [
        ("2026-02-11T06:20:41.318422164Z", "UTC", "2026-02-11T06:20:41.318Z"),
        ("2026-02-11T07:18:41+0100", "UTC", "2026-02-11T06:18:41Z"),
        ("2026-02-11T07:18:41+01", "UTC", "2026-02-11T06:18:41Z"),
        ("2026-02-11 07:18:41,5-03:30", "UTC", "2026-02-11T10:48:41.500Z"),
        ("2016-12-31T23:59:60Z", "UTC", "2017-01-01T00:00:00Z"),
        ("2026-02-11T14:20", "Asia/Shanghai", "2026-02-11T06:20:00Z"),
        ("2019-01-01T00:00:00", "Europe/Rome", "2018-12-31T23:00:00Z"),
        ("2024-02-29T12:00:00", "Asia/Shanghai", "2024-02-29T04:00:00Z"),
        # Left out on the night that summer time begins: a clock without summer time.
        ("2026-03-29T02:30:00", "Europe/Rome", "2026-03-29T01:30:00Z"),
    ],
)
def test_a_text_is_read_with_its_offset_or_else_in_the_sites_zone(text: str, zone: str, at: str):
    assert iso(from_iso(text, zone, NOW_MS)) == at


@pytest.mark.parametrize(("minutes", "at"), [(5, "00:30"), (65, "01:30")])
def test_the_hour_that_happens_twice_is_told_by_the_receipt(minutes: int, at: str):
    first_0230_ms = from_iso("2026-10-25T00:30:00Z", "UTC", 0)

    read = from_iso("2026-10-25T02:30:00", "Europe/Rome", first_0230_ms + minutes * 60_000)

    assert iso(read) == f"2026-10-25T{at}:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "yesterday at noon", "", None, 5, "2026-02-30T00:00:00Z", "2026-02-11", "0000-01-01T00:00Z",
        "2026-02-11T25:00:00Z", "2026-02-11T06:20:61Z", "2026-02-11T06:20:00+25:00",
        "٢٠٢٦-02-11T06:20:00Z", "9999-12-31T23:59:60-12:00",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: object):
    with pytest.raises(Unusable) as refused:
        from_iso(text, "UTC", NOW_MS)

    assert refused.value.code == "bad-time"


def test_an_unknown_zone_is_refused_not_guessed():
    with pytest.raises(Unusable):
        from_iso("2026-02-11T06:20:00", "Mars/Olympus", NOW_MS)


@pytest.mark.parametrize(
    ("raw", "unit", "at_ms"),
    [
        (1_758_200_407_552_017_000, "ns", 1_758_200_407_552),
        (1_680_962_879.62, "s", 1_680_962_879_620),
        ("1766300400.0", "s", 1_766_300_400_000),
        (1_767_261_600_000, "ms", 1_767_261_600_000),
    ],
)
def test_a_number_is_read_in_the_unit_of_its_format(raw: object, unit: str, at_ms: int):
    assert from_epoch(raw, unit) == at_ms


@pytest.mark.parametrize("raw", [1e20, -1e300, float("nan"), float("inf"), 10**400, True, [], "x"])
def test_a_number_that_is_no_time_is_refused(raw: object):
    with pytest.raises(Unusable) as refused:
        from_epoch(raw, "s")

    assert refused.value.code == "bad-time"
