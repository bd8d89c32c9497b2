"""The one face of all rules: the same for live messages, ticks, backtests and rehearsals.

A state belongs to one rule and one subject. Its owner feeds it in order of time, stores
`dump(rule, state)` and gets it back with `load`; it is changed in place.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from models.rules.accumulation import AccumulationState
from models.rules.combination import CombinationState
from models.rules.gate import Verdict
from models.rules.rate import RateState
from models.rules.silence import SilenceState, silence_due_ms, stale_due_ms
from models.rules.spec import Combination, Rule
from models.rules.step import NO_STEPS, RANK, SEVERITIES, Dumped, Sample, Step, iso
from models.rules.threshold import ThresholdState

__all__ = [
    "RANK", "SEVERITIES", "Sample", "State", "Step", "attend", "backtest", "catch_up", "dump",
    "fresh_state", "heeds", "iso", "learns_of", "load", "new_epoch", "on_sample", "on_term",
    "on_tick", "rewound", "silence_due_ms", "stale_due_ms",
]  # fmt: skip


class State(Protocol):
    """What every kind's state offers; use the functions below, they are the face."""

    quantity: str | None
    verdict: Verdict

    @property
    def severity(self) -> str | None:
        """The severity held now, None where nothing is."""

    @property
    def learning(self) -> bool:
        """True while the rule can't judge yet."""

    def on_sample(self, rule: Any, sample: Sample) -> list[Step]:
        """Judge one reading."""

    def new_epoch(self, rule: Any, at_ms: int) -> None:
        """Begin afresh."""

    def heeds(self, rule: Any, sample: Sample) -> bool:
        """Say whether a reading older than the newest judged can change a verdict."""

    def dump(self) -> Dumped:
        """Return a JSON-safe copy."""

    def restore(self, rule: Any, dumped: Dumped) -> None:
        """Take over what `dump` gave into a fresh state."""


_STATES: dict[str, Any] = {
    "threshold": ThresholdState,
    "rate": RateState,
    "accumulation": AccumulationState,
    "silence": SilenceState,
    "combination": CombinationState,
}


def fresh_state(rule: Rule, quantity: str | None = None) -> State:
    """Return the state of a rule that has seen nothing yet.

    `quantity` is the sensor's own, needed where the rule takes several.
    """
    state: State = _STATES[rule.kind](rule, quantity or rule.quantity)
    return state


def on_sample(rule: Rule, state: State, sample: Sample) -> list[Step]:
    """Judge one reading and return what changed.

    Only in order of time: a reading not newer than the newest judged changes nothing. Bad,
    missing and unbelievable readings neither raise nor clear.
    """
    return state.on_sample(rule, sample)


def heeds(rule: Rule, state: State, sample: Sample) -> bool:
    """Say whether a reading that comes after newer ones can change what the rule says.

    Where it can, its stretch is judged again: a state itself goes only forward.
    """
    return state.heeds(rule, sample)


def learns_of(rule: Rule, state: State, at_ms: int) -> bool:
    """Say whether a reading of an instant belongs to those that a baseline is made of."""
    return isinstance(state, ThresholdState) and state.learns_of(rule, at_ms)  # type: ignore[arg-type]


def rewound(rule: Rule, state: State, since_ms: int, older: Iterable[Sample]) -> State:
    """Return a fresh state that knows what `state` does of the time up to `since_ms`.

    `older`: what a slope has let go of since, up to the oldest reading that it still has.
    """
    fresh = fresh_state(rule, state.quantity)
    if isinstance(fresh, ThresholdState | RateState):
        fresh.rewind(rule, state, since_ms, older)  # type: ignore[arg-type]
    return fresh


def catch_up(rule: Rule, state: State, live: State) -> list[Step]:
    """Let a state that has judged all readings again pass the time up to where `live` stands."""
    if isinstance(state, AccumulationState) and isinstance(live, AccumulationState):
        return state.on_tick(rule, live.at_ms, live.at_ms)  # type: ignore[arg-type]
    return NO_STEPS


def on_tick(
    rule: Rule,
    state: State,
    now_ms: int,
    heard_until_ms: int | None = None,
    *,
    interval_s: float | None = None,
    gone_ms: int | None = None,
    deaf_ms: int = 0,
) -> list[Step]:
    """Let time pass until `now_ms` and return what changed by that alone.

    `heard_until_ms` is when the subject was last heard: windows run empty until then and no
    further. The rest is for silence: the sensor's interval, its will message, and the time since
    it was heard in which nobody listened.
    """
    if isinstance(state, SilenceState):
        return state.on_tick(rule, now_ms, heard_until_ms, interval_s, gone_ms, deaf_ms)  # type: ignore[arg-type]
    steps: list[Step] = state.on_tick(rule, now_ms, heard_until_ms)  # type: ignore[attr-defined]
    return steps


def on_term(
    rule: Rule,
    state: State,
    rule_code: str,
    subject: str,
    severity: str | None,
    at_ms: int,
    observed_ms: int | None = None,
) -> list[Step]:
    """Tell a combination what a rule now holds for a subject of its place (None = no longer)."""
    if not isinstance(rule, Combination) or not isinstance(state, CombinationState):
        return NO_STEPS
    return state.on_term(rule, rule_code, subject, severity, at_ms, observed_ms)


def new_epoch(rule: Rule, state: State, at_ms: int) -> None:
    """Begin the sensor's next epoch: baseline, slopes and counters start anew.

    What is held stays held until readings of the new epoch say otherwise.
    """
    state.new_epoch(rule, at_ms)


def attend(rule: Rule, state: State, at_ms: int) -> list[Step]:
    """Tell a silence rule that somebody was at its sensor; a silence before that is over."""
    return state.attend(rule, at_ms) if isinstance(state, SilenceState) else NO_STEPS  # type: ignore[arg-type]


def dump(rule: Rule, state: State) -> Dumped:
    """Return the state as JSON-safe lists and numbers, to be stored beside the rule's version."""
    dumped = state.dump()
    if state.quantity is None or state.quantity == rule.quantity:
        return dumped
    return {"of": state.quantity, "state": dumped}


def load(rule: Rule, dumped: Dumped) -> State:
    """Return the state that `dump` gave. Raises ValueError for a rule of other levels."""
    quantity = rule.quantity
    if isinstance(dumped, dict):
        quantity, dumped = dumped["of"], dumped["state"]
    state: State = _STATES[rule.kind](rule, quantity)
    state.restore(rule, dumped)
    return state


def backtest(rule: Rule, samples: Iterable[Sample], quantity: str | None = None) -> list[Step]:
    """Return what the rule would have said of stored readings, given in order of time."""
    state = fresh_state(rule, quantity)
    return [step for sample in samples for step in on_sample(rule, state, sample)]
