"""Silence: three intervals and a tick, and only good readings end it."""

import pytest

from models.rules.judge import fresh_state, on_tick, silence_due_ms, stale_due_ms
from tests.models.rules.build import MINUTE, START, at, feed, rule, said

SILENCE = rule("silence", {"where": {}, "severity": "low", "off_delay": "2 samples"})
INTERVAL_S = 900


def test_unknown_is_due_three_intervals_and_a_tick_after_the_last_word() -> None:
    assert silence_due_ms(900, START) == START + 46 * MINUTE
    assert stale_due_ms(900, START) == START + 30 * MINUTE


def test_a_will_message_starts_the_tick_of_grace_at_once() -> None:
    assert silence_due_ms(900, START, gone_ms=START + 5 * MINUTE) == START + 6 * MINUTE


def test_a_will_that_came_before_the_last_word_means_nothing() -> None:
    assert silence_due_ms(900, START, gone_ms=START - 1) == START + 46 * MINUTE


def test_time_in_which_nobody_listened_does_not_count() -> None:
    assert silence_due_ms(900, START, deaf_ms=10 * MINUTE) == START + 56 * MINUTE


@pytest.mark.parametrize(("minutes", "severity"), [(45, None), (46, "low")])
def test_the_first_tick_at_or_after_it_raises(minutes: int, severity: str | None) -> None:
    state = fresh_state(SILENCE)
    feed(SILENCE, state, [at(0, 1.0)])

    on_tick(SILENCE, state, START + minutes * MINUTE, START, interval_s=INTERVAL_S)

    assert state.verdict.severity == severity


def test_a_silence_is_raised_once_and_says_since_when() -> None:
    state = fresh_state(SILENCE)

    first = on_tick(SILENCE, state, START + 50 * MINUTE, START, interval_s=INTERVAL_S)
    second = on_tick(SILENCE, state, START + 51 * MINUTE, START, interval_s=INTERVAL_S)

    assert said(first) == [("raised", "low")]
    assert first[0].observed_ms == START
    assert first[0].reason.values["since"] == "2022-03-14T00:00:00Z"
    assert second == []


def test_two_good_readings_end_it_and_one_does_not() -> None:
    state = fresh_state(SILENCE)
    on_tick(SILENCE, state, START + 50 * MINUTE, START, interval_s=INTERVAL_S)

    steps = feed(SILENCE, state, [at(1, 1.0)])
    more = feed(SILENCE, state, [at(1.25, 1.0)])

    assert (steps, said(more)) == ([], [("cleared", "low")])


def test_a_silence_between_the_two_readings_starts_the_count_anew() -> None:
    state = fresh_state(SILENCE)
    on_tick(SILENCE, state, START + 50 * MINUTE, START, interval_s=INTERVAL_S)
    feed(SILENCE, state, [at(1, 1.0)])

    on_tick(SILENCE, state, START + 180 * MINUTE, None, interval_s=INTERVAL_S)

    assert feed(SILENCE, state, [at(4, 1.0)]) == []
    assert said(feed(SILENCE, state, [at(4.25, 1.0)])) == [("cleared", "low")]


def test_bad_readings_are_heard_but_end_nothing() -> None:
    state = fresh_state(SILENCE)
    on_tick(SILENCE, state, START + 50 * MINUTE, START, interval_s=INTERVAL_S)

    assert feed(SILENCE, state, [at(1, 1.0, 4), at(1.25, None), at(1.5, 1.0, 9)]) == []


def test_a_late_reading_counts_from_its_arrival() -> None:
    state = fresh_state(SILENCE)
    late = at(0, 1.0)._replace(arrived_ms=START + 120 * MINUTE)
    feed(SILENCE, state, [late])

    steps = on_tick(SILENCE, state, START + 150 * MINUTE, None, interval_s=INTERVAL_S)

    assert steps == []


def test_a_sensor_never_heard_is_not_silent() -> None:
    state = fresh_state(SILENCE)

    assert on_tick(SILENCE, state, START, None, interval_s=INTERVAL_S) == []
