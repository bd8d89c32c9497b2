"""What an alert's page shows beside the alert: its rule and record, neighbours, zones, members."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models.alert import LABELS, Alert
from models.closure import IN_FORCE, Closure
from models.notice import Notice
from models.people import Actor
from models.reasons import Reason
from models.registry import Building, Drawing, Pin, Zone
from models.rulebook import RuleRow, RuleVersion
from models.rules.parsing import parse_rule
from models.rules.spec import Rule
from models.scene import Seen, see, sensors_where
from models.sensor import Sensor
from models.zoning import proposed_radius_m, zones_with

NEIGHBOURS = 6


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a rule's alerts so far."""

    fires: int
    labels: dict[str, int] = field(default_factory=dict)

    @property
    def unlabelled(self) -> int:
        """Episodes of which nobody has said what they were."""
        return self.fires - sum(self.labels.values())


@dataclass(frozen=True, slots=True)
class ZoneChoice:
    """A zone that can be shut from here, or is."""

    zone: Zone
    radius_m: float | None
    closure: Closure | None


def rule_version(session: Session, code: str, number: int) -> tuple[RuleVersion, Rule] | None:
    """Return a rule as it was in that version."""
    row = session.scalars(
        select(RuleVersion)
        .join(RuleVersion.rule)
        .where(RuleRow.code == code, RuleVersion.number == number)
    ).first()
    return None if row is None else (row, parse_rule(row.spec))


def record_of(session: Session, rule_code: str) -> Record:
    """Count a rule's episodes by label."""
    rows = session.execute(
        select(Alert.label, func.count()).where(Alert.rule_code == rule_code).group_by(Alert.label)
    ).all()
    labels = {label: count for label, count in rows if label in LABELS}
    return Record(sum(count for _, count in rows), labels)


def around(
    session: Session, actor: Actor, alert: Alert, now: datetime
) -> list[Seen]:
    """Return all sensors of the alert's site as they stand, with live alerts; four queries."""
    if alert.site_id is None:
        return []
    sensors = sensors_where(session, actor, Sensor.site_id == alert.site_id)
    live = session.scalars(select(Alert).where(Alert.live, Alert.site_id == alert.site_id)).all()
    return see(session, sensors, live, now)


def neighbours(alert: Alert, seen: Sequence[Seen]) -> list[Seen]:
    """Return the nearest other sensors in service: same element, then same building."""
    mine = alert.sensor
    if mine is None:
        return []
    near = [
        one
        for one in seen
        if one.sensor.id != mine.id
        and one.sensor.retired_at is None
        and (mine.building_id is None or one.sensor.building_id == mine.building_id)
    ]
    near.sort(
        key=lambda one: (
            one.sensor.element_id is None or one.sensor.element_id != mine.element_id,
            one.sensor.quantity != mine.quantity,
            one.sensor.code,
        )
    )
    return near[:NEIGHBOURS]


def members(alert: Alert, seen: Sequence[Seen]) -> list[tuple[Seen, dict[str, Any]]]:
    """Return the sensors whose verdicts came together in a combination, each with its term."""
    terms = Reason.from_json(alert.reason).values.get("terms") or []
    by_subject = {f"sensor:{one.sensor.site.code}/{one.sensor.code}": one for one in seen}
    found: dict[str, tuple[Seen, dict[str, Any]]] = {}
    for term in terms:
        subject = str(term.get("subject", ""))
        if subject in by_subject:
            found.setdefault(subject, (by_subject[subject], term))
    return list(found.values())


def zone_choices(session: Session, alert: Alert) -> list[ZoneChoice]:
    """Return the zones that shutting would protect people from this, the narrowest first."""
    if alert.site_id is None:
        return []
    zones = _zones(session, alert)
    closures = session.scalars(
        select(Closure).where(
            Closure.zone_id.in_([zone.id for zone in zones]), Closure.state.in_(IN_FORCE)
        )
    )
    shut = {closure.zone_id: closure for closure in closures}
    return [
        ZoneChoice(zone, proposed_radius_m(session, zone), shut.get(zone.id)) for zone in zones
    ]


def _zones(session: Session, alert: Alert) -> list[Zone]:
    assert alert.site_id is not None
    if alert.zone is not None:
        return [alert.zone]
    sensor = alert.sensor
    element_id = alert.element_id or (sensor.element_id if sensor else None)
    building_id = sensor.building_id if sensor else None
    if element_id is None and building_id is None:
        return []
    found = zones_with(
        session, alert.site_id, building_id=building_id, element_id=element_id
    )
    return found[:3]


def building_of(alert: Alert) -> Building | None:
    """Return the building that it is about; one without zones is shut as a whole."""
    if alert.element is not None:
        return alert.element.building
    return alert.sensor.building if alert.sensor is not None else None


def notices_about(session: Session, alert: Alert) -> list[Notice]:
    """Return who was told what, the newest first."""
    mine = select(Notice).where(Notice.alert_id == alert.id).options(joinedload(Notice.person))
    return list(session.scalars(mine.order_by(Notice.created_at.desc(), Notice.channel)))


def drawing_with(
    session: Session, site_id: uuid.UUID | None, sensor_id: uuid.UUID | None
) -> tuple[Drawing, Pin] | None:
    """Return the drawing on which a sensor has its pin; one query."""
    if sensor_id is None:
        return None
    pin = session.scalars(
        select(Pin)
        .join(Pin.drawing)
        .where(Pin.sensor_id == sensor_id, Drawing.site_id == site_id)
        .options(joinedload(Pin.drawing))
        .order_by(Drawing.code)
    ).first()
    return None if pin is None else (pin.drawing, pin)
