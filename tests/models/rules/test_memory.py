"""States survive a restart: stored and loaded anywhere, nothing is decided differently."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.judge import (
    State,
    Step,
    dump,
    fresh_state,
    load,
    new_epoch,
    on_sample,
    on_term,
    on_tick,
)
from models.rules.spec import Rule
from tests.models.rules.build import HOUR, START, accumulation, at, rate, rule, threshold

LEVELS = [
    {"severity": "low", "raise_at": 1, "on_delay": "2 samples"},
    {"severity": "medium", "raise_at": 2, "off_delay": "3h"},
    {"severity": "high", "raise_at": 4, "latch": True},
    {"severity": "high", "raise_at": 6, "of": "value", "latch": True},
]
RULES: dict[str, Rule] = {
    "value": threshold(levels=LEVELS[:3], deadband=0.5, off_delay="2 samples"),
    "below": threshold(levels=[{"severity": "low", "raise_at": 3}], direction="below"),
    "change": threshold(
        levels=LEVELS, of="change", baseline={"of": "median", "over": "6h"}, deadband=0.5
    ),
    "rate": rate(0.5, deadband=0.2, on_delay="2 samples", off_delay="5h"),
    "rain": accumulation(
        levels=[
            {"severity": "low", "window": "3h", "raise_at": 5},
            {"severity": "medium", "window": "12h", "raise_at": 12, "latch": True},
        ],
        off_delay="2h",
    ),
    "index": accumulation(window="2d", raise_at=8, decay=0.85, deadband=1, off_delay="3h"),
    "increments": accumulation(
        "3h", 9, where={"quantity": ["rain_total", "rain_increment"]}, off_delay="1h"
    ),
    "silence": rule("silence", {"where": {}, "severity": "low", "off_delay": "2 samples"}),
    "combination": rule(
        "combination",
        {
            "where": {},
            "within": "5h",
            "all": [{"rule": "A"}, {"any": [{"rule": "B", "level": "medium"}, {"rule": "C"}]}],
            "levels": [{"severity": "high", "latch": True}],
        },
    ),
}

Act = tuple[str, Any]
_acts = st.one_of(
    st.tuples(
        st.just("sample"),
        st.tuples(
            st.one_of(st.none(), st.integers(0, 80).map(lambda tenths: tenths / 10)),
            st.sampled_from([1, 1, 1, 2, 3, 4, 9]),
        ),
    ),
    st.tuples(st.just("tick"), st.booleans()),
    st.tuples(
        st.just("term"),
        st.tuples(
            st.sampled_from("ABC"),
            st.sampled_from(["sensor:s/1", "sensor:s/2"]),
            st.sampled_from([None, "low", "medium", "high"]),
        ),
    ),
    st.tuples(st.just("epoch"), st.none()),
)


def do(rule: Rule, state: State, hours: float, act: Act) -> list[Step]:
    """Let one thing happen, so many hours after START."""
    kind, more = act
    now_ms = START + round(hours * HOUR)
    if kind == "sample":
        return on_sample(rule, state, at(hours, *more))
    if kind == "tick":
        return on_tick(rule, state, now_ms, now_ms if more else None, interval_s=600)
    if kind == "term":
        code, subject, severity = more
        return on_term(rule, state, code, subject, severity, now_ms)
    new_epoch(rule, state, now_ms)
    return []


def told(rule: Rule, acts: list[Act], between: Callable[[int, State], State]) -> list[Step]:
    """Return every step of a story; `between` may do something to the state before each act."""
    state = fresh_state(rule, "rain_increment" if rule is RULES["increments"] else None)
    steps = []
    for index, act in enumerate(acts):
        state = between(index, state)
        steps += do(rule, state, index * 0.7, act)
    return steps


@pytest.mark.parametrize("kind", RULES)
@given(acts=st.lists(_acts, max_size=50), cut=st.integers(0, 49))
@settings(max_examples=60, deadline=None)
def test_a_round_trip_in_the_middle_changes_nothing(kind: str, acts: list[Act], cut: int) -> None:
    rule = RULES[kind]

    def restart(index: int, state: State) -> State:
        stored = json.dumps(dump(rule, state)) if index == cut else None
        return load(rule, json.loads(stored)) if stored else state

    assert told(rule, acts, restart) == told(rule, acts, lambda index, state: state)


@pytest.mark.parametrize("kind", RULES)
@given(acts=st.lists(_acts, max_size=50))
@settings(max_examples=60, deadline=None)
def test_storing_changes_nothing(kind: str, acts: list[Act]) -> None:
    rule = RULES[kind]

    def store(index: int, state: State) -> State:
        dump(rule, state)
        return state

    assert told(rule, acts, store) == told(rule, acts, lambda index, state: state)


@pytest.mark.parametrize("kind", RULES)
@given(acts=st.lists(_acts, max_size=30))
@settings(max_examples=30, deadline=None)
def test_what_is_loaded_is_stored_the_same(kind: str, acts: list[Act]) -> None:
    rule, state = RULES[kind], fresh_state(RULES[kind])
    for index, act in enumerate(acts):
        do(rule, state, index * 0.7, act)

    dumped = dump(rule, state)

    assert dump(rule, load(rule, dumped)) == dumped


@pytest.mark.parametrize("kind", RULES)
def test_what_was_stored_does_not_change_with_the_state(kind: str) -> None:
    rule = RULES[kind]
    state = fresh_state(rule)
    do(rule, state, 0, ("sample", (1.0, 1)))
    do(rule, state, 0, ("term", ("A", "sensor:s/1", "high")))
    stored = dump(rule, state)
    before = json.dumps(stored)

    do(rule, state, 1, ("sample", (2.0, 1)))
    do(rule, state, 1, ("term", ("A", "sensor:s/1", None)))

    assert json.dumps(stored) == before


def test_the_state_of_another_version_of_the_rule_is_refused() -> None:
    rule = RULES["value"]
    state = fresh_state(rule)
    on_sample(rule, state, at(0, 3.0))

    with pytest.raises(ValueError, match="3 levels for a rule of 1"):
        load(threshold(1.0), dump(rule, state))


def test_a_quiet_state_is_short() -> None:
    rule = RULES["value"]
    state = fresh_state(rule)
    on_sample(rule, state, at(0, 0.1))

    assert len(json.dumps(dump(rule, state))) < 40


@pytest.mark.parametrize("kind", ["value", "change", "rate"])
def test_what_is_over_leaves_nothing_in_memory(kind: str) -> None:
    rule, state = RULES[kind], fresh_state(RULES[kind])
    ramp = [0.0] * 12 + [0.3 * hour for hour in range(12)] + [0.0] * 30
    steps = [
        step for hour, value in enumerate(ramp) for step in on_sample(rule, state, at(hour, value))
    ]

    dump(rule, state)

    assert {"raised"} < {step.to for step in steps}
    assert state.severity is None
    assert not state.spoke  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [kind for kind in RULES if kind != "change"])
def test_asking_what_is_held_makes_no_verdict(kind: str) -> None:
    state = fresh_state(RULES[kind])

    assert state.severity is None
    assert not state.spoke  # type: ignore[attr-defined]


STORED: dict[str, Any] = {
    "value": [START, [1, 0, 0, START, [[1, 1, START, 0], 0, 0]], 0.0],
    "change": [START, 0, None, [START - HOUR, 1, 2, [1.5, 3.0]]],
    "rate": [START + HOUR, 0, [START, 500_000, HOUR, 100_000]],
    "silence": [START, 0],
}


@pytest.mark.parametrize("kind", STORED)
def test_what_is_stored_keeps_its_form(kind: str) -> None:
    rule = RULES[kind]

    assert dump(rule, load(rule, STORED[kind])) == STORED[kind]
