"""Notices who has fallen silent: unknown until heard again, and never while nobody listened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from ingest import alerting
from ingest.judging import Judges
from models.rules.judge import silence_due_ms
from models.times import from_ms, to_ms


def heard(session: Session, judges: Judges, key: int, received_ms: int) -> None:
    """Note that a sensor spoke, whatever it said: it is known again, not healed."""
    memory, facts = judges.sensors[key], judges.bindings.sensors[key]
    if facts.retired:
        return
    if memory.heard_ms is None or received_ms > memory.heard_ms:
        memory.heard_ms, memory.gone_ms = received_ms, None
        memory.due_ms = silence_due_ms(facts.interval_ms / 1000, received_ms)
        memory.touch()
        if memory.queued_s is None:
            judges.expect(memory)
    if memory.silent_since_ms is not None:
        memory.silent_since_ms = None
        alerting.become_known(session, facts.subject, from_ms(received_ms))


def gone(judges: Judges, device: str, at_ms: int) -> None:
    """Note a device's will message: its sensors have one tick left to be heard again."""
    for key in judges.bindings.by_device.get(device, ()):
        memory, facts = judges.sensors[key], judges.bindings.sensors[key]
        if memory.heard_ms is not None:
            memory.gone_ms = at_ms
            interval_s = facts.interval_ms / 1000
            memory.due_ms = silence_due_ms(interval_s, memory.heard_ms, at_ms)
            memory.touch()
            judges.expect(memory)


def notice(session: Session, judges: Judges, now: datetime, listening_since_ms: int | None) -> None:
    """Turn sensors unknown that were not heard for three intervals and a tick."""
    now_ms = to_ms(now)
    for key in judges.overdue(now_ms):
        memory, facts = judges.sensors[key], judges.bindings.sensors[key]
        if memory.heard_ms is None or memory.due_ms is None or memory.silent_since_ms is not None:
            continue
        deaf_ms = max(0, (listening_since_ms or 0) - memory.heard_ms)
        if facts.retired or memory.due_ms + deaf_ms > now_ms:
            continue
        memory.silent_since_ms = memory.heard_ms
        memory.touch()
        alerting.become_unknown(session, facts.subject, memory.heard_ms, now)
