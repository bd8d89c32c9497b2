"""Judges stretches again in which readings came out of order: what had been said in order?

A stretch begins as far before its first late reading as each rule looks back, and ends with the
newest reading. Only rules that a late reading can matter to are asked, and several sensors'
readings are read at once; so what a late message costs grows with what its rules remember, and
not with what is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.orm import Session

from ingest.bindings import SensorFacts
from ingest.rulebook import InForce
from models import stored
from models.packed import Stored
from models.rules import judge
from models.rules.judge import Sample, Step
from models.rules.spec import Accumulation, Rate, Rule
from models.units import NOT_EVALUATED

if TYPE_CHECKING:
    from ingest.judging import SensorMemory

HISTORY_MS = 86_400_000  # older than this on arrival: stored and drawn, pages nobody
AT_ONCE = 20  # sensors, whose readings lie in memory together

Seen = tuple[int, Sample]
"""(since when the instrument of its epoch stands there, the reading as the rules see it)"""


class Again(NamedTuple):
    """What a rule has to judge again of a sensor, and the state in which it begins."""

    facts: SensorFacts
    memory: SensorMemory
    place: int  # of the rule among the sensor's
    at_ms: int  # of the first late reading
    since_ms: int
    state: Any
    lesson: Sequence[Stored]  # from before the stretch

    @property
    def one(self) -> InForce:
        """The rule."""
        return self.memory.rules[self.place]

    @property
    def live(self) -> Any:
        """The state that has judged the readings as they came."""
        return self.memory.states[self.place]

    @property
    def until_ms(self) -> int:
        """The newest reading that the rules have seen."""
        return self.memory.at_ms or self.at_ms

    def judge(self, readings: Iterable[Stored]) -> list[Step]:
        """Bring the state to where the live one stands; return all its steps."""
        stretch = (one for one in readings if self.since_ms < one.at_ms <= self.until_ms)
        steps, begun_ms = [], None
        for begins_ms, sample in seen(self.facts, [*self.lesson, *stretch]):
            if begun_ms not in (None, begins_ms):
                judge.new_epoch(self.one.rule, self.state, begins_ms)
            begun_ms = begins_ms
            steps += judge.on_sample(self.one.rule, self.state, sample)
        return steps + judge.catch_up(self.one.rule, self.state, self.live)


def judged_again(
    session: Session, late: Iterable[tuple[SensorFacts, SensorMemory, Sequence[Stored]]]
) -> Iterator[tuple[Again, list[Step]]]:
    """Yield what has been judged again because of late readings of sensors, with its steps."""
    wanted = {
        facts.key: list(_wanted(session, facts, memory, readings))
        for facts, memory, readings in late
    }
    for keys, since_ms, until_ms in _reads(wanted):
        readings = stored.of_many(session, keys, since_ms, until_ms)
        for again in (again for key in keys for again in wanted[key]):
            yield again, again.judge(readings.get(again.facts.key, ()))


def seen(facts: SensorFacts, readings: Iterable[Stored]) -> Iterator[Seen]:
    """Yield readings as the rules see them: corrected for their epochs, without what none saw."""
    for one in filter(_is_for_rules, readings):
        at_ms, value, quality = one[:3]
        stretch = facts.stretch_at(at_ms)
        if stretch is not None and value is not None:
            value = value * stretch.scale + stretch.offset
        yield stretch.begins_ms if stretch else 0, Sample(at_ms, value, quality, at_ms)


def lesson(
    session: Session, facts: SensorFacts, rule: Rule, state: Any, begins_ms: int, since_ms: int
) -> Iterator[Stored]:
    """Yield what a rule has to know of its epoch's past where it begins to judge at `since_ms`.

    That is the hours of a baseline which its state has yet to learn, or a counter's last total.
    """
    if begins_ms >= since_ms:
        return  # nothing of the epoch is older
    if state.learning:
        first_ms = stored.first_ms(session, facts.key, begins_ms)
        if first_ms is not None and first_ms <= since_ms:
            learnt_ms = min(first_ms + rule.baseline.over_ms, since_ms)  # type: ignore[attr-defined]
            yield from stored.between(session, facts.key, first_ms - 1, learnt_ms)
    elif isinstance(rule, Accumulation) and facts.quantity == "rain_total":
        total = stored.last_good(session, facts.key, since_ms)
        if total is not None and total.at_ms > begins_ms:
            yield total


def _is_for_rules(one: Stored) -> bool:
    """Whether rules may see a reading: simulated, replayed and old ones are stored alone."""
    if one.quality == NOT_EVALUATED:
        return False
    return one.arrived_ms is None or one.arrived_ms - one.at_ms <= HISTORY_MS


def _wanted(
    session: Session, facts: SensorFacts, memory: SensorMemory, readings: Iterable[Stored]
) -> Iterator[Again]:
    samples = [sample for _, sample in seen(facts, sorted(readings))]
    for place, (one, live) in enumerate(memory.judged()):
        heeded = (sample.at_ms for sample in samples if judge.heeds(one.rule, live, sample))
        at_ms = next(heeded, None)
        if at_ms is not None:
            yield _begun(session, facts, memory, place, at_ms)


def _begun(
    session: Session, facts: SensorFacts, memory: SensorMemory, place: int, at_ms: int
) -> Again:
    """Return from where a rule is to judge again, with a state that knows what came before."""
    one, live = memory.rules[place], memory.states[place]
    rule, stretch = one.rule, facts.stretch_at(at_ms)
    begins_ms = stretch.begins_ms if stretch else 0
    since_ms = at_ms - 1 - rule.longest_delay_ms(facts.interval_ms)
    goes_on = (memory.stretch_ms or 0) == begins_ms
    if goes_on and live.learning:
        since_ms = begins_ms
    elif goes_on and not judge.learns_of(rule, live, at_ms):
        if not isinstance(rule, Accumulation):
            older = _older(session, facts, rule, live, begins_ms, since_ms)
            state = judge.rewound(rule, live, since_ms, older)
            return Again(facts, memory, place, at_ms, since_ms, state, [])
    since_ms -= rule.longest_window_ms
    state = judge.fresh_state(rule, facts.quantity)
    before = list(lesson(session, facts, rule, state, begins_ms, since_ms))
    return Again(facts, memory, place, at_ms, since_ms, state, before)


def _older(
    session: Session, facts: SensorFacts, rule: Rule, live: Any, begins_ms: int, since_ms: int
) -> Iterator[Sample]:
    """Yield what a slope has let go of, and would still have had at `since_ms`."""
    if isinstance(rule, Rate):
        oldest_ms = live.since_ms
        until_ms = since_ms if oldest_ms is None else min(since_ms, oldest_ms - 1)
        first_ms = max(begins_ms, since_ms - rule.window_ms)
        yield from _samples(facts, stored.between(session, facts.key, first_ms, until_ms))


def _samples(facts: SensorFacts, readings: Iterable[Stored]) -> Iterator[Sample]:
    return (sample for _, sample in seen(facts, readings))


def _reads(wanted: Mapping[int, Sequence[Again]]) -> Iterator[tuple[list[int], int, int]]:
    """Yield (sensors, since, until): what is read at once is of stretches of about one length."""
    alike: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for key, rules in wanted.items():
        if rules:
            since_ms, until_ms = min(one.since_ms for one in rules), rules[0].until_ms
            alike[(until_ms - since_ms).bit_length()].append((since_ms, until_ms, key))
    for group in map(sorted, alike.values()):
        for start in range(0, len(group), AT_ONCE):
            since, until, keys = zip(*group[start : start + AT_ONCE], strict=True)
            yield list(keys), min(since), max(until)
