"""Rates: the least-squares slope over a window."""

import pytest

from models.rules import slope
from models.rules.judge import backtest, fresh_state, new_epoch, rewound
from tests.models.rules.build import HOUR, START, at, every, feed, rate, said, when


def test_a_steady_rise_at_the_limit_raises() -> None:
    # 0.25 mm every six hours is 1 mm a day; four readings span 18 hours.
    steps = backtest(rate(1.0), every(6, [0.0, 0.25, 0.5, 0.75]))

    assert when(steps) == [("raised", 18)]
    assert steps[0].value == pytest.approx(1.0)


def test_a_slower_rise_does_not() -> None:
    assert backtest(rate(1.0), every(6, [0.0, 0.249, 0.498, 0.747, 0.996])) == []


def test_fewer_than_four_readings_are_no_slope() -> None:
    assert backtest(rate(1.0), every(8, [0.0, 10.0, 20.0])) == []


def test_readings_over_less_than_half_the_window_are_no_slope() -> None:
    short = every(1, [float(value) for value in range(12)])

    assert backtest(rate(1.0), short) == []
    assert when(backtest(rate(1.0), [*short, at(12, 12.0)])) == [("raised", 12)]


def test_the_slope_forgets_what_lies_before_the_window() -> None:
    rise = every(6, [0.0, 1.0, 2.0, 3.0])
    calm = every(6, [3.0] * 5, since=24)

    steps = backtest(rate(1.0), [*rise, *calm])

    assert [to for to, _ in when(steps)] == ["raised", "cleared"]


def test_per_window_is_the_rise_over_one_window() -> None:
    rule = rate(5.0, per="window", window="12h", where={"quantity": "moisture_content"})

    (step,) = backtest(rule, every(3, [14.0, 15.3, 16.6, 17.9]))

    assert step.value == pytest.approx(5.2)
    assert step.reason.code == "rate.rise_reached"


def test_below_watches_a_fall() -> None:
    steps = backtest(rate(-1.0, direction="below"), every(6, [3.0, 2.5, 2.0, 1.5]))

    assert said(steps) == [("raised", "medium")]


def test_suspect_bad_and_missing_readings_are_no_points_of_the_line() -> None:
    steady = every(6, [1.0, 1.0, 1.0, 1.0])
    wild = [at(5, 99.0, 3), at(11, 99.0, 4), at(13, None), at(14, 99.0, 9)]

    assert backtest(rate(1.0), sorted([*steady, *wild])) == []


def test_a_jump_at_a_re_zero_is_no_speed() -> None:
    rule = rate(1.0)
    state = fresh_state(rule)
    feed(rule, state, every(6, [0.0] * 4))

    new_epoch(rule, state, START + 20 * HOUR)

    assert feed(rule, state, every(6, [9.0] * 6, since=24)) == []


def test_years_of_readings_leave_no_rounding_behind() -> None:
    rule = rate(1.0)
    state = fresh_state(rule)
    feed(rule, state, every(0.25, [(index % 7) / 10 for index in range(20_000)]))
    *flat, last = every(0.25, [0.3] * 98, since=5_000)

    feed(rule, state, flat)

    line = state.line  # type: ignore[attr-defined]
    _, rise = slope.followed(line, last.at_ms, 300_000, 24 * HOUR, 24 * HOUR)
    assert rise == 0.0


def test_a_very_fast_gauge_keeps_a_bounded_memory() -> None:
    rule = rate(1.0)
    state = fresh_state(rule)

    feed(rule, state, every(1 / 3600, [1.0] * 40_000))

    assert 1_300 < slope.count(state.line) <= 2_880  # type: ignore[attr-defined]


def test_a_fast_gauge_that_is_judged_again_keeps_its_pace() -> None:
    rule = rate(1.0)
    state = fresh_state(rule)
    feed(rule, state, every(1 / 3600, [1.0] * 100))
    until_ms = START + 50_000

    again = rewound(rule, state, until_ms, [])
    feed(rule, again, every(1 / 3600, [1.0] * 49, since=51 / 3600))

    assert again.line == state.line  # type: ignore[attr-defined]
