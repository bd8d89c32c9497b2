"""Gives a rule that is new to a sensor the state of one that has seen the sensor's stored past.

A version that is published is new to all its sensors at once, and they are warmed up within the
ingester's transaction: so several sensors' readings are read together, and once for all rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy.orm import Session

from ingest.replaying import AT_ONCE, HISTORY_MS, lesson, seen
from ingest.rulebook import InForce
from models import stored
from models.packed import Stored
from models.reasons import reason
from models.rules import judge
from models.rules.spec import Threshold
from models.rules.step import Step

if TYPE_CHECKING:
    from ingest.judging import SensorMemory

# The longest memory of a rule: seven days of antecedent rain, with a day to spare.
LOOKBACK_MS = 8 * 86_400_000
MOST_COLD = 2000  # rules that wait to be warmed up together


class Cold(NamedTuple):
    """A rule of a sensor that has readings, of which the rule has seen none."""

    memory: SensorMemory
    place: int  # of the rule among the sensor's
    had_another: bool  # version that judged

    @property
    def one(self) -> InForce:
        """The rule."""
        return self.memory.rules[self.place]


class Past(NamedTuple):
    """The stretch of a sensor's newest epoch that its rules are to have seen."""

    since_ms: int
    until_ms: int
    begins_ms: int  # the epoch

    def of(self, readings: Iterable[Stored]) -> list[Stored]:
        """Return what of a sensor's readings lies in the stretch."""
        return [one for one in readings if self.since_ms < one.at_ms <= self.until_ms]


class ColdSensor(NamedTuple):
    """A sensor with rules that are cold."""

    key: int
    past: Past
    rules: list[Cold]


def warm_up(session: Session, cold: Sequence[Cold]) -> list[tuple[Cold, list[Step]]]:
    """Bring each rule's state to where its sensor stands; return its verdict as a step, if any.

    So a new version goes on where the old one stood: it raises what holds, clears what doesn't.
    """
    by_sensor: dict[int, list[Cold]] = {}
    for one in cold:
        by_sensor.setdefault(one.memory.key, []).append(one)
    sensors = {key: ColdSensor(key, _past(some[0].memory), some) for key, some in by_sensor.items()}
    said: dict[tuple[int, int], list[Step]] = {}
    for keys, since_ms, until_ms in _reads({key: one.past for key, one in sensors.items()}):
        readings = stored.of_many(session, keys, since_ms, until_ms)
        some = [sensors[key] for key in keys]
        taught = _taught(session, some)
        for sensor in some:
            mine = sensor.past.of(readings.get(sensor.key, ()))
            for one in sensor.rules:
                said[sensor.key, one.place] = _warmed_up(session, one, sensor, taught, mine)
    return [(one, said[one.memory.key, one.place]) for one in cold]


def _past(memory: SensorMemory) -> Past:
    until_ms = memory.at_ms or 0
    stretch = memory.facts.stretch_at(until_ms)
    begins_ms = stretch.begins_ms if stretch else 0
    return Past(max(begins_ms, until_ms - LOOKBACK_MS), until_ms, begins_ms)


def _reads(stretches: Mapping[int, Past]) -> Iterator[tuple[list[int], int, int]]:
    """Yield (sensors, since, until): what is read at once lies about the same days."""
    keys: list[int] = []
    since_ms = until_ms = 0
    for key, one in sorted(stretches.items(), key=itemgetter(1)):
        if keys and (len(keys) == AT_ONCE or one.until_ms - since_ms > 2 * LOOKBACK_MS):
            yield keys, since_ms, until_ms
            keys = []
        if not keys:
            since_ms, until_ms = one.since_ms, one.until_ms
        until_ms = max(until_ms, one.until_ms)
        keys.append(key)
    if keys:
        yield keys, since_ms, until_ms


def _taught(session: Session, sensors: Sequence[ColdSensor]) -> dict[int, list[Stored]]:
    """Return, by sensor, the hours that teach its rules a baseline, where they lie further back."""
    lasts_ms = {
        one.key: max(_learning_ms(cold) for cold in one.rules)
        for one in sensors
        if one.past.begins_ms < one.past.since_ms
    }
    pasts = {one.key: one.past for one in sensors if lasts_ms.get(one.key)}
    lessons = {}
    asked = {key: (past.begins_ms, past.since_ms) for key, past in pasts.items()}
    for key, first_ms in stored.first_of_many(session, asked).items():
        until_ms = min(first_ms + lasts_ms[key], pasts[key].since_ms)
        lessons[key] = Past(first_ms - 1, until_ms, pasts[key].begins_ms)
    return {
        key: lessons[key].of(readings[key])
        for keys, since_ms, until_ms in _reads(lessons)
        for readings in [stored.of_many(session, keys, since_ms, until_ms)]
        for key in readings
    }


def _learning_ms(cold: Cold) -> int:
    """Return how long a rule learns its baseline, 0 where it learns none."""
    rule = cold.one.rule
    return rule.baseline.over_ms if isinstance(rule, Threshold) and rule.learns else 0


def _warmed_up(
    session: Session,
    cold: Cold,
    sensor: ColdSensor,
    taught: Mapping[int, Sequence[Stored]],
    readings: Iterable[Stored],
) -> list[Step]:
    one, memory, past = cold.one, cold.memory, sensor.past
    facts = memory.facts
    state = memory.states[cold.place] = judge.fresh_state(one.rule, facts.quantity)
    before: Iterable[Stored]
    if state.learning:
        lesson_ms = _learning_ms(cold)
        hours = taught.get(sensor.key, ())
        before = [reading for reading in hours if reading.at_ms <= hours[0].at_ms + lesson_ms]
    else:
        before = lesson(session, facts, one.rule, state, past.begins_ms, past.since_ms)
    last: list[Step] = []
    for _, sample in seen(facts, [*before, *readings]):
        last = judge.on_sample(one.rule, state, sample) or last
    severity = state.verdict.severity
    if severity is None:
        return [let_go(one, past.until_ms)] if cold.had_another else []
    if not cold.had_another and not _is_of_now(memory):
        # History pages nobody. What comes next does, should it be over the limit.
        state.verdict = judge.fresh_state(one.rule, facts.quantity).verdict
        return []
    return [replace(last[-1], to="raised", severity=severity)]


def _is_of_now(memory: SensorMemory) -> bool:
    """Whether the newest reading was fresh when its sensor was last heard, and is still heard."""
    return (
        memory.at_ms is not None
        and memory.heard_ms is not None
        and memory.silent_since_ms is None
        and memory.heard_ms - memory.at_ms <= HISTORY_MS
    )


def let_go(one: InForce, at_ms: int) -> Step:
    """Return the end of what an older version of the rule held; nothing where it held nothing."""
    why = reason("rule.changed", rule=one.code, version=one.version)
    severity = one.rule.levels[0].severity
    return Step("cleared", severity, 0, at_ms, at_ms, None, None, why)
