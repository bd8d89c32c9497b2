"""Does a backtest that is too long for a page or a call to wait for."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.backtest import Fired, would_have_fired
from models.rules.parsing import parse_rule
from models.sensor import Sensor
from models.store import Store
from models.times import iso
from models.words.render import moment

MOST_STEPS = 10_000


class Task(Protocol):
    """What the work role hands over: the store, what was asked for, and how to say how far."""

    store: Store
    arguments: Mapping[str, Any]

    def report(self, progress: float) -> None:
        """Say how far it is, 0 to 1."""


def backtest(task: Task) -> Mapping[str, Any]:
    """Judge the sensors one after the other; the result is a list of steps in order of sensors."""
    asked = task.arguments
    rule = parse_rule(asked["spec"])
    since, until = moment(asked["since"]), moment(asked["until"])
    steps: list[dict[str, Any]] = []
    for number, key in enumerate(asked["sensors"]):
        with task.store.reading() as session:
            sensor = _sensor(session, uuid.UUID(key))
            steps += map(_told, would_have_fired(session, rule, sensor, since, until))
        task.report((number + 1) / len(asked["sensors"]))
    return {"rule": rule.code, "items": steps[:MOST_STEPS], "cut": len(steps) > MOST_STEPS}


def _sensor(session: Session, key: uuid.UUID) -> Sensor:
    whole = (joinedload(Sensor.site), selectinload(Sensor.epochs))
    return session.scalars(select(Sensor).where(Sensor.id == key).options(*whole)).one()


def _told(fired: Fired) -> dict[str, Any]:
    sensor, step = fired
    return {
        "subject": sensor.subject,
        "to": step.to,
        "severity": step.severity,
        "at": iso(step.at_ms),
        "observed_at": iso(step.observed_ms),
        "value": step.value,
        "limit": step.limit,
        "reason": step.reason.to_json(),
    }


HANDLERS: Mapping[str, Callable[[Any], Mapping[str, Any]]] = {"backtest": backtest}
