"""Thresholds: limits, deadbands, delays, latches, and change from a baseline."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.rules.judge import (
    Sample,
    backtest,
    fresh_state,
    new_epoch,
    on_sample,
    on_tick,
)
from tests.models.rules.build import DAY, HOUR, START, at, every, feed, said, threshold, when

LEVELS = [
    {"severity": "low", "raise_at": 1},
    {"severity": "medium", "raise_at": 2},
    {"severity": "high", "raise_at": 3},
]
CHANGE: dict[str, Any] = {"of": "change", "baseline": {"of": "median", "over": "24h"}}


def test_a_value_equal_to_the_limit_raises() -> None:
    steps = backtest(threshold(5.0), every(1, [4.999, 5.0]))

    assert when(steps) == [("raised", 1)]


def test_a_value_equal_to_limit_less_deadband_does_not_clear_but_one_under_it_does() -> None:
    rule = threshold(2.0, deadband=0.2)

    steps = backtest(rule, every(1, [2.0, 1.8, 1.79]))

    assert when(steps) == [("raised", 0), ("cleared", 2)]


def test_without_a_deadband_the_limit_itself_keeps_an_alert() -> None:
    steps = backtest(threshold(5.0), every(1, [5.0, 5.0, 4.99]))

    assert when(steps) == [("raised", 0), ("cleared", 2)]


def test_a_step_says_what_decided_it_and_when() -> None:
    late = Sample(START, 6.5, 1, START + 600_000)

    (step,) = backtest(threshold(5.0), [late])

    assert (step.at_ms, step.observed_ms, step.value, step.limit, step.level) == (
        START + 600_000,
        START,
        6.5,
        5.0,
        0,
    )
    assert step.reason.to_json() == {
        "code": "threshold.value_reached",
        "values": {
            "quantity": "crack_width",
            "value": 6.5,
            "limit": 5,
            "unit": "mm",
            "since": "2022-03-14T00:00:00Z",
        },
    }


def test_one_spike_does_not_raise_where_two_samples_are_asked_for() -> None:
    steps = backtest(threshold(5.0, on_delay="2 samples"), every(1, [9, 1, 9, 1, 9]))

    assert steps == []


def test_two_samples_in_a_row_raise_on_the_second() -> None:
    steps = backtest(threshold(5.0, on_delay="2 samples"), every(1, [9, 1, 5, 5]))

    assert when(steps) == [("raised", 3)]


def test_an_on_delay_wants_readings_over_the_limit_that_span_it() -> None:
    steps = backtest(threshold(5.0, on_delay="6h"), every(2, [5, 5, 5, 5]))

    assert when(steps) == [("raised", 6)]


def test_an_off_delay_wants_good_readings_that_span_it() -> None:
    steps = backtest(threshold(5.0, off_delay="6h"), every(2, [5, 1, 1, 1, 1]))

    assert when(steps) == [("raised", 0), ("cleared", 8)]


def test_a_reading_inside_the_deadband_starts_the_off_delay_anew() -> None:
    rule = threshold(5.0, deadband=1, off_delay="4h")

    steps = backtest(rule, every(2, [5, 1, 4.5, 1, 1, 1]))

    assert when(steps) == [("raised", 0), ("cleared", 10)]


def test_time_alone_never_clears() -> None:
    rule = threshold(5.0, off_delay="6h")
    state = fresh_state(rule)
    feed(rule, state, every(1, [9, 1]))

    steps = on_tick(rule, state, START + 30 * DAY, START + 30 * DAY)

    assert steps == []
    assert state.verdict.severity == "low"


def test_time_alone_never_raises() -> None:
    rule = threshold(5.0, on_delay="6h")
    state = fresh_state(rule)
    feed(rule, state, [at(0, 9)])

    assert on_tick(rule, state, START + DAY, START) == []


def test_bad_missing_and_unbelievable_readings_neither_raise_nor_clear() -> None:
    rule = threshold(5.0)
    nothing = [at(0, 9, 4), at(1, 9, 9), at(2, None, 1)]
    healed = [at(4, 1, 4), at(5, 1, 9), at(6, None, 1)]

    steps = backtest(rule, [*nothing, at(3, 9), *healed])

    assert when(steps) == [("raised", 3)]


def test_bad_readings_are_no_evidence_in_a_delay_but_do_not_break_it() -> None:
    rule = threshold(5.0, on_delay="2 samples", off_delay="2 samples")

    steps = backtest(rule, [at(0, 9), at(1, 1, 4), at(2, 9), at(3, 1), at(4, 9, 4), at(5, 1)])

    assert when(steps) == [("raised", 2), ("cleared", 5)]


def test_a_questionable_reading_raises_and_says_so() -> None:
    (step,) = backtest(threshold(5.0), [at(0, 9, 3)])

    assert step.reason.code == "threshold.value_reached_suspect"
    assert step.reason.values["suspect"] is True


def test_a_questionable_reading_does_not_clear() -> None:
    steps = backtest(threshold(5.0), [at(0, 9), at(1, 1, 3), at(2, 1, 3)])

    assert said(steps) == [("raised", "low")]


def test_a_questionable_reading_over_the_limit_breaks_an_off_delay() -> None:
    rule = threshold(5.0, off_delay="2 samples")

    steps = backtest(rule, [at(0, 9), at(1, 1), at(2, 9, 3), at(3, 1), at(4, 1)])

    assert when(steps) == [("raised", 0), ("cleared", 4)]


def test_an_unevaluated_reading_counts_as_good() -> None:
    steps = backtest(threshold(5.0), [at(0, 9, 2), at(1, 1, 2)])

    assert said(steps) == [("raised", "low"), ("cleared", "low")]


def test_a_reading_not_newer_than_the_newest_judged_changes_nothing() -> None:
    steps = backtest(threshold(5.0), [at(2, 1), at(2, 9), at(1, 9)])

    assert steps == []


def test_below_raises_at_or_under_and_clears_over_limit_plus_deadband() -> None:
    rule = threshold(20, direction="below", deadband=5)

    steps = backtest(rule, every(1, [21, 20, 25, 25.1]))

    assert when(steps) == [("raised", 1), ("cleared", 3)]
    assert steps[0].reason.code == "threshold.value_undercut"


def test_a_verdict_climbs_and_comes_down_level_by_level() -> None:
    rule = threshold(levels=LEVELS)

    steps = backtest(rule, every(1, [1, 2, 3, 2, 1, 0]))

    assert said(steps) == [
        ("raised", "low"),
        ("escalated", "medium"),
        ("escalated", "high"),
        ("lowered", "medium"),
        ("lowered", "low"),
        ("cleared", "low"),
    ]


def test_a_jump_over_several_levels_is_one_step() -> None:
    steps = backtest(threshold(levels=LEVELS), every(1, [9, 0]))

    assert said(steps) == [("raised", "high"), ("cleared", "high")]


def test_what_has_latched_is_told_at_the_end_of_milder_episodes_too() -> None:
    """Whether a person has reset it meanwhile, only the alert knows."""
    levels = [*LEVELS[:2], {**LEVELS[2], "latch": True}]

    steps = backtest(threshold(levels=levels), every(1, [3, 0, 1, 0]))

    assert said(steps) == [
        ("raised", "high"), ("latched", "high"), ("raised", "low"), ("latched", "high"),
    ]  # fmt: skip


def test_a_latched_level_lowers_while_a_milder_one_holds() -> None:
    levels = [*LEVELS[:2], {**LEVELS[2], "latch": True}]

    steps = backtest(threshold(levels=levels), every(1, [3, 1.5, 0]))

    assert said(steps) == [("raised", "high"), ("lowered", "low"), ("latched", "high")]


def test_several_levels_of_one_severity_hold_it_together() -> None:
    levels = [
        {"severity": "low", "raise_at": 5, "on_delay": "2 samples"},
        {"severity": "low", "raise_at": 8},
    ]

    steps = backtest(threshold(levels=levels), every(1, [9, 6, 6, 1]))

    # The second level ends with the reading that makes the first one hold.
    assert when(steps) == [("raised", 0), ("cleared", 3)]


def test_change_is_counted_from_the_median_of_the_first_day() -> None:
    learning = every(6, [2.0, 2.1, 9.9, 1.9, 2.0])

    steps = backtest(threshold(0.3, **CHANGE), [*learning, at(25, 2.29), at(26, 2.3)])

    assert when(steps) == [("raised", 26)]
    assert steps[0].value == 0.3
    assert steps[0].reason.values["baseline"] == 2.0
    assert steps[0].reason.values["reading"] == 2.3


def test_while_learning_change_does_not_raise() -> None:
    rule = threshold(0.3, **CHANGE)
    state = fresh_state(rule)

    steps = feed(rule, state, every(6, [1, 5, 9, 13, 17]))

    assert steps == []
    assert state.learning


def test_the_baseline_needs_good_readings() -> None:
    rule = threshold(0.3, **CHANGE)
    state = fresh_state(rule)

    feed(rule, state, [at(0, 9, 3), at(20, 9, 4), at(30, 2), at(40, 2), at(60, 2.31)])

    assert state.verdict.severity == "low"


def test_a_given_baseline_is_used_at_once() -> None:
    rule = threshold(0.3, of="change", baseline={"value": 5.0})

    # 5.3 - 5.0 is 0.2999999999999998 in floats.
    assert when(backtest(rule, [at(0, 5.3)])) == [("raised", 0)]


def test_a_step_at_a_re_zero_does_not_raise() -> None:
    rule = threshold(0.3, **CHANGE)
    state = fresh_state(rule)
    feed(rule, state, every(6, [2.0] * 6))

    new_epoch(rule, state, START + 35 * HOUR)
    steps = feed(rule, state, every(6, [7.0] * 10, since=36))

    assert steps == []


def test_a_held_alert_outlives_a_re_zero_until_the_new_baseline_knows_better() -> None:
    rule = threshold(0.3, **CHANGE)
    state = fresh_state(rule)
    feed(rule, state, every(6, [2.0] * 6 + [3.0]))

    new_epoch(rule, state, START + 37 * HOUR)
    learning = feed(rule, state, every(6, [0.0] * 5, since=38))
    known = feed(rule, state, [at(63, 0.0)])

    assert learning == []
    assert said(known) == [("cleared", "low")]


RAW: dict[str, Any] = {
    **CHANGE,
    "levels": [
        {"severity": "low", "raise_at": 0.3},
        {"severity": "high", "raise_at": 5.0, "of": "value"},
    ],
}


def test_a_level_of_the_plain_value_is_armed_while_the_baseline_is_learnt() -> None:
    steps = backtest(threshold(**RAW), every(1, [4.0, 5.0]))

    assert [(step.to, step.severity, step.value) for step in steps] == [("raised", "high", 5.0)]


def test_a_crack_that_was_wide_from_the_first_does_not_cross_the_plain_limit() -> None:
    rule = threshold(**RAW)

    assert backtest(rule, every(1, [6.0, 6.1, 6.2])) == []
    assert said(backtest(rule, every(1, [6.0, 4.0, 6.0]))) == [("raised", "high")]


def test_a_fast_gauge_learns_without_remembering_every_reading() -> None:
    rule = threshold(0.3, **CHANGE)
    state = fresh_state(rule)

    feed(rule, state, every(1 / 360, [2.0] * 8_641))
    steps = feed(rule, state, [at(25, 2.31)])

    assert said(steps) == [("raised", "low")]


@given(st.lists(st.floats(4.0, 5.9), max_size=60))
def test_any_chatter_inside_the_deadband_makes_at_most_one_episode(values: list[float]) -> None:
    steps = backtest(threshold(5.0, deadband=1.0), every(1, values))

    assert said(steps) in ([], [("raised", "low")])


@given(st.lists(st.tuples(st.floats(-2, 8), st.sampled_from([1, 2, 3, 4, 9])), max_size=60))
def test_steps_always_tell_a_possible_story(readings: list[tuple[float, int]]) -> None:
    rule = threshold(levels=LEVELS, deadband=0.5, on_delay="2 samples", off_delay="2h")

    rank = 0
    for step in backtest(rule, [at(i, value, flag) for i, (value, flag) in enumerate(readings)]):
        before, rank = rank, {"low": 1, "medium": 2, "high": 3}[step.severity]
        assert {
            "raised": before == 0,
            "escalated": 0 < before < rank,
            "lowered": 0 < rank < before,
            "cleared": rank == before,
        }[step.to]
        rank = 0 if step.to == "cleared" else rank


def test_far_below_the_limit_a_reading_is_judged_without_a_trace() -> None:
    rule = threshold(5.0)
    state = fresh_state(rule)

    assert on_sample(rule, state, at(0, 1.0)) is on_sample(rule, state, at(1, 1.0))
