"""Takes messages to readings, verdicts, alerts and notices: the paragraph to read first."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ingest import alerting, rain, rollups, silence, storing, watching
from ingest.bindings import Bindings, SensorFacts
from ingest.commons import Commons
from ingest.devices import MANY_SENSORS, Heard
from ingest.exactly_once import ExactlyOnce
from ingest.formats.decode import decode
from ingest.formats.decoded import GOOD, Decoded, Measurement, Unreadable, quarantined
from ingest.formats.memory import Memory
from ingest.formats.times import AHEAD_GOOD_MS
from ingest.gaps import Gaps
from ingest.judging import Found, Judges, SensorMemory, delay_of
from ingest.lessons import Lessons
from ingest.message import Message
from ingest.own_device import held_to_key
from ingest.own_profiles import OwnProfiles
from ingest.rain import Caught
from ingest.repeats import Repeats
from ingest.replaying import HISTORY_MS
from ingest.rulebook import Rulebook
from ingest.saving import may_lag
from ingest.spoke import Spoke
from ingest.storing import LATE_MS, Refused, Row, Rows
from ingest.strangers import Strangers
from ingest.unjudged import unjudged
from ingest.watermarks import Watermarks
from ingest.weak import Weak
from models import stored
from models.packed import Stored
from models.pulse import bump, registry_version
from models.rules.judge import Sample
from models.times import from_ms, to_ms
from models.units import BAD, NOT_EVALUATED, canonical_unit, quality_of, to_canonical

log = logging.getLogger(__name__)

CLOCK_TOPIC = "ridgewatch/$clock"
OWN = "$ridgewatch/"  # of what a source itself says
LOST_TOPIC = "$ridgewatch/session-lost/"
GONE_TOPIC = "$ridgewatch/gone/"
# Formats that leave out what has not changed: a device that speaks vouches for all its channels.
# Of the others a channel that is no longer told has fallen silent, whatever its device still says.
TELL_CHANGES_ALONE = frozenset({"sparkplug_b", "shelly_gen2", "ha_discovery"})


@dataclass
class Batch:
    """What one transaction takes in; built up by the pipeline, written at its end."""

    decoded: Sequence[tuple[Message, Decoded]] = ()
    refused: list[Refused] = field(default_factory=list)
    rows: Rows = field(default_factory=Rows)
    rain: list[Caught] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    out_of_order: dict[int, list[Stored]] = field(default_factory=dict)  # by sensor
    there: dict[tuple[int, int], Stored] | None = None  # of its late instants; None: not looked up
    readings: int = 0
    repeats: int = 0


class Pipeline:
    """Decode, bind, store, judge; the caller owns the transaction and acknowledges after it.

    A transaction is `begin`, any number of `take` and `tick`, then `flush`, then its commit.
    What is remembered between batches mirrors the database. After a failed transaction the
    mirror is wrong: call `forget`, and it is read anew.
    """

    def __init__(self, memory: Memory | None = None, commons: Commons | None = None) -> None:
        self.memory = memory or Memory()
        self.commons = commons  # what other ingesters write too; None where there is only this one
        self.lessons = Lessons(0 if commons is None else commons.number)
        self.profiles = OwnProfiles()
        self.repeats = Repeats()
        self.exactly_once = ExactlyOnce()
        self.strangers = Strangers()
        self.heard = Heard()
        self.gaps = Gaps()
        self.weak = Weak()
        self.rain = rain.RainMemory()
        self.judges: Judges | None = None
        self.watermarks = Watermarks()
        self.spoke = Spoke()

    def decode(self, messages: Sequence[Message]) -> list[tuple[Message, Decoded]]:
        """Read messages; done before the write lock is taken, since it needs no database."""
        decoded = []
        for message in messages:
            topic = message.topic
            if topic.startswith(OWN) or topic == CLOCK_TOPIC:
                outcome = Decoded("ignore", format="source")
            else:
                outcome = decode(message, self.memory)
            if message.device is not None:
                outcome = held_to_key(message, outcome)
            if outcome.learned:
                self.memory.learn(outcome.learned)
            decoded.append((message, outcome))
        return decoded

    def recall(self, session: Session) -> None:
        """Read what messages taught the formats, and the profiles in use; before `decode`."""
        self.lessons.recall(session, self.memory)
        self.profiles.recall(session, self.memory)

    def begin(
        self,
        session: Session,
        version: int | None = None,
        loads: Callable[[], object] = lambda: None,
        now: datetime | None = None,
    ) -> None:
        """Start a transaction: read the registry and the memory where they are not up to date.

        `version`: the registry's, where it is known. `loads` is called before all is read, which
        takes a while where there are many sensors. `now`: site time, unless messages lead it.
        """
        self.watermarks.keep()
        self.repeats.keep()
        if version is None:
            version = registry_version(session)
        if self.judges is not None and self.judges.bindings.version == version:
            return
        loads()
        rollups.hold_open(session)
        # With several ingesters a sensor may be another's by now; of what lags, readings tell.
        if self.judges is not None and self.commons is None:
            self.judges.learn_who_is_unknown(session)
            self.judges.save(session, 0, whole=True)
        bindings, rulebook = Bindings.load(session, version), Rulebook.load(session)
        self.weak.recall(session, bindings.by_device)
        self.strangers.know(bindings.by_device)
        self.heard.sensors = len(bindings.sensors)
        now_ms = None if now is None else to_ms(now)
        if self.commons is None:
            self.judges = Judges.load(session, bindings, rulebook, now_ms=now_ms)
        else:
            self.judges = self.commons.load(session, bindings, rulebook, self.rain, now_ms)
        if self.commons is None or self.commons.leads:
            self.judges.adopted += unjudged(session, bindings, rulebook)
        if len(bindings.sensors) > MANY_SENSORS:
            # What was just read stays: the collector need not walk through it again and again.
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    def take(
        self, session: Session, decoded: Sequence[tuple[Message, Decoded]], now: datetime
    ) -> Batch:
        """Store and judge a batch in the caller's transaction, in order of arrival."""
        judges = self._at_work()
        if self.commons is not None:
            self.commons.before_batch(session, judges, self.rain, decoded)
        self.strangers.begin(to_ms(now))
        batch = Batch(decoded, found=judges.adopted)
        judges.adopted = []
        if decoded:
            judges.unsaved.arrived(decoded[0][0].received_ms)
        for message, outcome in decoded:
            if outcome.plain and not (message.exactly_once or message.retain):
                self._take_plain(session, judges, batch, message, outcome)
            else:
                self.lessons.note(outcome.learned)
                self._take_one(session, judges, batch, message, outcome)
        rollups.keep(session, judges.bindings.sensors, batch.rows)
        storing.quarantine(session, batch.refused)
        self._keep_waiting(session, batch)
        self.gaps.note(session, decoded, self.strangers.admits_sender)
        alerting.write(session, batch.found, now)
        late = judges.again(session, batch.out_of_order)
        alerting.write_late(session, [one for one in late if one.late], now)
        alerting.write(session, [one for one in late if not one.late], now)
        rain.follow(session, self.rain, judges, batch.rain, now)
        return batch

    def tick(self, session: Session, now: datetime, listening_since_ms: int | None = None) -> None:
        """Let time itself speak: silence, delays that ripen, windows that run empty."""
        judges = self._at_work()
        if self.commons is not None:
            self.commons.before_tick(session, judges)
        now_ms = to_ms(now)
        found = [*judges.adopted, *judges.tick(now_ms, listening_since_ms)]
        judges.adopted = []
        alerting.write(session, found, now)  # silence's own alert is there to be called unknown
        silence.notice(session, judges, now, listening_since_ms)
        if self.commons is None or self.commons.leads:
            rain.tick(session, self.rain, judges, now)

    def flush(self, session: Session, now: datetime, *, whole: bool = False) -> None:
        """Write what the batches and ticks of this transaction remember; then commit.

        Sensors' rows may lag behind their readings by seconds unless the `whole` is wanted.
        """
        self.lessons.save(session)
        self.exactly_once.save(session)
        self.heard.write(session, now, self.strangers.admits_device)
        self.strangers.save(session)
        self.gaps.write(session)
        self.rain.save(session)
        if self.judges is not None:
            if self.commons is not None:
                self.commons.before_save(self.judges)
            self.judges.look_ahead(to_ms(now))
            self.judges.save(session, to_ms(now), whole=whole)
        bump(session)
        if self.commons is not None and self.judges is not None:
            self.commons.after(session, self.judges, self.rain)

    def save_what_lags(self, session: Session, now: datetime) -> None:
        """Write some of the sensors' rows that lag, where no batch does it; then commit.

        Several ingesters wait for the next tick, which sees whether the sensors are still theirs.
        """
        if self.judges is not None and self.judges.unsaved.soon and self.commons is None:
            self.judges.save(session, to_ms(now))

    @property
    def rows_lag_ms(self) -> int:
        """By how much sensors' rows may lag, for whoever says how old their latest is."""
        return 0 if self.judges is None else self.judges.unsaved.lag_ms

    def forget(self) -> None:
        """Drop what mirrors the database, and what the failed batch has taught."""
        self.judges = None
        self.heard = Heard()
        self.gaps = Gaps()
        self.weak = Weak()
        self.rain = rain.RainMemory()
        self.lessons.pending = {}
        self.watermarks.forget()
        self.repeats.forget()
        self.exactly_once.forget()

    def watermark(self) -> datetime | None:
        """Return the instant up to which every source has told all, once all have spoken."""
        until_ms = self.watermarks.until_ms()
        return None if until_ms is None else from_ms(until_ms)

    def _keep_waiting(self, session: Session, batch: Batch) -> None:
        """Keep what nobody has claimed, of channels that are written down at all."""
        if not batch.waiting:
            return
        away = self.strangers.of_channels(
            session, ((one["device"], one["channel"]) for one in batch.waiting)
        )
        if away:
            self.heard.leave_out(away)
            batch.waiting = [
                one for one in batch.waiting if (one["device"], one["channel"]) not in away
            ]
        storing.keep_waiting(session, batch.waiting)

    def _at_work(self) -> Judges:
        if self.judges is None:
            raise RuntimeError("a transaction starts with `begin`")
        return self.judges

    def _take_one(
        self, session: Session, judges: Judges, batch: Batch, message: Message, outcome: Decoded
    ) -> None:
        if message.topic == CLOCK_TOPIC:
            self._take_watermark(batch, message)
            return
        if message.topic.startswith(LOST_TOPIC):
            client = message.topic.removeprefix(LOST_TOPIC)
            watching.lose_session(session, client, from_ms(message.received_ms))
            return
        for device in (*outcome.gone, *self._gone(message)):
            silence.gone(judges, device, message.received_ms)
        for device in outcome.devices:
            self._hear(message, device)
            if outcome.format in TELL_CHANGES_ALONE:
                for key in judges.bindings.by_device.get(device, ()):
                    silence.heard(session, judges, key, message.received_ms)
        repeated = message.exactly_once and self.exactly_once.knows(session, message)
        if repeated or self.repeats.knows(message, outcome):
            batch.repeats += 1
            for one in outcome.measurements:
                bound = judges.bindings.sensor_of(one.device, one.channel, one.at_ms)
                if bound is not None:
                    silence.heard(session, judges, bound, message.received_ms)
            return
        measurements = _as_registered(judges, outcome.measurements)
        if outcome.reason is not None and outcome.outcome in ("quarantine", "partial"):
            healed = measurements is not outcome.measurements and not any(
                measurement.fault for measurement in measurements
            )
            if not healed:
                batch.refused.append(Refused(message, outcome.reason, outcome.is_told_once))
        conflict = False
        for measurement in self.weak.marked(measurements):
            conflict |= self._measure(session, judges, batch, message, measurement)
        if conflict:
            why = quarantined("conflicting-duplicate")
            batch.refused.append(Refused(message, why, outcome.is_told_once))

    def _take_plain(
        self, session: Session, judges: Judges, batch: Batch, message: Message, outcome: Decoded
    ) -> None:
        """Take a message of which nothing but its readings has to be looked at.

        Most are such. What this leaves out would change nothing: see `Decoded.plain`.
        """
        for device in outcome.devices:
            self._hear(message, device)
        conflict = False
        for one in self.weak.marked(outcome.measurements):
            if not self._measure_next(judges, batch, message, one):
                conflict |= self._measure(session, judges, batch, message, one)
        if conflict:
            why = quarantined("conflicting-duplicate")
            batch.refused.append(Refused(message, why, outcome.is_told_once))

    def _measure_next(
        self, judges: Judges, batch: Batch, message: Message, one: Measurement
    ) -> bool:
        """Store and judge the next reading of a sensor that is heard as it should be, or its first.

        The same as `_measure`, which is asked for the rest: returns False where the sensor was
        silent or behind, or the reading isn't newer than all before it, or not of now.
        """
        at_ms, received_ms = one.at_ms, message.received_ms
        memory = judges.memory_of(one.device, one.channel, at_ms)
        if memory is None:
            return False
        key, facts, last_ms, heard_ms = memory.key, memory.facts, memory.at_ms, memory.heard_ms
        alike = facts.alike
        if (
            memory.silent_since_ms is not None
            or memory.behind_since_ms is not None
            or alike.retired
            or not received_ms - HISTORY_MS <= at_ms <= received_ms + AHEAD_GOOD_MS
        ):
            return False
        if last_ms is not None and heard_ms is not None:
            if at_ms <= last_ms or at_ms <= (memory.stored_ms or 0):
                return False
        elif last_ms is not None or heard_ms is not None or memory.stored_ms is not None:
            return False
        value, quantity = one.value, alike.quantity
        if one.unit != alike.canonical_unit:
            value = _canonical(facts, one)
        if heard_ms is None or received_ms > heard_ms:
            memory.heard_ms, memory.gone_ms = received_ms, None
            memory.due_ms = received_ms + alike.silent_after_ms
            if memory.queued_s is None:
                judges.expect(memory)
        self.heard.note_bound(message, one, memory)
        if last_ms is None:
            quality = quality_of(quantity, value)
        else:
            before = memory.value if memory.quality == GOOD else None
            if not facts.is_one_instrument(last_ms, at_ms):
                before = None
            quality = quality_of(quantity, value, before, (at_ms - last_ms) / 1000)
        quality = max(one.quality, quality)
        raw = one.raw_value
        raw = float(raw) if raw != value and isinstance(raw, int | float) else None
        batch.rows.append(Row.of(key, at_ms, value, quality, raw, received_ms))
        batch.readings += 1
        if alike.is_rain:
            batch.rain.append(Caught(facts, at_ms, value, quality, received_ms))
        memory.stored_ms = memory.at_ms = at_ms
        memory.value, memory.quality = value, quality
        arrived_ms = received_ms if received_ms > at_ms else at_ms
        sample = tuple.__new__(Sample, (at_ms, value, quality, arrived_ms))  # as in `Row.of`
        found = judges.sample(memory, sample)
        if found:
            batch.found.extend(found)
            memory.touch()
        elif may_lag(quality, received_ms - at_ms <= LATE_MS):
            memory.touch_lightly()
        else:
            memory.touch()
        return True

    def _hear(self, message: Message, device: str) -> None:
        if message.source == "receiver":  # a broker tells nobody's end
            self.spoke.note(message.client, device)
        self.heard.note_device(device, message)

    def _measure(
        self,
        session: Session,
        judges: Judges,
        batch: Batch,
        message: Message,
        measurement: Measurement,
    ) -> bool:
        """Store one measurement and have it judged; True where it contradicts a stored one."""
        at_ms = measurement.at_ms
        key = judges.bindings.sensor_of(measurement.device, measurement.channel, at_ms)
        if key is None:
            batch.waiting.append(_waiting(message, measurement))
            self.heard.note_unclaimed(message, measurement)
            return False
        facts, memory = judges.bindings.sensors[key], judges.sensors[key]
        memory.touch()
        silence.heard(session, judges, key, message.received_ms)
        self.heard.note_bound(message, measurement, memory)
        judged_ms = _judged_ms(memory, message, at_ms)
        unjudged, old = _is_unjudged(message, measurement), _is_old(facts, message, at_ms)
        if not unjudged:
            _note_clock(memory, message, old=old)
        row = _row(facts, memory, message, measurement, judged_ms, unjudged=unjudged)
        newer = memory.at_ms is None or judged_ms > memory.at_ms
        known = None
        if memory.stored_ms is not None and at_ms <= memory.stored_ms:
            known = _stored_or_waiting(session, judges, batch, key, at_ms)
        conflict = known is not None and known != (row.value, row.raw)
        if known is not None:
            batch.repeats += 1
            # What was told ahead of its time must not keep the true reading from the rules.
            if not newer or judged_ms != at_ms:
                return conflict
        else:
            batch.rows.append(row)
            batch.readings += 1
            memory.stored_ms = max(at_ms, memory.stored_ms or at_ms)
            if facts.is_rain:
                caught = Caught(facts, judged_ms, row.value, row.quality, message.received_ms)
                batch.rain.append(caught)
        history = unjudged or old
        if not newer:
            if not history:
                batch.out_of_order.setdefault(key, []).append(row.stored())
            return False
        memory.at_ms, memory.value, memory.quality = judged_ms, row.value, row.quality
        memory.touch()
        if not history:
            sample = Sample(judged_ms, row.value, row.quality, max(message.received_ms, judged_ms))
            batch.found.extend(judges.sample(memory, sample))
        return conflict

    def _take_watermark(self, batch: Batch, message: Message) -> None:
        try:
            self.watermarks.note(message)
        except Unreadable as refusal:
            why = quarantined(refusal.code, **refusal.values)
            batch.refused.append(Refused(message, why))

    def _gone(self, message: Message) -> set[str]:
        """Return the devices that fell silent with a connection that died."""
        if not message.topic.startswith(GONE_TOPIC):
            return set()
        devices = self.spoke.take(message.topic.removeprefix(GONE_TOPIC))
        # Whoever took over a client id has no say over the devices that spoke through it before.
        return devices if message.device is None else devices & {message.device}


def _as_registered(
    judges: Judges, measurements: tuple[Measurement, ...]
) -> tuple[Measurement, ...]:
    """Let the registry say what a channel measures where the message's own words mislead.

    A counter called `rain` looks like an increment that no sky could give; the sensor that the
    channel is bound to says that it is a running total, and so a good one.
    """
    if not any(measurement.fault for measurement in measurements):
        return measurements
    return tuple(_reread(judges, one) if one.fault else one for one in measurements)


def _reread(judges: Judges, measurement: Measurement) -> Measurement:
    place = (measurement.device, measurement.channel, measurement.at_ms)
    key = judges.bindings.sensor_of(*place)
    facts = None if key is None else judges.bindings.sensors[key]
    raw = measurement.raw_value
    if facts is None or facts.quantity == measurement.quantity or measurement.value is not None:
        return measurement
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return measurement
    unit = measurement.raw_unit or facts.unit
    value = to_canonical(float(raw), unit, facts.quantity)
    if value is None:
        return measurement
    canonical = canonical_unit(facts.quantity)
    return measurement._replace(value=value, unit=canonical, quality=GOOD, fault="")


def _is_unjudged(message: Message, measurement: Measurement) -> bool:
    """Return whether a reading is only stored and drawn: replayed, or nobody's measurement.

    It is stored as "not evaluated", so that no rule sees it later either. A broker marks what it
    had kept; to the receiver every message is news.
    """
    kept = message.retain and message.source == "subscriber"
    return measurement.historical or measurement.simulated or kept


def _is_old(facts: SensorFacts, message: Message, at_ms: int) -> bool:
    """Return whether a reading came too late for the rules; its arrival is stored with it."""
    return delay_of(at_ms, message.received_ms, facts.interval_ms) == "history"


def _note_clock(memory: SensorMemory, message: Message, *, old: bool) -> None:
    """Note since when all that comes is old: a clock that is wrong keeps it from the rules."""
    if not old:
        memory.behind_since_ms = None
    elif memory.behind_since_ms is None:
        memory.behind_since_ms = message.received_ms


def _judged_ms(memory: SensorMemory, message: Message, at_ms: int) -> int:
    """Return the instant at which the rules see a reading: its own, unless that is yet to come.

    One told far ahead is judged at receipt, after all before it. At its own instant it would make
    every true reading until then an old one, and its sensor heard from while it is silent.
    """
    if at_ms - message.received_ms <= AHEAD_GOOD_MS:
        return at_ms
    return max(message.received_ms, (memory.at_ms or 0) + 1)


def _row(
    facts: SensorFacts,
    memory: SensorMemory,
    message: Message,
    measurement: Measurement,
    judged_ms: int,
    *,
    unjudged: bool,
) -> Row:
    """Return the reading in the sensor's canonical unit, with the worse of its quality flags."""
    raw = measurement.raw_value
    number = float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else None
    value = _canonical(facts, measurement)
    elapsed_s = None
    previous = memory.value if memory.quality == GOOD else None
    last_ms = memory.at_ms
    if last_ms is not None and judged_ms > last_ms and facts.is_one_instrument(last_ms, judged_ms):
        elapsed_s = (judged_ms - last_ms) / 1000
    else:
        previous = None
    quality = max(measurement.quality, quality_of(facts.quantity, value, previous, elapsed_s))
    if unjudged and quality < BAD:
        quality = NOT_EVALUATED
    raw = number if number != value else None
    return Row.of(facts.key, measurement.at_ms, value, quality, raw, message.received_ms)


def _canonical(facts: SensorFacts, measurement: Measurement) -> float | None:
    """Return the value in the sensor's canonical unit; None where it can't be one of those."""
    value, unit = measurement.value, measurement.unit
    if value is None or (unit and measurement.quantity == facts.quantity):
        return value
    return to_canonical(value, unit or measurement.raw_unit or facts.unit, facts.quantity)


def _stored_or_waiting(
    session: Session, judges: Judges, batch: Batch, key: int, at_ms: int
) -> tuple[float | None, float | None] | None:
    """Return (value, raw) of a reading of this instant, in the table or still in this batch."""
    found: Row | Stored | None = batch.rows.of(key, at_ms)
    if found is None:
        if batch.there is None:
            batch.there = stored.of_instants(session, _late_instants(judges, batch.decoded))
        found = batch.there.get((key, at_ms))
    return None if found is None else (found.value, found.raw)


def _late_instants(
    judges: Judges, decoded: Iterable[tuple[Message, Decoded]]
) -> Iterator[tuple[int, int]]:
    """Yield (sensor, instant) of what a batch tells of times of which something may be stored.

    A gateway that sends what it has kept tells thousands at once. Beyond a sensor's last stored
    reading nothing is in the table, whatever the batch adds to it.
    """
    for one in (one for _, outcome in decoded for one in outcome.measurements):
        key = judges.bindings.sensor_of(one.device, one.channel, one.at_ms)
        if key is not None and one.at_ms <= (judges.sensors[key].stored_ms or -1):
            yield key, one.at_ms


def _waiting(message: Message, measurement: Measurement) -> dict[str, Any]:
    return {
        "device": measurement.device,
        "channel": measurement.channel,
        "at_ms": measurement.at_ms,
        "value": measurement.value,
        "unit": measurement.unit or measurement.raw_unit,
        "received_ms": message.received_ms,
    }
