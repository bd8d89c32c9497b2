"""Combinations: verdicts of other rules that come together in one zone within a span."""

from models.rules.judge import State, Step, fresh_state, on_term, on_tick
from tests.models.rules.build import HOUR, START, rule, said

X1 = rule(
    "combination",
    {
        "where": {},
        "within": "72h",
        "all": [
            {"any": [{"rule": "R2", "level": "medium"}, {"rule": "R6"}]},
            {"any": [{"rule": "CRACK", "level": "low"}, {"rule": "LEAK", "level": "medium"}]},
        ],
        "levels": [{"severity": "high", "latch": True}],
    },
)
GAUGE, CRACK = "sensor:tianning/R-01", "sensor:tianning/C-07"


def tell(state: State, code: str, subject: str, severity: str | None, hours: float) -> list[Step]:
    """Tell X1 what a rule holds, so many hours after START."""
    return on_term(X1, state, code, subject, severity, START + round(hours * HOUR))


def tick(state: State, hours: float) -> list[Step]:
    """Let time pass until so many hours after START."""
    return on_tick(X1, state, START + round(hours * HOUR))


def test_either_alone_is_not_enough() -> None:
    state = fresh_state(X1)

    assert tell(state, "R2", GAUGE, "medium", 0) == []
    assert tell(state, "R6", GAUGE, "low", 1) == []


def test_both_together_raise() -> None:
    state = fresh_state(X1)
    tell(state, "R2", GAUGE, "medium", 0)

    (step,) = tell(state, "CRACK", CRACK, "low", 5)

    assert (step.to, step.severity) == ("raised", "high")
    assert step.reason.values["what"] == ["R2 tianning/R-01", "CRACK tianning/C-07"]
    assert step.reason.values["terms"] == [
        {
            "rule": "R2",
            "subject": GAUGE,
            "severity": "medium",
            "since": "2022-03-14T00:00:00Z",
            "until": None,
        },
        {
            "rule": "CRACK",
            "subject": CRACK,
            "severity": "low",
            "since": "2022-03-14T05:00:00Z",
            "until": None,
        },
    ]


def test_rain_that_ended_within_the_span_still_counts() -> None:
    state = fresh_state(X1)
    tell(state, "R2", GAUGE, "medium", 0)
    tell(state, "R2", GAUGE, None, 10)

    (step,) = tell(state, "CRACK", CRACK, "low", 82)

    assert step.to == "raised"
    assert step.reason.values["terms"][0]["until"] == "2022-03-14T10:00:00Z"


def test_rain_that_ended_before_the_span_does_not() -> None:
    state = fresh_state(X1)
    tell(state, "R2", GAUGE, "medium", 0)
    tell(state, "R2", GAUGE, None, 10)

    assert tell(state, "CRACK", CRACK, "low", 82.1) == []


def test_a_milder_level_than_asked_for_does_not_count() -> None:
    state = fresh_state(X1)
    tell(state, "R2", GAUGE, "medium", 0)

    assert tell(state, "LEAK", CRACK, "low", 1) == []


def test_a_severer_level_than_asked_for_counts() -> None:
    state = fresh_state(X1)
    tell(state, "R2", GAUGE, "medium", 0)

    assert said(tell(state, "CRACK", CRACK, "critical", 1)) == [("raised", "high")]


def test_it_lasts_while_any_sensor_holds_its_term() -> None:
    state = fresh_state(X1)
    tell(state, "R2", GAUGE, "medium", 0)
    tell(state, "CRACK", CRACK, "low", 1)
    tell(state, "CRACK", "sensor:tianning/C-08", "low", 2)

    assert tell(state, "CRACK", CRACK, None, 3) == []
    assert tick(state, 1000) == []


def test_terms_lapse_on_the_tick_and_what_latched_is_told() -> None:
    state = fresh_state(X1)
    tell(state, "R2", GAUGE, "medium", 0)
    tell(state, "CRACK", CRACK, "low", 1)
    tell(state, "R2", GAUGE, None, 2)

    early, late = tick(state, 74), tick(state, 74.1)

    assert (early, said(late)) == ([], [("latched", "high")])
    assert late[0].observed_ms == START + 2 * HOUR
    assert late[0].reason.code == "combination.terms_parted"

    assert said(tell(state, "R2", GAUGE, "medium", 90)) == [("raised", "high")]


def test_rules_it_does_not_name_are_not_heard() -> None:
    state = fresh_state(X1)

    tell(state, "Q1", GAUGE, "critical", 0)

    assert state.terms == {}  # type: ignore[attr-defined]


def test_terms_that_can_not_count_any_more_are_forgotten() -> None:
    state = fresh_state(X1)
    tell(state, "R2", GAUGE, "medium", 0)
    tell(state, "R2", GAUGE, None, 1)

    tick(state, 80)

    assert state.terms == {}  # type: ignore[attr-defined]


def test_an_escalation_that_ended_still_counts_as_what_it_was() -> None:
    storm = rule(
        "combination",
        {"where": {}, "within": "10h", "all": [{"rule": "A", "level": "high"}], "severity": "low"},
    )
    state = fresh_state(storm)

    on_term(storm, state, "A", GAUGE, "high", START)
    on_term(storm, state, "A", GAUGE, "low", START + HOUR)

    assert on_tick(storm, state, START + 11 * HOUR) == []
    assert said(on_tick(storm, state, START + 12 * HOUR)) == [("cleared", "low")]
