"""Lets the rules judge what came in, and keeps what they remember of every sensor and zone."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import Row as RowOf
from sqlalchemy import Table, bindparam, delete, select
from sqlalchemy.orm import Session

from ingest.bindings import ROWS_AT_ONCE, Bindings, SensorFacts
from ingest.due import Due
from ingest.replaying import HISTORY_MS, Again, judged_again
from ingest.rulebook import InForce, Rulebook
from ingest.saving import LAGS_AT_MOST_MS, Unsaved, may_lag
from ingest.storing import insert_or_replace, upsert, write_many
from ingest.warming import MOST_COLD, Cold, let_go, warm_up
from models import stored
from models.alert import Subject
from models.chunks import chunks
from models.packed import Stored
from models.reading import SensorState, ZoneState
from models.rules import judge
from models.rules.judge import Sample, Step

MINUTE_MS = 60_000
LATE_INTERVALS, LATEST_FRESH_MS = 3, 600_000  # delayed: over 3 intervals, at least 10 minutes
# Kinds to which time alone says something; the others judge on readings only.
TICKING = ("silence", "accumulation")
_SAVE_STATE = insert_or_replace(cast(Table, SensorState.__table__), "sensor")
# Rain keeps its gauges and spells in the same table.
OF_ZONES = ZoneState.subject.startswith("zone:")
_DROP_ZONE = delete(ZoneState).where(
    ZoneState.rule == bindparam("of_rule"), ZoneState.subject == bindparam("of_subject")
)


class Found(NamedTuple):
    """One step of a rule's judgement on its way to an alert or a condition."""

    rule: InForce
    subject: Subject
    step: Step
    arrived_ms: int | None = None
    late: bool = False  # shown by a reading that came out of order
    stands: bool = False  # such a reading shows that it holds now


class SensorMemory:
    """What is known of one sensor between batches; saved in one packed row."""

    __slots__ = (
        "at_ms",
        "behind_since_ms",
        "due_ms",
        "facts",
        "gone_ms",
        "heard_ms",
        "key",
        "noted_ms",
        "quality",
        "queued_s",
        "rules",
        "silent_since_ms",
        "states",
        "stored_ms",
        "stretch_ms",
        "unnoted",
        "unsaved",
        "value",
    )

    def __init__(self, facts: SensorFacts, unsaved: Unsaved) -> None:
        self.key = facts.key
        self.facts = facts
        self.unsaved = unsaved
        self.at_ms: int | None = None  # of the newest that the rules have seen
        self.stored_ms: int | None = None  # of the last in the table: may have been told ahead
        self.value: float | None = None
        self.quality: int | None = None
        self.heard_ms: int | None = None
        self.silent_since_ms: int | None = None
        self.behind_since_ms: int | None = None  # since when all that came was history
        self.due_ms: int | None = None
        self.gone_ms: int | None = None  # its device's will message; forgotten when it is heard
        self.stretch_ms: int | None = None  # since when the epoch of the last judged sample runs
        self.queued_s: int | None = None  # when it is looked at whether it is overdue
        self.noted_ms: int | None = None  # when its channel was last written down as heard
        self.unnoted = 0  # readings since then
        self.rules: tuple[InForce, ...] = ()
        self.states: list[Any] = []  # of each of its rules

    def judged(self) -> Iterable[tuple[InForce, Any]]:
        """Return its rules, each with its state."""
        return zip(self.rules, self.states, strict=True)

    @property
    def is_blank(self) -> bool:
        """Whether it was never heard: then its first readings may be all there is of it."""
        return self.heard_ms is None and self.at_ms is None and self.stored_ms is None

    def touch(self) -> None:
        """Have its row written with this transaction."""
        self.unsaved.at_once[self.key] = self

    def touch_lightly(self) -> None:
        """Have its row written soon: its readings since tell the same, see `ingest.saving`."""
        self.unsaved.soon[self.key] = self

    def row(self) -> tuple[Any, ...]:
        """Return the columns of its row, in the table's order."""
        packed = {
            one.code: [one.version, judge.dump(one.rule, state)] for one, state in self.judged()
        }
        rules = [self.stretch_ms, packed]
        if self.gone_ms is not None:
            rules.append(self.gone_ms)
        return (
            self.key,
            self.heard_ms,
            self.at_ms,
            self.value,
            self.quality,
            self.silent_since_ms,
            self.due_ms,
            msgspec.msgpack.encode(rules),
            self.stored_ms if (self.stored_ms or 0) > (self.at_ms or 0) else None,
            self.behind_since_ms,
        )


class Judges:
    """The rules at work: memory in, findings out. Forgotten whole when a transaction fails."""

    def __init__(self, bindings: Bindings, rulebook: Rulebook) -> None:
        self.bindings = bindings
        self.rulebook = rulebook
        self.sensors: dict[int, SensorMemory] = {}
        self.zones: dict[tuple[str, str], Any] = {}
        self.adopted: list[Found] = []  # verdicts of rules that are new to a sensor's past
        self._cold: list[Cold] = []
        # Several ingesters share the zones: then each is read, and locked, at its first use.
        self.read_zone: Callable[[InForce, str], Any] | None = None
        self._zones_touched: set[tuple[str, str]] = set()
        self._renewed: set[tuple[str, str]] = set()  # zones last judged by another version
        self._combinations = {one.code: one for one in rulebook.combinations}
        self.unsaved = Unsaved(bindings.sensors)
        self._always_tick: set[int] = set()  # sensors with a rule to which each minute matters
        self._due = Due()
        self._known_since_ms: int | None = None  # site time at which the registry was read

    @classmethod
    def load(
        cls,
        session: Session,
        bindings: Bindings,
        rulebook: Rulebook,
        mine: Container[int] | None = None,
        read_zone: Callable[[InForce, str], Any] | None = None,
        now_ms: int | None = None,
        common: Container[int] = (),
    ) -> Judges:
        """Read all memory; a rule that is new for a sensor is warmed up from stored readings.

        `mine`: the sensors of this ingester, where there are several; the others' stay blank.
        `common`: of these, those that others write as well.
        `now_ms`: site time where it passes by itself; nobody was heard later than that.
        """
        judges = cls(bindings, rulebook)
        judges.read_zone = read_zone
        judges._known_since_ms = now_ms
        table = cast(Table, SensorState.__table__)
        rows = session.execute(
            select(table).order_by(table.c.sensor).execution_options(yield_per=ROWS_AT_ONCE)
        )
        # Of the rows that only this ingester writes, and of all: others may be hours ahead of one
        # that comes back.
        own_ms, newest_ms, row = 0, 0, next(rows, None)
        for key, facts in bindings.sensors.items():  # in the order of their keys, as the rows
            while row is not None and row.sensor < key:
                row = next(rows, None)
            known = row if row is not None and row.sensor == key else None
            if mine is None or key in mine:
                judges._remember(facts, known)
                if len(judges._cold) >= MOST_COLD:
                    judges._warm_up(session)
            else:
                judges.blank(key)
            if known is not None:
                # The earlier of measured and heard: clocks of devices are ahead at times.
                told_ms = min(known.at_ms or 0, known.heard_ms or 0)
                newest_ms = max(newest_ms, told_ms)
                if mine is None or key in mine and key not in common:
                    own_ms = max(own_ms, told_ms)
        judges._warm_up(session)
        judges.load_zones(session)
        own_ms = own_ms or newest_ms
        if now_ms is not None:
            own_ms = min(own_ms, now_ms)
            judges.not_before(now_ms)
        judges._catch_up(session, own_ms, mine)
        judges._end_silences()
        judges._hear_again(mine)
        return judges

    def load_zones(self, session: Session) -> None:
        """Read what the combinations remember; locked where others might write it too.

        What is left of a rule that is off, or of a zone that was retired, is dropped: should it
        come back, it begins anew, and raises what holds then.
        """
        stored = select(ZoneState.rule, ZoneState.subject, ZoneState.state).where(OF_ZONES)
        if self.read_zone is not None:
            stored = stored.order_by(ZoneState.rule, ZoneState.subject).with_for_update()
        for rule, subject, state in session.execute(stored).all():
            one, key = self._combinations.get(rule), (rule, subject)
            if one is None or subject not in self.bindings.zones:
                session.execute(_DROP_ZONE, {"of_rule": rule, "of_subject": subject})
            elif key not in self.zones:
                self.zones[key], renewed = load_zone(one, state)
                if renewed:
                    self._renewed.add(key)

    def recall(self, session: Session, keys: Iterable[int]) -> None:
        """Read the memory of some sensors anew, which another ingester may have written."""
        wanted = sorted(keys)
        table = cast(Table, SensorState.__table__)
        mine = select(table).order_by(table.c.sensor).with_for_update()
        rows = {
            row.sensor: row
            for some in chunks(wanted)
            for row in session.execute(mine.where(table.c.sensor.in_(some)))
        }
        for key in wanted:
            self._remember(self.bindings.sensors[key], rows.get(key))
        self._warm_up(session)

    def blank(self, key: int) -> None:
        """Remember nothing of a sensor: it is another ingester's, or is read at its first use."""
        self.sensors[key] = SensorMemory(self.bindings.sensors[key], self.unsaved)

    def _remember(self, facts: SensorFacts, row: Any) -> None:
        """Take up what a sensor's row holds; what of its rules is cold is warmed up after it."""
        key = facts.key
        memory = SensorMemory(facts, self.unsaved)
        self._cold += _remember(facts, self.rulebook, row, memory)
        self.sensors[key] = memory
        ticks = any(one.kind == "accumulation" for one, _ in memory.judged())
        if ticks:
            self._always_tick.add(key)
        if memory.heard_ms is not None:
            self._due_by_its_interval(memory, memory.heard_ms)
            self.expect(memory)

    def _due_by_its_interval(self, memory: SensorMemory, heard_ms: int) -> None:
        """Set when a sensor is overdue, by the interval that it has now.

        One that is to speak more often than before has the time from now on: else all sensors of
        a site would be called silent when their interval is changed.
        """
        facts, told_ms = memory.facts, memory.due_ms
        due_ms = judge.silence_due_ms(facts.interval_ms / 1000, heard_ms, memory.gone_ms)
        if told_ms is not None and due_ms < told_ms and self._known_since_ms is not None:
            due_ms = min(told_ms, max(due_ms, self._known_since_ms + facts.silent_after_ms))
        if due_ms != told_ms:
            memory.due_ms = due_ms
            memory.touch_lightly()

    def _warm_up(self, session: Session) -> None:
        """Let rules that are new to their sensors see the stored past, and adopt what they say."""
        cold, self._cold = self._cold, []
        for one, steps in warm_up(session, cold):
            self.adopted += [Found(one.one, one.memory.facts.subject, step) for step in steps]

    def memory_of(self, device: str, channel: str, at_ms: int) -> SensorMemory | None:
        """Return the memory of the sensor that the channel was at that instant."""
        channels = self.bindings.channels.get(device)
        wired = None if channels is None else channels.get(channel)
        if type(wired) is int:  # most: of a million sensors one is looked up once, not twice
            memory = self.sensors[wired]
            return memory if memory.facts.stretches[0].since_ms < at_ms else None
        key = self.bindings.sensor_of(device, channel, at_ms)
        return None if key is None else self.sensors[key]

    def sample(self, memory: SensorMemory, sample: Sample) -> Sequence[Found]:
        """Judge one reading that is newer than all before it."""
        facts = memory.facts
        stretch = facts.stretch_at(sample.at_ms)
        if stretch is not None:
            if memory.stretch_ms != stretch.begins_ms:
                if memory.stretch_ms is not None:
                    for one, state in memory.judged():
                        judge.new_epoch(one.rule, state, stretch.begins_ms)
                memory.stretch_ms = stretch.begins_ms
            if sample.value is not None and (stretch.scale != 1.0 or stretch.offset):
                corrected = sample.value * stretch.scale + stretch.offset
                sample = sample._replace(value=corrected)
        found: list[Found] = []
        for one, state in zip(memory.rules, memory.states, strict=True):
            steps = state.on_sample(one.rule, sample)
            if steps:
                found.extend(self._spread(one, facts, state, steps, sample.arrived_ms))
        return found

    def expect(self, memory: SensorMemory) -> None:
        """Queue a sensor for when it would be overdue, unless it is looked at by then anyway."""
        self._due.expect(memory)

    def look_ahead(self, now_ms: int) -> None:
        """Queue anew who was heard meanwhile: with many sensors no work for one tick alone."""
        self._due.look(self.sensors, now_ms)

    def expect_all_anew(self) -> None:
        """Queue all sensors by when they are due now: after the clock was set back."""
        self._due = Due()
        for memory in self.sensors.values():
            memory.queued_s = None
            if memory.heard_ms is not None:
                self.expect(memory)

    def not_before(self, now_ms: int) -> None:
        """After the clock went back: who "will have been heard" was heard by now, and no later.

        Else a sensor that falls silent next would count as heard from until that hour has come
        again. A minute is no step: machines differ by less.
        """
        ahead = False
        for key, memory in self.sensors.items():
            if memory.heard_ms is not None and memory.heard_ms > now_ms + MINUTE_MS:
                memory.heard_ms, memory.gone_ms = now_ms, None
                memory.due_ms = now_ms + self.bindings.sensors[key].silent_after_ms
                memory.touch()
                ahead = True
            for one, state in memory.judged():
                if one.kind == "silence" and state.heard_ms > now_ms + MINUTE_MS:
                    state.heard_ms = now_ms
                    memory.touch()
        if ahead:
            self.expect_all_anew()

    def overdue(self, now_ms: int) -> list[int]:
        """Return the sensors that were not heard in time, in the order of their keys."""
        return self._due.over(self.sensors, now_ms)

    def tick(self, now_ms: int, listening_since_ms: int | None = None) -> Iterator[Found]:
        """Let silence be noticed, delays ripen and windows run empty."""
        late = set(self.overdue(now_ms))
        for key in sorted(late.union(self._always_tick)):
            memory, facts = self.sensors[key], self.bindings.sensors[key]
            if facts.retired or memory.heard_ms is None:
                continue
            overdue = key in late
            interval_s = facts.interval_ms / 1000
            waited_ms = max(memory.heard_ms, facts.attended_ms)
            deaf_ms = max(0, (listening_since_ms or 0) - waited_ms)
            for one, state in memory.judged():
                if one.kind not in TICKING or one.kind == "silence" and not overdue:
                    continue
                steps = judge.on_tick(
                    one.rule,
                    state,
                    now_ms,
                    memory.heard_ms,
                    interval_s=interval_s,
                    gone_ms=memory.gone_ms,
                    deaf_ms=deaf_ms,
                )
                if steps:
                    memory.touch()
                    yield from self._spread(one, facts, state, steps, None)
        for (code, subject), state in self.zones.items():
            one = self._combinations[code]
            steps = judge.on_tick(one.rule, state, now_ms, now_ms)
            if steps:
                self._zones_touched.add((code, subject))
                zone = self.bindings.zones[subject]
                yield from (Found(one, zone, step) for step in steps)

    def again(self, session: Session, late: Mapping[int, Sequence[Stored]]) -> list[Found]:
        """Judge the stretches again in which a sensor's readings came out of order.

        Its rules then remember what they would in order, but let go of nothing that they hold.
        """
        found: list[Found] = []
        of = [(self.bindings.sensors[key], self.sensors[key], some) for key, some in late.items()]
        for again, steps in judged_again(session, of):
            one, subject = again.one, again.facts.subject
            since = [step for step in steps if step.observed_ms >= again.at_ms]
            found += [Found(one, subject, step, late=True) for step in since]
            found += self._go_on(again, steps)
        return found

    def _go_on(self, again: Again, steps: Sequence[Step]) -> Iterator[Found]:
        """Go on from what was judged again; yield what a rule now holds and did not before."""
        one, live, state = again.one, again.live, again.state
        before, held = live.verdict.rank, state.verdict.rank
        again.memory.touch()
        if held < before:
            live.verdict.latched = max(live.verdict.latched, state.verdict.latched)
            return
        state.verdict.go_on(live.verdict)
        again.memory.states[again.place] = state
        if held > before:
            stands = replace(steps[-1], to="raised", severity=state.verdict.severity)
            mine, *others = self._spread(one, again.facts, state, [stands], None)
            yield from (mine._replace(late=True, stands=True), *others)

    def learn_who_is_unknown(self, session: Session) -> None:
        """Take over whose rows say silent: so the clock writes of an ingester that hung."""
        unknown = select(SensorState.sensor, SensorState.silent_since_ms).where(
            SensorState.silent_since_ms.is_not(None)
        )
        for key, silent_since_ms in session.execute(unknown):
            memory = self.sensors.get(key)
            if memory is not None and memory.silent_since_ms is None:
                memory.silent_since_ms = silent_since_ms

    def save(self, session: Session, now_ms: int, *, whole: bool = False) -> None:
        """Write the memory of sensors and zones that changed; the caller commits.

        Of many sensors that said only what their stored readings tell as well, some are left for
        later, unless the `whole` is wanted.
        """
        write_many(
            session,
            _SAVE_STATE,
            [memory.row() for memory in self.unsaved.take(now_ms, whole=whole)],
        )
        zones = [
            {
                "rule": code,
                "subject": subject,
                "state": keep_zone(self._combinations[code], self.zones[code, subject]),
            }
            for code, subject in sorted(self._zones_touched)
        ]
        upsert(session, ZoneState, zones, ["rule", "subject"])
        self._zones_touched.clear()

    def _catch_up(self, session: Session, newest_ms: int, mine: Container[int] | None) -> None:
        """Judge again what was judged after a row was written: its readings are all that is new.

        Whatever came of them was written with them; nothing can come of them now. `newest_ms`: of
        all rows that may lag.
        """
        # Readings of other shares go on for ever after that; ours can't.
        until_ms = stored.FAR_MS if mine is None else newest_ms + LAGS_AT_MOST_MS
        oldest_ms = stored.FAR_MS
        for key, one in stored.all_of(session, newest_ms - LAGS_AT_MOST_MS, until_ms, mine):
            memory = self.sensors.get(key)
            if memory is None or one.at_ms <= (memory.at_ms or 0):
                continue
            if memory.at_ms is None and not memory.is_blank:
                continue  # of what came so far the rules have seen nothing
            if one.at_ms == memory.stored_ms:
                continue  # told ahead of its time, and judged when it was received
            facts = self.bindings.sensors[key]
            if not may_lag(one.quality, one.arrived_ms is None) or facts.retired:
                continue
            memory.at_ms, memory.value, memory.quality = one[:3]
            memory.stored_ms = max(one.at_ms, memory.stored_ms or 0)
            if memory.heard_ms is None or memory.heard_ms < one.at_ms:
                memory.heard_ms, memory.gone_ms = one.at_ms, None
                memory.due_ms = one.at_ms + facts.silent_after_ms
                if memory.queued_s is None:
                    self.expect(memory)
            memory.touch_lightly()
            oldest_ms = min(oldest_ms, one.at_ms)
            self.adopted += self.sample(memory, Sample(*one[:3], one.at_ms))
        self.unsaved.arrived(oldest_ms)

    def _hear_again(self, mine: Container[int] | None) -> None:
        """Tell combinations what holds now, by rules and in zones as they are now.

        A registry file may have changed a rule, its limits or where it looks, and what a zone
        holds; a person may have retired a sensor, which will never say that it is over.
        """
        if not self.rulebook.combinations:
            return
        subjects = {one for state in self.zones.values() for _, one in state.terms}
        known = {
            facts.subject.text: facts
            for facts in self.bindings.sensors.values()
            if facts.subject.text in subjects
        }
        for (code, zone), state in list(self.zones.items()):
            for rule_code, subject in list(state.terms):
                if state.says(rule_code, subject) is None:
                    continue
                speaker = known.get(subject)
                if speaker is None or not self._speaks(rule_code, speaker, zone):
                    over_ms = _retired_ms(speaker) or state.at_ms
                    self.adopted += self._term(code, zone, rule_code, subject, None, over_ms)
        for key, memory in self.sensors.items():
            if mine is None or key in mine:
                self._say_again(self.bindings.sensors[key], memory)
        for code, zone in sorted(self._renewed):
            self._settle(code, zone)
        self._renewed.clear()

    def _speaks(self, rule_code: str, facts: SensorFacts, zone: str) -> bool:
        """Whether a rule judges a sensor, and this in a zone."""
        return (
            not facts.retired
            and any(place.text == zone for place in facts.zones)
            and any(one.code == rule_code for one in self.rulebook.for_sensor(facts))
        )

    def _say_again(self, facts: SensorFacts, memory: SensorMemory) -> None:
        """Have the combinations over a sensor's zones hear what its rules hold, if they haven't."""
        at_ms = max(memory.at_ms or 0, memory.heard_ms or 0)
        for one, state in memory.judged():
            severity = state.severity
            for combination in self.rulebook.over(one.code):
                for zone in facts.zones:
                    place = self.zones.get((combination.code, zone.text))
                    said = None if place is None else place.says(one.code, facts.subject.text)
                    if said != severity:
                        self.adopted += self._term(
                            combination.code,
                            zone.text,
                            one.code,
                            facts.subject.text,
                            severity,
                            at_ms,
                        )

    def _settle(self, code: str, zone: str) -> None:
        """Raise what a new version of a combination holds, and clear what it doesn't."""
        one, state = self._combinations[code], self.zones[code, zone]
        steps = judge.on_tick(one.rule, state, state.at_ms)
        if not steps and state.verdict.severity is None:
            steps = [let_go(one, state.at_ms)]
        self._zones_touched.add((code, zone))
        self.adopted += [Found(one, self.bindings.zones[zone], step) for step in steps]

    def _end_silences(self) -> None:
        """End the alert of a silence at which somebody has been, and let another begin.

        The epoch that a person began ends it, never the silence. Nothing is known of the sensor
        until it is heard, and what it measured stays as it stood.
        """
        for key, facts in self.bindings.sensors.items():
            memory, at_ms = self.sensors[key], facts.attended_ms
            if memory.heard_ms is None or at_ms <= memory.heard_ms or facts.retired:
                continue
            for one, state in memory.judged():
                if one.kind == "silence" and state.heard_ms < at_ms:
                    steps = judge.attend(one.rule, state, at_ms)
                    memory.touch()
                    self.adopted += self._spread(one, facts, state, steps, None)

    def _spread(
        self,
        one: InForce,
        facts: SensorFacts,
        state: Any,
        steps: Iterable[Step],
        arrived_ms: int | None,
    ) -> Iterator[Found]:
        """Pass a sensor's steps on, and to the combinations over its zones."""
        for step in steps:
            yield Found(one, facts.subject, step, arrived_ms)
            ended = step.to in ("cleared", "latched")
            severity = None if ended else step.severity
            for combination in self.rulebook.over(one.code):
                for zone in facts.zones:
                    yield from self._term(
                        combination.code,
                        zone.text,
                        one.code,
                        facts.subject.text,
                        severity,
                        step.at_ms,
                        step.observed_ms,
                    )

    def _term(
        self,
        code: str,
        zone: str,
        rule_code: str,
        subject: str,
        severity: str | None,
        at_ms: int,
        observed_ms: int | None = None,
    ) -> Iterator[Found]:
        """Tell a combination over a zone what a rule now holds for a subject in it."""
        one, key = self._combinations[code], (code, zone)
        if key not in self.zones:
            self.zones[key] = (
                judge.fresh_state(one.rule) if self.read_zone is None else self.read_zone(one, zone)
            )
        self._zones_touched.add(key)
        steps = judge.on_term(
            one.rule, self.zones[key], rule_code, subject, severity, at_ms, observed_ms
        )
        yield from (Found(one, self.bindings.zones[zone], step) for step in steps)


def keep_zone(one: InForce, state: Any) -> bytes:
    """Pack what a combination remembers of a zone, with the version that judged."""
    return msgspec.msgpack.encode([one.version, judge.dump(one.rule, state)])


def load_zone(one: InForce, packed: bytes) -> tuple[Any, bool]:
    """Return what `keep_zone` packed, and whether another version had judged.

    Of that version's state it then knows what was heard, and has no verdict yet.
    """
    version, dumped = msgspec.msgpack.decode(packed)
    if version == one.version:
        return judge.load(one.rule, dumped), False
    state = judge.fresh_state(one.rule)
    cast(Any, state).hear_again(one.rule, dumped)
    return state, True


def _retired_ms(facts: SensorFacts | None) -> int | None:
    """Return since when a sensor is retired, if it is."""
    if facts is None or not facts.retired or not facts.stretches:
        return None
    return facts.stretches[-1].since_ms


def delay_of(at_ms: int, arrived_ms: int, interval_ms: int) -> str:
    """Return `fresh`, `delayed` or `history` for a reading by how late it came."""
    delay_ms = arrived_ms - at_ms
    if delay_ms > HISTORY_MS:
        return "history"
    longest = max(LATE_INTERVALS * interval_ms, LATEST_FRESH_MS)
    return "delayed" if delay_ms > longest else "fresh"


def _remember(
    facts: SensorFacts, rulebook: Rulebook, row: RowOf[Any] | None, memory: SensorMemory
) -> list[Cold]:
    """Fill a sensor's memory; return its rules that are new to its stored past."""
    cold = []
    packed: dict[str, Any] = {}
    if row is not None:
        memory.heard_ms, memory.at_ms = row.heard_ms, row.at_ms
        memory.stored_ms = max(row.at_ms or 0, row.stored_ms or 0) or None
        memory.value, memory.quality = row.value, row.quality
        memory.silent_since_ms, memory.due_ms = row.silent_since_ms, row.due_ms
        memory.behind_since_ms = row.behind_since_ms
        if row.rules:
            memory.stretch_ms, packed, *gone = msgspec.msgpack.decode(row.rules)
            memory.gone_ms = gone[0] if gone else None
    rules = () if facts.retired else rulebook.for_sensor(facts)
    if packed.keys() - {one.code for one in rules}:
        memory.touch()  # what is no rule's must not be there should the rule come back
    memory.rules = rules
    states = []
    for place, one in enumerate(rules):
        version, dumped = packed.get(one.code, (None, None))
        if version == one.version:
            state = judge.load(one.rule, dumped)
        else:
            state = judge.fresh_state(one.rule, facts.quantity)
            if memory.at_ms is not None:
                memory.touch()
                if one.kind != "silence":
                    cold.append(Cold(memory, place, version is not None))
        states.append(state)
    memory.states = states[:]  # without the room that a growing list keeps
    return cold
