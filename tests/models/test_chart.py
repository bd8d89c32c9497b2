"""A year is drawn with few points: hours lie together by time, and an empty stretch is a gap."""

from datetime import UTC, datetime, timedelta

import pytest

from models.bars import NO_TREND, Bar, Trend
from models.chart import HOUR_MS, Spot, buckets, joined, rain_line
from models.readings import Correction
from models.sensor import Epoch, Sensor
from models.times import from_ms, to_ms
from webapp.series import nearest

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
BEGIN_MS = to_ms(SINCE)


def trend(*hours: tuple[int, float, float, float]) -> Trend:
    """Return hours after SINCE: (which, value, low, high)."""
    at, *columns = zip(*hours, strict=True)
    return Trend([BEGIN_MS + hour * HOUR_MS for hour in at], *map(list, columns))


def test_hours_lie_together_by_time() -> None:
    found = buckets(
        trend((0, 1, 0.5, 2), (1, 2, 0.4, 2.5), (2, 3, 1, 9), (3, 4, 3.5, 4.5), (7, 5, 5, 5)),
        SINCE,
        SINCE + timedelta(hours=8),
        most=3,  # of 2 h 40 min
    )
    assert found.spots == [
        Spot(BEGIN_MS + HOUR_MS, 2.0, 0.4, 9),
        Spot(BEGIN_MS + 3 * HOUR_MS, 4.0, 3.5, 4.5),
        Spot(BEGIN_MS + 7 * HOUR_MS, 5.0, 5, 5),
    ]


def test_an_empty_stretch_is_a_gap() -> None:
    until = SINCE + timedelta(hours=40)
    found = buckets(trend((1, 1, 1, 1), (4, 2, 2, 2), (8, 3, 3, 3)), SINCE, until, most=40)
    # Three hours are none yet: then a sensor that speaks hourly has been silent for one interval.
    assert [spot.value for spot in found.spots] == [1, 2, None, 3]
    assert BEGIN_MS + 4 * HOUR_MS < found.spots[2].at_ms < BEGIN_MS + 8 * HOUR_MS
    assert buckets(NO_TREND, SINCE, until).spots == []


def test_silence_between_the_coarse_past_and_the_fine_line_is_a_gap() -> None:
    day = 24 * HOUR_MS
    hourly = trend(*((hour, 1, 1, 1) for hour in range(1, 60 * 24)))
    until = SINCE + timedelta(days=90)
    coarse = buckets(hourly, SINCE, until, most=90)
    silent = buckets(trend((2200, 2, 2, 2), (2201, 2, 2, 2)), until, until + timedelta(days=30))
    at_once = buckets(trend((60 * 24, 2, 2, 2)), SINCE + timedelta(days=60), until)

    both = joined(coarse, silent).spots
    assert [spot.value for spot in both] == [1] * 60 + [None, 2, 2]
    assert BEGIN_MS + 60 * day < both[60].at_ms < BEGIN_MS + 2200 * HOUR_MS
    assert None not in [spot.value for spot in joined(coarse, at_once).spots]
    assert joined(buckets(NO_TREND, SINCE, until), silent).spots == silent.spots


def test_a_part_begins_after_and_ends_with_its_edges() -> None:
    whole = trend((0, 1, 1, 1), (1, 2, 2, 2), (2, 3, 3, 3))
    assert whole.within(BEGIN_MS, BEGIN_MS + HOUR_MS) == trend((1, 2, 2, 2))
    assert whole.within(0, BEGIN_MS - 1).at_ms == []


def test_a_trend_is_corrected_by_the_epoch_of_each_hour() -> None:
    found = Correction(recalibrated("crack_width", 2.0)).trend(trend((1, 3, 2, 4), (2, 3, 2, 4)))
    assert found == trend((1, 3, 2, 4), (2, 5, 3, 7))


def recalibrated(quantity: str, scale: float) -> Sensor:
    """Return a sensor that was given a scale, and an offset of -1, an hour after SINCE."""
    as_it_came = Epoch(since=from_ms(BEGIN_MS - HOUR_MS), scale=1.0, offset=0.0)
    anew = Epoch(since=from_ms(BEGIN_MS + HOUR_MS), scale=scale, offset=-1.0)
    return Sensor(quantity=quantity, epochs=[as_it_came, anew])


def test_what_is_turned_round_has_its_lowest_where_its_highest_was() -> None:
    correct = Correction(recalibrated("crack_width", -2.0))
    assert correct.trend(trend((2, 3, 2, 4))) == trend((2, -7, -9, -5))
    bar = Bar(BEGIN_MS + 2 * HOUR_MS, 3, 2, 4, 5, 1)
    assert correct.bar(bar) == bar._replace(value=-7, min=-9, max=-5)


def test_fallen_rain_has_a_scale_and_no_offset() -> None:
    late_ms = BEGIN_MS + 2 * HOUR_MS
    for quantity in ("rain_total", "rain_increment"):
        correct = Correction(recalibrated(quantity, 2.0))
        assert correct.trend(trend((1, 3, 2, 4), (2, 3, 2, 4))) == trend((1, 3, 2, 4), (2, 6, 4, 8))
        assert correct.fallen(late_ms, 3.0) == 6.0
    assert Correction(recalibrated("rain_total", 2.0))(late_ms, 3.0) == 5.0
    assert Correction(recalibrated("rain_increment", 2.0))(late_ms, 3.0) == 6.0


def test_rain_is_the_sum_of_the_hours_before() -> None:
    bars = [(BEGIN_MS + hour * HOUR_MS, float(hour)) for hour in range(-2, 6)]
    found = rain_line(bars, SINCE, SINCE + timedelta(hours=3), 2)
    sums = {1: 1, 2: 3, 3: 5, 4: 7}  # the hour that is growing ends after `until`
    assert [(spot.at_ms, spot.value) for spot in found.spots] == [
        (BEGIN_MS + hour * HOUR_MS, mm) for hour, mm in sums.items()
    ]
    coarse = rain_line(bars, SINCE, SINCE + timedelta(hours=4), 2, most=2)
    assert coarse.has_band
    assert [(spot.low, spot.high) for spot in coarse.spots] == [(1, 1), (3, 5), (7, 9)]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [(9, None), (10, 1.0), (25, 1.0), (40, 3.0), (60, 3.0), (91, None)],
)
def test_the_nearest_is_the_last_before_if_it_is_near(moment: float, expected: float) -> None:
    at, values = [10, 20, 30, 40], [1.0, None, None, 3.0]
    assert nearest(at, values, moment, within_s=50) == expected
