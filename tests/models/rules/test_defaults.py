"""The default rules: complete, readable in both languages, and true to the Tianning pattern."""

import json

import pytest

from models.reasons import Json
from models.rules.defaults import DEFAULT_RULES
from models.rules.judge import backtest, fresh_state, on_term
from models.rules.parsing import parse_rule
from models.rules.spec import Combination
from tests.models.rules.build import START, at, every, said, when

SPECS = {spec["code"]: spec for spec in DEFAULT_RULES}
RULES = {code: parse_rule(spec, code) for code, spec in SPECS.items()}


def test_the_defaults_are_those_of_the_field_guide() -> None:
    assert list(RULES) == [
        "R1", "R2", "R3", "R4", "R5", "R6", "CRACK", "CRACK-RATE", "MOIST", "LEAK", "X1", "Q1",
        "Q2",
    ]  # fmt: skip


@pytest.mark.parametrize("code", RULES)
def test_a_rule_written_and_read_again_is_the_same(code: str) -> None:
    written = json.loads(json.dumps(RULES[code].to_json()))

    assert parse_rule(written) == RULES[code]
    assert parse_rule(written).to_json() == written


@pytest.mark.parametrize("spec", DEFAULT_RULES, ids=list(SPECS))
@pytest.mark.parametrize("text", ["name", "consequence", "operator_action", "respond_within"])
def test_every_default_says_what_it_means_and_what_to_do_in_both_languages(
    spec: Json, text: str
) -> None:
    assert set(spec[text]) == {"zh", "en"}
    assert all(spec[text].values())


def test_weather_grades_are_conditions_and_rain_that_needs_a_person_is_an_alert() -> None:
    assert [code for code, rule in RULES.items() if rule.condition] == ["R1", "R2", "R3", "R6"]


def test_every_rule_that_the_combination_names_exists_with_that_level() -> None:
    combination = RULES["X1"]
    assert isinstance(combination, Combination)

    for term in combination.condition_of.leaves():
        assert term.level in {level.severity for level in RULES[term.rule].levels}


@pytest.mark.parametrize(
    ("code", "hourly_mm", "expected"),
    [
        ("R1", [1.25] * 12, [("raised", 11)]),
        ("R1", [1.04] * 24, []),
        ("R1", [1.05] * 24, [("raised", 23)]),
        ("R2", [10.0] * 3, [("raised", 2)]),
        ("R3", [25.0] * 2, [("raised", 1)]),
        ("R4", [16.0] * 3, []),
        ("R4", [17.0] * 3, [("raised", 2)]),
        ("R5", [34.0] * 3, [("raised", 2)]),
    ],
)
def test_rain_rules_raise_at_their_sums(
    code: str, hourly_mm: list[float], expected: list[tuple[str, float]]
) -> None:
    steps = backtest(RULES[code], every(1, hourly_mm), "rain_increment")

    assert when(steps) == expected


def test_a_crack_climbs_through_its_levels_and_latches() -> None:
    quiet = every(0.25, [2.0] * 98)
    opening = every(0.25, [2.3, 2.3, 3.0, 3.0, 4.0, 4.0], since=24.5)
    closing = every(0.25, [2.0] * 30, since=26)

    steps = backtest(RULES["CRACK"], [*quiet, *opening, *closing])

    assert said(steps) == [
        ("raised", "low"),
        ("escalated", "medium"),
        ("escalated", "high"),
        ("latched", "high"),
    ]


def test_a_crack_that_opens_a_millimetre_a_day_is_critical() -> None:
    steps = backtest(RULES["CRACK-RATE"], every(1, [hour / 24 for hour in range(20)]))

    assert said(steps) == [("raised", "critical")]


def test_winter_damp_of_a_few_hours_is_no_alert_and_of_a_day_is() -> None:
    assert backtest(RULES["MOIST"], every(1, [21.0] * 24 + [18.0])) == []
    assert when(backtest(RULES["MOIST"], every(1, [21.0] * 25))) == [("raised", 24)]


def test_a_rise_of_five_points_in_a_day_is_a_leak() -> None:
    steps = backtest(RULES["LEAK"], every(3, [14, 14.7, 15.4, 16.1, 16.8, 17.5, 18.2]))

    assert said(steps) == [("raised", "medium")]


def test_a_low_battery_is_noticed_on_the_second_reading() -> None:
    steps = backtest(RULES["Q2"], [at(0, 30), at(1, 20), at(2, 19)], "battery_level")

    assert when(steps) == [("raised", 2)]


def test_soaked_and_moving_in_one_zone_is_the_pattern_of_tianning() -> None:
    state = fresh_state(RULES["X1"])
    on_term(RULES["X1"], state, "R6", "sensor:tianning/R-01", "low", START)

    steps = on_term(RULES["X1"], state, "CRACK", "sensor:tianning/C-07", "low", START + 1)

    assert said(steps) == [("raised", "high")]
