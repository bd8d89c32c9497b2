"""Specs of rules: what is understood, what is refused and with which path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadInput
from models.rules.durations import HOUR_MS, Delay, parse_delay, parse_span, span_text
from models.rules.parsing import parse_rule
from models.rules.spec import Threshold
from tests.models.rules.build import accumulation, rule, threshold

# The example of the contract, as it stands in the registry file.
CRACK = {
    "code": "CRACK",
    "kind": "threshold",
    "where": {"quantity": "crack_width", "sites": ["tianning"], "sensors": None},
    "of": "change",
    "baseline": {"of": "median", "over": "24h"},
    "levels": [
        {"severity": "low", "raise_at": 0.3},
        {"severity": "medium", "raise_at": 1.0},
        {"severity": "high", "raise_at": 2.0, "latch": True},
    ],
    "deadband": 0.2,
    "on_delay": "2 samples",
    "off_delay": "6h",
}


def faults(spec: Any, where: str = "") -> list[tuple[str, str]]:
    """Return (path, code) of every fault in a spec."""
    with pytest.raises(BadInput) as refused:
        parse_rule(spec, where)
    return [(fault.where, fault.reason.code) for fault in refused.value.faults]


def test_the_example_of_the_contract_is_understood() -> None:
    rule = parse_rule(CRACK)

    assert isinstance(rule, Threshold)
    assert rule.levels[0].on_delay == Delay(samples=2)
    assert rule.levels[1].off_delay == Delay(ms=6 * HOUR_MS)
    assert [level.latch for level in rule.levels] == [False, False, True]
    assert [level.deadband for level in rule.levels] == [0.2, 0.2, 0.2]


def test_a_level_may_have_its_own_deadband_delays_and_latch() -> None:
    own = {"deadband": 0.5, "on_delay": "0", "off_delay": "2d", "latch": True}
    levels = [{"severity": "low", "raise_at": 1, **own}, {"severity": "high", "raise_at": 2}]

    first, second = parse_rule({**CRACK, "levels": levels}).levels

    assert (first.deadband, str(first.on_delay), str(first.off_delay)) == (0.5, "0", "48h")
    assert (second.deadband, str(second.on_delay), str(second.off_delay)) == (
        0.2,
        "2 samples",
        "6h",
    )


def test_where_covers_sensors_by_code_or_with_their_site() -> None:
    where = {"quantity": "crack_width", "sites": ["a", "b"], "sensors": ["C-1", "b/C-2"]}

    covers = threshold(where=where).where.covers

    assert covers("crack_width", "a", "C-1")
    assert covers("crack_width", "b", "C-2")
    assert not covers("crack_width", "a", "C-2")
    assert not covers("crack_width", "c", "C-1")
    assert not covers("tilt", "a", "C-1")


def test_what_is_open_covers_everything() -> None:
    silence = rule("silence", {"where": {}, "severity": "low"})

    assert silence.where.covers("tilt", "a", "X")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"code": None}, ("code", "rule.field_missing")),
        ({"code": 7}, ("code", "rule.not_a_text")),
        ({"code": "X" * 41}, ("code", "rule.code_too_long")),
        ({"kind": "magic"}, ("kind", "rule.choice_unknown")),
        ({"kind": ["threshold"]}, ("kind", "rule.choice_unknown")),
        ({"kind": None}, ("kind", "rule.field_missing")),
        ({"dedband": 0.1}, ("dedband", "rule.field_unknown")),
        ({"where": {"quantity": "crack"}}, ("where.quantity", "rule.choice_unknown")),
        ({"where": {"quantity": None}}, ("where.quantity", "rule.field_missing")),
        ({"where": {"quantity": ["tilt", "strain"]}}, ("where.quantity", "rule.units_differ")),
        ({"where": {"quantity": "tilt", "site": ["a"]}}, ("where.site", "rule.field_unknown")),
        ({"where": {"quantity": "tilt", "sites": [3]}}, ("where.sites", "rule.not_texts")),
        ({"where": ["tilt"]}, ("where", "rule.not_a_mapping")),
        ({"levels": []}, ("levels", "rule.levels_missing")),
        ({"levels": {"low": 3}}, ("levels", "rule.not_a_list")),
        ({"levels": ["low"]}, ("levels[0]", "rule.not_a_mapping")),
        ({"levels": [{"severity": "low"}]}, ("levels[0].raise_at", "rule.field_missing")),
        ({"deadband": -0.1}, ("deadband", "rule.number_out_of_range")),
        ({"deadband": "0.1"}, ("deadband", "rule.not_a_number")),
        ({"deadband": True}, ("deadband", "rule.not_a_number")),
        ({"deadband": float("nan")}, ("deadband", "rule.not_a_number")),
        ({"deadband": 10**400}, ("deadband", "rule.not_a_number")),
        ({"on_delay": "soon"}, ("on_delay", "rule.not_a_delay")),
        ({"on_delay": -3}, ("on_delay", "rule.not_a_delay")),
        ({"off_delay": "24 hours ago"}, ("off_delay", "rule.not_a_delay")),
        ({"latch": "yes"}, ("latch", "rule.not_a_flag")),
        ({"condition": 1}, ("condition", "rule.not_a_flag")),
        ({"of": "speed"}, ("of", "rule.choice_unknown")),
        ({"direction": "up"}, ("direction", "rule.choice_unknown")),
        ({"baseline": {"over": "0"}}, ("baseline.over", "rule.not_a_span")),
        ({"baseline": {"of": "mean"}}, ("baseline.of", "rule.choice_unknown")),
        ({"of": "value"}, ("baseline", "rule.baseline_without_change")),
        ({"name": {"fr": "fissure"}}, ("name", "rule.not_a_name")),
        ({"name": {"zh": ""}}, ("name", "rule.not_a_name")),
        ({"window": "24h"}, ("window", "rule.field_unknown")),
    ],
)
def test_each_fault_names_its_field(change: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in faults({**CRACK, **change})


def test_all_faults_are_told_at_once_under_the_path_of_the_rule() -> None:
    levels = [{"severity": "low", "raise_at": "x"}, {"severity": "red", "raise_at": 1}]

    found = faults({**CRACK, "levels": levels, "deadband": -1}, "rules[3]")

    assert sorted(found) == [
        ("rules[3].deadband", "rule.number_out_of_range"),
        ("rules[3].levels[0].raise_at", "rule.not_a_number"),
        ("rules[3].levels[1].severity", "rule.choice_unknown"),
    ]


def test_what_is_no_mapping_is_one_fault_at_its_place() -> None:
    assert ("rules[0]", "rule.not_a_mapping") in faults("CRACK", "rules[0]")


def test_a_severer_level_that_is_easier_to_reach_is_a_fault() -> None:
    levels = [{"severity": "high", "raise_at": 1}, {"severity": "low", "raise_at": 2}]

    assert faults({**CRACK, "levels": levels}) == [("levels[0].raise_at", "rule.limits_cross")]


def test_below_turns_the_order_of_limits_round() -> None:
    levels = [{"severity": "low", "raise_at": 20}, {"severity": "high", "raise_at": 10}]

    assert threshold(levels=levels, direction="below").levels[1].raise_at == 10


def test_limits_of_different_windows_are_not_compared() -> None:
    levels = [
        {"severity": "low", "window": "24h", "raise_at": 25},
        {"severity": "medium", "window": "3h", "raise_at": 20},
    ]

    assert len(accumulation(levels=levels).levels) == 2


def test_accumulation_is_for_rain_and_needs_a_window() -> None:
    spec = {"code": "R", "kind": "accumulation", "levels": [{"severity": "low", "raise_at": 1}]}

    assert faults(spec) == [("levels[0].window", "rule.field_missing")]
    assert faults({**spec, "window": "1h", "where": {"quantity": "tilt"}}) == [
        ("where.quantity", "rule.not_rain")
    ]
    assert faults({**spec, "window": "1h", "decay": 0.9}) == [
        ("levels[0].window", "rule.window_too_short_to_fade")
    ]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, ("all", "rule.terms_missing")),
        ({"all": []}, ("all", "rule.terms_missing")),
        ({"all": [{"rule": "A"}], "any": [{"rule": "B"}]}, ("all", "rule.terms_missing")),
        ({"all": [{"level": "low"}]}, ("all[0].rule", "rule.field_missing")),
        ({"any": [{"rule": "A", "level": "red"}]}, ("any[0].level", "rule.choice_unknown")),
        (
            {"any": [{"all": [{"rule": "A", "lvl": 1}]}]},
            ("any[0].all[0].lvl", "rule.field_unknown"),
        ),
        ({"all": [{"rule": "A"}], "within": "x"}, ("within", "rule.not_a_span")),
        ({"all": [{"rule": "A"}], "over": "moon"}, ("over", "rule.choice_unknown")),
    ],
)
def test_faults_of_combinations(terms: dict[str, Any], expected: tuple[str, str]) -> None:
    spec = {"code": "X", "kind": "combination", "severity": "high", **terms}

    assert expected in faults(spec)


def test_terms_nested_without_end_are_refused() -> None:
    terms: dict[str, Any] = {"rule": "A"}
    for _ in range(500):
        terms = {"all": [terms]}

    found = faults({"code": "X", "kind": "combination", "severity": "high", **terms})

    assert [code for _, code in found] == ["rule.terms_too_deep"]


@pytest.mark.parametrize(
    ("text", "span_ms"),
    [
        ("24h", 24 * HOUR_MS),
        ("7d", 168 * HOUR_MS),
        ("60min", HOUR_MS),
        ("90 s", 90_000),
        ("0.5h", HOUR_MS // 2),
        ("0", 0),
        (0, 0),
        ("", None),
        ("h", None),
        ("-1h", None),
        ("1e9d", None),
        ("99999d", None),
        (3, None),
        (None, None),
        (False, None),
    ],
)
def test_spans_are_read_as_people_write_them(text: object, span_ms: int | None) -> None:
    assert parse_span(text) == span_ms


@given(st.integers(0, 400 * 24 * HOUR_MS))
def test_a_span_that_is_written_is_read_back(span_ms: int) -> None:
    assert parse_span(span_text(span_ms)) == span_ms


@pytest.mark.parametrize("text", ["2 samples", "1 sample", "6h", "0", "90s"])
def test_a_delay_that_is_written_is_read_back(text: str) -> None:
    delay = parse_delay(text)

    assert delay is not None
    assert parse_delay(str(delay)) == delay
