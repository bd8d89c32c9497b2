"""Rain by itself: credits, grades and episodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.episode import Episode, Spell, episodes
from models.rules.rain import Credit, Gauge, Window, grade
from tests.models.rules.build import HOUR, MINUTE, START


def tip(hours: float, mm: float, span_minutes: float = 5) -> Credit:
    """Return rain that ended so many hours after START."""
    until_ms = START + round(hours * HOUR)
    return Credit(until_ms - round(span_minutes * MINUTE), until_ms, round(mm * 1000))


@pytest.mark.parametrize(
    ("mm", "hours", "expected"),
    [
        (0.0, 24, "trace"),
        (0.1, 24, "light"),
        (9.9, 24, "light"),
        (10.0, 24, "moderate"),
        (25.0, 24, "heavy"),
        (50.0, 24, "storm"),
        (100.0, 24, "severe"),
        (249.9, 24, "severe"),
        (250.0, 24, "extreme"),
        (4.9, 12, "light"),
        (5.0, 12, "moderate"),
        (15.0, 12, "heavy"),
        (30.0, 12, "storm"),
        (70.0, 12, "severe"),
        (140.0, 12, "extreme"),
    ],
)
def test_grades_are_those_of_gb_t_28592(mm: float, hours: int, expected: str) -> None:
    assert grade(mm, hours) == expected


def test_a_rise_is_credited_to_the_time_since_the_previous_total() -> None:
    gauge = Gauge()
    gauge.read(START, 812.4)

    assert gauge.read(START + HOUR, 814.0) == Credit(START, START + HOUR, 1600)


def test_a_fall_credits_nothing_and_the_next_rise_counts_from_there() -> None:
    gauge = Gauge()
    gauge.read(START, 812.4)

    assert gauge.read(START + HOUR, 0.2) is None
    assert gauge.read(START + 2 * HOUR, 0.6) == Credit(START + HOUR, START + 2 * HOUR, 400)


def test_an_increment_is_credited_to_its_own_instant() -> None:
    gauge = Gauge(counter=False)

    assert gauge.read(START, 0.0) is None
    assert gauge.read(START + HOUR, 3.2) == Credit(START + HOUR, START + HOUR, 3200)


@given(st.lists(st.integers(0, 300), max_size=40))
def test_credits_of_a_counter_add_up_to_its_rise(tips: list[int]) -> None:
    gauge, total, credited = Gauge(), 0, 0
    gauge.read(START, 0.0)
    for index, more in enumerate(tips, 1):
        total += more
        credit = gauge.read(START + index * MINUTE, total * 0.254)
        credited += credit.um if credit else 0

    assert credited == total * 254


@given(st.lists(st.tuples(st.integers(1, 600), st.integers(1, 50)), max_size=60))
def test_a_window_holds_what_a_plain_sum_would(rains: list[tuple[int, int]]) -> None:
    window, credits, minutes = Window(6 * HOUR), [], 0
    for step, um in rains:
        minutes += step
        credits.append(Credit(START + (minutes - 5) * MINUTE, START + minutes * MINUTE, um))
        window.add(credits[-1])
        window.look(START + minutes * MINUTE)

    since_ms = START + minutes * MINUTE - 6 * HOUR
    assert window.um == sum(credit.um for credit in credits if credit.until_ms > since_ms)


def test_an_episode_runs_from_the_first_rain_to_the_last_before_six_dry_hours() -> None:
    rains = [tip(1, 2.0), tip(3, 3.0), tip(8, 1.0), tip(14.2, 4.0)]

    first, second = episodes({"R-01": rains}, START + 21 * HOUR)

    assert (first.began_ms, first.last_ms) == (rains[0].since_ms, rains[2].until_ms)
    assert (first.ended, second.ended) == (True, True)
    assert second.began_ms == rains[3].since_ms


def test_an_episode_runs_on_while_six_dry_hours_are_not_heard_of() -> None:
    spell = Spell()
    spell.on_credit("R-01", tip(1, 2.0))

    assert spell.on_heard(START + 6 * HOUR) == []
    assert spell.weather(START + 9 * HOUR, stale_after_ms=HOUR) == "unknown"
    assert [one.ended for one in spell.on_heard(START + 7 * HOUR)] == [True]
    assert spell.weather(START + 7 * HOUR, stale_after_ms=HOUR) == "dry"


def test_without_any_gauge_the_weather_is_unknown() -> None:
    assert Spell().weather(START, stale_after_ms=HOUR) == "unknown"


def test_rain_within_a_long_gap_goes_on_with_the_episode_before_it() -> None:
    rains = [tip(1, 2.0), tip(12, 5.0, span_minutes=11 * 60)]

    (only,) = episodes({"R-01": rains}, START + 13 * HOUR)

    assert not only.ended


def test_an_episode_that_begins_within_a_long_gap_begins_where_it_was_read() -> None:
    (only,) = episodes({"R-01": [tip(12, 5.0, span_minutes=11 * 60)]}, START + 13 * HOUR)

    assert only.began_ms == START + 12 * HOUR


def test_the_greatest_sums_are_of_the_gauge_that_caught_most_never_of_two() -> None:
    credits = {"R-01": [tip(1, 8.0), tip(4, 9.0)], "R-02": [tip(1, 10.0), tip(4, 1.0)]}

    (only,) = episodes(credits, START + 5 * HOUR)

    assert [only.greatest_mm(hours) for hours in (1, 3, 6, 12, 24)] == [10, 10, 17, 17, 17]
    assert only.gauges == ("R-01", "R-02")
    assert (only.grade(12), only.grade(24)) == ("heavy", "moderate")


def test_an_episode_reaches_a_grade_by_either_table() -> None:
    (only,) = episodes({"R-01": [tip(1, 17.0)]}, START + 2 * HOUR)

    assert only.at_least("heavy")
    assert not only.at_least("storm")


def test_the_next_episode_has_its_own_sums() -> None:
    rains = [tip(1, 20.0), tip(9, 1.0)]

    _, second = episodes({"R-01": rains}, START + 9 * HOUR)

    assert second.greatest_mm(24) == 1.0


@given(
    st.lists(st.tuples(st.integers(1, 900), st.integers(1, 9), st.sampled_from("ab")), max_size=40),
    st.integers(0, 40),
)
def test_a_spell_that_is_stored_and_loaded_goes_on_the_same(
    rains: list[tuple[int, int, str]], cut: int
) -> None:
    def run(interrupted: bool) -> list[Episode]:
        spell, minutes, found = Spell(), 0, []
        for index, (step, mm, gauge) in enumerate(rains):
            if interrupted and index == cut:
                spell = Spell.load(spell.dump())
            minutes += step
            found += spell.on_credit(gauge, tip(minutes / 60, mm))
        return found

    assert run(interrupted=True) == run(interrupted=False)
