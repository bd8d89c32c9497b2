"""Rain sums: counters, increments, windows that run empty, and the fading index."""

import pytest

from models.rules.judge import Sample, State, backtest, fresh_state, new_epoch, on_tick
from models.rules.spec import Rule
from tests.models.rules.build import (
    DAY,
    HOUR,
    MINUTE,
    START,
    accumulation,
    at,
    every,
    feed,
    rule,
    said,
    when,
)


def rain(rule: Rule, samples: list[Sample]) -> tuple[State, list[tuple[str, float]]]:
    """Return the state and what was said, hour by hour."""
    state = fresh_state(rule)
    return state, when(feed(rule, state, samples))


def test_tips_that_add_up_to_the_limit_raise() -> None:
    # 125 tips of 0.2 mm are 25 mm, though 125 floats of 0.2 are not.
    totals = [round(0.2 * tips, 1) for tips in range(126)]

    _, steps = rain(accumulation("24h", 25), every(0.1, totals))

    assert [(to, round(hours, 3)) for to, hours in steps] == [("raised", 12.5)]


def test_the_first_total_is_a_beginning_and_no_rain() -> None:
    _, steps = rain(accumulation(), every(1, [812.4, 812.4]))

    assert steps == []


def test_a_fall_of_the_counter_re_bases_it() -> None:
    _, steps = rain(accumulation(), every(1, [800.0, 0.0, 10.0, 24.9]))

    assert steps == []


def test_a_repeated_total_credits_nothing() -> None:
    _, steps = rain(accumulation(), every(1, [0.0, 24.0, 24.0, 24.0]))

    assert steps == []


def test_increments_are_summed() -> None:
    rule = accumulation(where={"quantity": "rain_increment"})

    steps = backtest(rule, every(1, [10.0, 10.0, 5.0]))

    assert when(steps) == [("raised", 2)]


def test_a_rule_over_both_kinds_of_gauge_takes_the_sensors_own() -> None:
    rule = accumulation(where={"quantity": ["rain_total", "rain_increment"]})

    as_total = backtest(rule, every(1, [10.0, 10.0, 10.0]), "rain_total")
    as_increment = backtest(rule, every(1, [10.0, 10.0, 10.0]), "rain_increment")

    assert (said(as_total), said(as_increment)) == ([], [("raised", "low")])
    assert as_increment[0].reason.values["quantity"] == "rain_increment"


def test_rain_leaves_the_window_and_the_alert_clears_after_the_off_delay() -> None:
    rule = accumulation("3h", 10, off_delay="60min")

    _, steps = rain(rule, every(0.5, [0, 10] + [10] * 12))

    # The rain of hour 0.5 leaves at 3.5; below the limit from there for an hour.
    assert steps == [("raised", 0.5), ("cleared", 4.5)]


def test_the_window_is_open_at_its_beginning() -> None:
    rule = accumulation("2h", 10)

    _, steps = rain(rule, [at(0, 0), at(1, 10), at(2.99, 10), at(3, 10)])

    assert steps == [("raised", 1), ("cleared", 3)]


def test_on_the_tick_a_window_runs_empty_only_while_the_gauge_is_heard() -> None:
    rule = accumulation("3h", 10, off_delay="60min")
    silent, _ = rain(rule, every(0.5, [0, 10]))
    heard, _ = rain(rule, every(0.5, [0, 10]))

    over_silence = [
        on_tick(rule, silent, START + minute * MINUTE, START + HOUR // 2)
        for minute in range(30, 60 * 48)
    ]
    over_signs_of_life = [
        step
        for minute in range(30, 60 * 6)
        for step in on_tick(rule, heard, START + minute * MINUTE, START + minute * MINUTE)
    ]

    assert not any(over_silence)
    assert [(step.to, step.at_ms) for step in over_signs_of_life] == [
        ("cleared", START + round(4.5 * HOUR))
    ]


def test_a_credit_longer_than_the_window_does_not_raise_it_but_raises_a_longer_one() -> None:
    levels = [
        {"severity": "high", "window": "3h", "raise_at": 20},
        {"severity": "low", "window": "24h", "raise_at": 20},
    ]

    _, steps = rain(accumulation(levels=levels), [at(0, 0), at(6, 50)])

    assert steps == [("raised", 6)]


def test_a_credit_longer_than_the_window_keeps_an_alert_from_clearing() -> None:
    rule = accumulation("3h", 10)

    _, steps = rain(rule, [at(0, 0), at(1, 10), at(6, 30), at(8, 30), at(9, 30)])

    # Of the 20 mm between hours 1 and 6 all may have fallen after hour 5.
    assert steps == [("raised", 1), ("cleared", 9)]


def test_bad_totals_are_not_read_at_all() -> None:
    _, steps = rain(accumulation(), [at(0, 0), at(1, 400, 4), at(2, None), at(3, 5), at(4, 24.9)])

    assert steps == []


def test_a_questionable_total_raises_as_suspect() -> None:
    (step,) = backtest(accumulation(), [at(0, 0), at(1, 30, 3)])

    assert step.reason.code == "rain.sum_reached_suspect"


def test_a_new_counter_is_no_rain_and_forgets_none() -> None:
    rule = accumulation("24h", 25)
    state, _ = rain(rule, every(1, [0.0, 20.0]))

    new_epoch(rule, state, START + 2 * HOUR)
    steps = feed(rule, state, every(1, [300.0, 304.9, 305.0], since=2))

    assert when(steps) == [("raised", 4)]


def test_two_windows_of_one_severity_hold_it_together() -> None:
    levels = [
        {"severity": "low", "window": "12h", "raise_at": 15},
        {"severity": "low", "window": "24h", "raise_at": 25},
    ]

    _, steps = rain(accumulation(levels=levels), every(1, [0, 25] + [25] * 26))

    assert steps == [("raised", 1), ("cleared", 25)]


INDEX = {"decay": 0.85, "window": "7d", "deadband": 5, "off_delay": "24h"}


def index(raise_at: float = 60) -> Rule:
    """Return the antecedent index rule, as the defaults have it."""
    levels = [{"severity": "low", "raise_at": raise_at}]
    where = {"quantity": "rain_increment"}
    return rule("accumulation", {**INDEX, "where": where, "levels": levels})


def test_the_index_fades_by_the_day() -> None:
    # 30 + 0.85 * 30 + 0.85² * 30 = 77.175
    (step,) = backtest(index(77.175), every(24, [30.0, 30.0, 30.0]))

    assert step.value == pytest.approx(77.175)
    assert step.reason.code == "rain.index_reached"
    assert step.reason.values["days"] == 7


def test_one_storm_is_less_than_the_same_rain_after_a_wet_week() -> None:
    assert backtest(index(), every(24, [0.0] * 6 + [55.0])) == []
    assert said(backtest(index(), every(24, [10.0] * 6 + [55.0]))) == [("raised", "low")]


def test_the_index_clears_under_limit_less_deadband_for_the_off_delay() -> None:
    days = every(24, [60.0, 0, 0, 0])

    # 60, 51, 43.35: under 55 from the first day on, for 24 hours on the second.
    assert when(backtest(index(), days)) == [("raised", 0), ("cleared", 48)]


def test_rain_older_than_the_window_is_gone_from_the_index() -> None:
    rule, samples = index(100), every(24, [60.0] + [0.0] * 8)
    state = fresh_state(rule)

    feed(rule, state, samples)
    feed(rule, state, [at(24 * 9, 1.0)])

    assert state.windows[0].sums_um(START + 9 * DAY) == (1000, 1000)  # type: ignore[attr-defined]


def test_looking_often_does_not_change_the_index() -> None:
    samples = every(1, [(hour * 7) % 5 / 10 for hour in range(24 * 20)])
    rule = index(1)
    seldom, often = fresh_state(rule), fresh_state(rule)

    feed(rule, seldom, samples)
    for sample in samples:
        on_tick(rule, often, sample.at_ms - 1, sample.at_ms - 1)
        feed(rule, often, [sample])

    assert often.dump()[-1] == seldom.dump()[-1]
