"""What an alert's page shows beside the alert: its rule and record, neighbours, zones, members."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from models.alert import LABELS, Alert
from models.closure import IN_FORCE, Closure
from models.notice import Notice
from models.people import Actor
from models.reasons import Reason
from models.registry import Building, Drawing, Element, Pin, Zone
from models.rulebook import RuleRow, RuleVersion
from models.rules.parsing import parse_rule
from models.rules.spec import Rule
from models.scene import Seen, see_where
from models.sensor import Sensor
from models.zoning import elements_in

NEIGHBOURS = 6
MOST_ZONES = 3


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


def rule_with_record(
    session: Session, code: str, number: int
) -> tuple[RuleVersion, Rule, Record] | None:
    """Return a rule as it was in that version, and how it has fared; one query."""
    counts = [_count(code), *(_count(code, label) for label in LABELS)]
    row = session.execute(
        select(RuleVersion, *counts)
        .join(RuleVersion.rule)
        .where(RuleRow.code == code, RuleVersion.number == number)
    ).first()
    if row is None:
        return None
    version, fires, *labelled = row
    record = Record(fires, dict(zip(LABELS, labelled, strict=True)))
    return version, parse_rule(version.spec), record


def _count(code: str, label: str | None = None) -> ScalarSelect[int]:
    mine = select(func.count()).select_from(Alert).where(Alert.rule_code == code)
    return (mine if label is None else mine.where(Alert.label == label)).scalar_subquery()


def record_of(session: Session, rule_code: str) -> Record:
    """Count a rule's episodes by label."""
    rows = session.execute(
        select(Alert.label, func.count()).where(Alert.rule_code == rule_code).group_by(Alert.label)
    ).all()
    labels = {label: count for label, count in rows if label in LABELS}
    return Record(sum(count for _, count in rows), labels)


def around(session: Session, actor: Actor, alert: Alert, now: datetime) -> list[Seen]:
    """Return all sensors of the alert's site as they stand; two queries."""
    if alert.site_id is None:
        return []
    live = session.scalars(select(Alert).where(Alert.live, Alert.site_id == alert.site_id)).all()
    return see_where(session, actor, live, now, Sensor.site_id == alert.site_id)


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
    shut = (Closure.zone_id == Zone.id) & Closure.state.in_(IN_FORCE)
    rows = session.execute(
        select(Zone, Closure).outerjoin(Closure, shut).where(Zone.site_id == alert.site_id)
    ).all()
    elements = session.scalars(
        select(Element)
        .join(Element.building)
        .where(Building.site_id == alert.site_id, Element.retired.is_(False))
        .options(contains_eager(Element.building))
    ).all()
    zones = [zone for zone, _ in rows]
    closures = {zone.id: closure for zone, closure in rows}
    return [
        ZoneChoice(zone, _highest(elements_in(zone, zones, elements)), closures[zone.id])
        for zone in _concerned(alert, zones)[:MOST_ZONES]
    ]


def _concerned(alert: Alert, zones: Sequence[Zone]) -> list[Zone]:
    """Return the alert's own zone, else those that name its element, else its building."""
    if alert.zone is not None:
        return [alert.zone]
    sensor = alert.sensor
    element = str(alert.element_id or (sensor.element_id if sensor else None))
    building = building_of(alert)
    place = str(building.id) if building else ""
    by_element = [zone for zone in zones if element in map(str, zone.element_ids)]
    by_building = [zone for zone in zones if place in map(str, zone.building_ids)]
    found = [*by_element, *(zone for zone in by_building if zone not in by_element)]
    return [zone for zone in found if not zone.retired]


def _highest(elements: Sequence[Element]) -> float | None:
    """What falls may land as far away as the highest element is high."""
    return max((one.height_m for one in elements if one.height_m is not None), default=None)


def building_of(alert: Alert) -> Building | None:
    """Return the building that it is about; one without zones is shut as a whole."""
    if alert.element is not None:
        return alert.element.building
    return alert.sensor.building if alert.sensor is not None else None


def notices_about(session: Session, alert: Alert) -> list[Notice]:
    """Return who was told what, the newest first."""
    mine = select(Notice).where(Notice.alert_id == alert.id).options(joinedload(Notice.person))
    return list(session.scalars(mine.order_by(Notice.created_at.desc(), Notice.channel)))


def drawing_with(session: Session, sensor_id: uuid.UUID | None) -> tuple[Drawing, Pin] | None:
    """Return the drawing on which a sensor has its pin, and the pin; one query."""
    if sensor_id is None:
        return None
    drawn = select(Pin.drawing_id).where(Pin.sensor_id == sensor_id)
    drawing = session.scalars(
        select(Drawing)
        .where(Drawing.id.in_(drawn))
        .options(joinedload(Drawing.pins))
        .order_by(Drawing.code)
    ).first()
    if drawing is None:
        return None
    return drawing, next(pin for pin in drawing.pins if pin.sensor_id == sensor_id)
