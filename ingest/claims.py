"""Loads what has waited: readings of a channel that was claimed, messages that were refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ingest import own_profiles, rollups, storing
from ingest.bindings import Bindings, SensorFacts
from ingest.formats.decode import decode
from ingest.formats.decoded import Measurement
from ingest.formats.memory import Memory
from ingest.formats.times import AHEAD_GOOD_MS
from ingest.lessons import Lessons
from ingest.message import Message
from ingest.own_device import held_to_key
from ingest.storing import Row
from ingest.work_role import Task
from models import stored
from models.claim import CLAIM, DECODE_AGAIN
from models.clock import site_now
from models.errors import Missing
from models.pulse import bump, registry_version
from models.reading import Channel, Quarantined, SensorState, WaitingReading
from models.share import share_numbers, wait_for_owner
from models.store import Store
from models.times import to_ms
from models.units import quality_of, to_canonical

MOST_ROWS = 2000  # in one transaction: live messages wait for it


def load_claimed(task: Task) -> Mapping[str, Any]:
    """Load the waiting readings of a claimed channel, oldest first; they are judged no more."""
    place = str(task.arguments["device"]), str(task.arguments["channel"])
    loaded, after_ms = 0, -1
    _wait_for_who_knows_no_claim(task.store)
    while True:
        with task.store.writing() as session:
            facts, bindings = _facts(session, int(task.arguments["sensor"]))
            waiting = _waiting(session, place, after_ms)
            if not waiting:
                session.get_one(Channel, place).claimed = True  # one of those may have said no
                bump(session, registry=True)  # the ingester reads its memory anew
                return {"loaded": loaded}
            mine = [one for one in waiting if _belongs(bindings, place, one, facts)]
            loaded += _insert(session, bindings, facts, mine)
            after_ms = waiting[-1].at_ms
            _forget(session, place, [one.at_ms for one in mine])
        task.report(0.5)


def decode_again(task: Task) -> Mapping[str, Any]:
    """Read refused messages once more; what can be used now is stored, and judged no more."""
    taken = readings = 0
    ids = [int(one) for one in task.arguments["ids"]]
    with task.store.reading() as session:
        memory = Memory(profiles=own_profiles.load(session))
        Lessons().recall(session, memory)
    for number, message_id in enumerate(ids):
        with task.store.writing() as session:
            found = _decode_one(session, message_id, memory)
            if found is not None:
                taken, readings = taken + 1, readings + found
        task.report(number / len(ids))
    return {"decoded": taken, "readings": readings}


HANDLERS = {CLAIM: load_claimed, DECODE_AGAIN: decode_again}


def _wait_for_who_knows_no_claim(store: Store) -> None:
    """Let end what an ingester began before the claim: it still lets readings wait.

    On SQLite nobody writes beside a claim.
    """
    if store.is_sqlite:
        return
    with store.reading() as session:
        numbers = share_numbers(session)
    for number in numbers:
        with store.writing() as session:
            wait_for_owner(session, number)


def _facts(session: Session, key: int) -> tuple[SensorFacts, Bindings]:
    bindings = Bindings.load(session, registry_version(session))
    if key not in bindings.sensors:
        raise Missing("sensor", key)
    return bindings.sensors[key], bindings


def _waiting(session: Session, place: tuple[str, str], after_ms: int) -> Sequence[WaitingReading]:
    device, channel = place
    return session.scalars(
        select(WaitingReading)
        .where(
            WaitingReading.device == device,
            WaitingReading.channel == channel,
            WaitingReading.at_ms > after_ms,
        )
        .order_by(WaitingReading.at_ms)
        .limit(MOST_ROWS)
    ).all()


def _belongs(
    bindings: Bindings, place: tuple[str, str], one: WaitingReading, facts: SensorFacts
) -> bool:
    return bindings.sensor_of(*place, one.at_ms) == facts.key


def _row(facts: SensorFacts, one: WaitingReading) -> Row:
    value = one.value
    if value is not None:
        value = to_canonical(value, one.unit or facts.unit, facts.quantity)
    raw = None if value == one.value else one.value
    quality = quality_of(facts.quantity, value, None, None)
    return Row.of(facts.key, one.at_ms, value, quality, raw, one.received_ms)


def _insert(
    session: Session, bindings: Bindings, facts: SensorFacts, waiting: Sequence[WaitingReading]
) -> int:
    """Insert what is not there yet, with its hours and days."""
    if not waiting:
        return 0
    instants = [one.at_ms for one in waiting]
    there = stored.between(session, facts.key, min(instants) - 1, max(instants))
    known = {one.at_ms for one in there}
    new = {one.at_ms: one for one in waiting if one.at_ms not in known}
    rows = {at_ms: _row(facts, one) for at_ms, one in new.items()}
    rollups.keep(session, bindings.sensors, rows.values())
    if new:
        newest_ms = max(new)
        _note_newest(session, facts, rows[newest_ms], new[newest_ms].received_ms)
    return len(new)


def _note_newest(session: Session, facts: SensorFacts, last: Row, arrived_ms: int) -> None:
    """A sensor that has not spoken yet shows the last that waited, and was heard then."""
    state = session.get(SensorState, facts.key)
    if state is None:
        state = SensorState(sensor=facts.key)
        session.add(state)
    at_ms = min(last.at_ms, arrived_ms + AHEAD_GOOD_MS)  # one told ahead hides none to come
    if last.at_ms > max(at_ms, state.stored_ms or 0):
        state.stored_ms = last.at_ms
    if state.at_ms is None or state.at_ms < at_ms:
        state.at_ms, state.value, state.quality = at_ms, last.value, last.quality
        state.heard_ms = max(state.heard_ms or 0, arrived_ms)
        state.due_ms = state.heard_ms + facts.silent_after_ms
    session.flush()


def _forget(session: Session, place: tuple[str, str], instants: Sequence[int]) -> None:
    device, channel = place
    session.execute(
        delete(WaitingReading).where(
            WaitingReading.device == device,
            WaitingReading.channel == channel,
            WaitingReading.at_ms.in_(list(instants)),
        )
    )


def _decode_one(session: Session, message_id: int, memory: Memory) -> int | None:
    """Return how many readings a refused message gives now, None where it is still refused."""
    row = session.get(Quarantined, message_id)
    if row is None:
        raise Missing("message", message_id)
    message = _message(row)
    outcome = held_to_key(message, decode(message, memory))
    now = site_now(session)
    session.execute(
        update(Quarantined).where(Quarantined.id == row.id).values(decoded_again_at=now)
    )
    if outcome.outcome not in ("accept", "partial"):
        if outcome.reason is not None:
            row.reason = outcome.reason.to_json()
        return None
    bindings = Bindings.load(session, registry_version(session))
    stored = 0
    for measurement in outcome.measurements:
        stored += _store(session, bindings, message, measurement)
    bump(session, registry=True)
    return stored


def _store(session: Session, bindings: Bindings, message: Message, measurement: Measurement) -> int:
    waiting = {
        "device": measurement.device,
        "channel": measurement.channel,
        "at_ms": measurement.at_ms,
        "value": measurement.value,
        "unit": measurement.unit or measurement.raw_unit,
        "received_ms": message.received_ms,
    }
    key = bindings.sensor_of(measurement.device, measurement.channel, measurement.at_ms)
    if key is None:
        storing.keep_waiting(session, [waiting])
        return 0
    return _insert(session, bindings, bindings.sensors[key], [WaitingReading(**waiting)])


def _message(row: Quarantined) -> Message:
    return Message(
        row.topic,
        row.payload,
        to_ms(row.received_at),
        qos=row.qos,
        retain=row.retain,
        client=row.client,
        device=row.device,
        source=row.source,
    )
