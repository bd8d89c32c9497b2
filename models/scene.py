"""What is to be seen at a place: its sensors with their latest values, standing and alerts."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from models.alert import Alert, rank
from models.people import Actor
from models.reading import SensorState
from models.readings import NEVER, Correction, Latest, latest, latest_columns
from models.registry import Element, Site
from models.sensor import Sensor
from models.stored import BELIEVABLE
from models.times import to_ms

STANDINGS = ("fresh", "stale", "unknown", "never", "by_hand", "retired")


@dataclass(frozen=True, slots=True)
class Seen:
    """A sensor as a page shows it."""

    sensor: Sensor
    latest: Latest
    standing: str
    value: float | None
    """Corrected by the sensor's epochs; None where the last reading can't be believed."""
    alerts: tuple[Alert, ...] = ()

    @property
    def alert(self) -> Alert | None:
        """The worst live alert about what it measures; silence is told by its standing."""
        told = [alert for alert in self.alerts if not is_silence(alert)]
        return max(told, key=lambda alert: rank(alert.severity), default=None)

    @property
    def level(self) -> str:
        """`critical` … `low`, `normal`, or `unknown`: whoever is not heard is never normal."""
        if self.alert is not None:
            return self.alert.severity
        if self.standing not in ("fresh", "by_hand") or self.value is None:
            return "unknown"
        return "normal"

    @property
    def is_known(self) -> bool:
        """Whether the value can be read as of now."""
        return self.standing in ("fresh", "by_hand") and self.value is not None


def is_silence(alert: Alert) -> bool:
    """Whether an alert says only that nothing is heard."""
    return str(alert.reason.get("code", "")).startswith("silence.")


def sensors_where(session: Session, actor: Actor, *conditions: ColumnElement[bool]) -> list[Sensor]:
    """Return sensors that the actor may see, with their places and epochs; one query."""
    found: Sequence[Sensor] = session.scalars(_sensors(actor, *conditions)).unique().all()
    return list(found)


def _sensors(actor: Actor, *conditions: ColumnElement[bool]) -> Select[Sensor]:
    # Epochs are few, so that joining them costs less than a query of their own.
    return (
        select(Sensor)
        .join(Sensor.site)
        .outerjoin(Sensor.element)
        .where(Sensor.visible_to(actor), *conditions)
        .options(
            contains_eager(Sensor.site),
            contains_eager(Sensor.element).joinedload(Element.building),
            joinedload(Sensor.building),
            joinedload(Sensor.epochs),
        )
        .order_by(Site.code, Sensor.code)
    )


def see_where(
    session: Session,
    actor: Actor,
    alerts: Iterable[Alert],
    now: datetime,
    *conditions: ColumnElement[bool],
) -> list[Seen]:
    """Return sensors with their latest and their live alerts; one query."""
    statement = _sensors(actor, *conditions).outerjoin(
        SensorState, SensorState.sensor == Sensor.key
    )
    rows = session.execute(statement.add_columns(*latest_columns())).unique().all()
    states = {row[0].key: Latest(*row[1:]) for row in rows}
    return seen_with([row[0] for row in rows], states, alerts, now)


def see(
    session: Session, sensors: Sequence[Sensor], alerts: Iterable[Alert], now: datetime
) -> list[Seen]:
    """Return known sensors with their latest and their live alerts; one query."""
    states = latest(session, [sensor.key for sensor in sensors])
    return seen_with(sensors, states, alerts, now)


def seen_with(
    sensors: Sequence[Sensor],
    states: Mapping[int, Latest],
    alerts: Iterable[Alert],
    now: datetime,
) -> list[Seen]:
    """Return sensors joined with what is known of them."""
    by_sensor: dict[uuid.UUID, list[Alert]] = {}
    for alert in alerts:
        if alert.sensor_id is not None and alert.live:
            by_sensor.setdefault(alert.sensor_id, []).append(alert)
    found = []
    for sensor in sensors:
        state = states.get(sensor.key, NEVER)
        found.append(
            Seen(
                sensor,
                state,
                standing(sensor, state, now),
                value_of(sensor, state),
                tuple(by_sensor.get(sensor.id, ())),
            )
        )
    return found


def standing(sensor: Sensor, state: Latest, now: datetime) -> str:
    """Return how a sensor stands: never simply 'normal'."""
    if sensor.retired_at is not None:
        return "retired"
    if sensor.epochs and sensor.epochs[-1].device is None and state.heard_ms is None:
        return "by_hand"  # no device reads it, so nothing can fall silent
    return state.standing(to_ms(now), sensor.interval_s)


def value_of(sensor: Sensor, state: Latest) -> float | None:
    """Return the last value as the site understands it; None where it can't be believed."""
    if state.at_ms is None or (state.quality or 0) > BELIEVABLE:
        return None
    return Correction(sensor)(state.at_ms, state.value)


def worst_of(alerts: Iterable[Alert]) -> str | None:
    """Return the highest severity, or None."""
    return max((alert.severity for alert in alerts), key=rank, default=None)
