"""Shutting a zone with one tap, and the public words that go with it."""

import secrets
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Alert
from models.closure import COUNTERSIGN_WITHIN, IN_FORCE, REVIEW_WITHIN, Closure, closure_in_force
from models.codes import next_code
from models.errors import Blocker, Refusal
from models.event import record
from models.incident import Incident
from models.people import Actor, Organisation
from models.reasons import Reason, reason
from models.registry import Building, Element, Site, Zone
from models.rights import require_right
from models.sensor import Sensor
from models.shut_silence import raise_silences
from models.times import iso
from models.workflow import session_of
from models.zoning import proposed_radius_m, zone_of_building, zone_scope, zones_with


def close_zone(
    session: Session,
    zone: Zone,
    *,
    by: Actor,
    now: datetime,
    alert: Alert | None = None,
    incident: Incident | None = None,
    draft: bool = False,
    supersedes: Closure | None = None,
) -> Closure:
    """Shut a zone with one tap: in force and public at once. Raises Refusal; caller commits.

    Everything else about the notice can be completed afterwards; a manager countersigns within
    two hours, which is a deadline and not a condition.
    """
    require_right("closure", by, zone.site_id)
    _refuse_second(session, zone, supersedes if not draft else None, draft)
    radius = proposed_radius_m(session, zone)
    closure = Closure(
        id=uuid.uuid4(),
        code=next_code(session, "closure", zone.site, now),
        token=secrets.token_urlsafe(12),
        site=zone.site,
        zone=zone,
        alert=alert,
        incident=incident or _incident_of(session, alert),
        state="draft",
        why=_public_reason(alert).to_json(),
        issuer=_issuer(session, zone.site),
        signer=_signer(zone.site),
        phone=zone.site.phone,
        radius_m=radius,
        proposed_radius_m=radius,
        began_at=now,
        review_due_at=now + REVIEW_WITHIN,
    )
    if supersedes is not None and not draft:
        _supersede(session, supersedes, closure, by=by, now=now)
    session.add(closure)
    if draft:
        record(closure, "draft", by=by, now=now, after="draft")
    else:
        issue(closure, by=by, now=now)
    return closure


def close_building(
    session: Session, building: Building, *, by: Actor, now: datetime, alert: Alert | None = None
) -> Closure:
    """Shut a whole building; one without zones is one zone."""
    require_right("closure", by, building.site_id)  # before a zone is made for it
    return close_zone(session, zone_of_building(session, building), by=by, now=now, alert=alert)


def is_shut(session: Session, sensor: Sensor) -> bool:
    """Whether a sensor stands in, or serves, a zone that is shut."""
    mine = select(Closure).where(Closure.site_id == sensor.site_id, Closure.state.in_(IN_FORCE))
    return any(
        zone_scope(session, closure.zone).covers_sensor(sensor) for closure in session.scalars(mine)
    )


def place_to_close(session: Session, alert: Alert) -> Zone | Building | None:
    """Return what one tap on an alert would shut: the narrowest zone, else the whole building."""
    if alert.zone is not None:
        return alert.zone
    sensor = alert.sensor
    element_id = alert.element_id or (sensor.element_id if sensor else None)
    building_id = sensor.building_id if sensor else None
    element = session.get(Element, element_id) if element_id else None
    if element is not None:
        building_id = element.building_id
    if alert.site_id is None or building_id is None:
        return None
    zones = zones_with(session, alert.site_id, building_id=building_id, element_id=element_id)
    return zones[0] if zones else session.get(Building, building_id)


def close_for_alert(session: Session, alert: Alert, *, by: Actor, now: datetime) -> Closure:
    """Shut the place of an alert with one tap. Raises Refusal where it has none."""
    place = place_to_close(session, alert)
    if isinstance(place, Building):
        return close_building(session, place, by=by, now=now, alert=alert)
    if place is None:
        raise Refusal(reason("closure.alert_without_place", alert=alert.code))
    return close_zone(session, place, by=by, now=now, alert=alert)


def issue(closure: Closure, *, by: Actor, now: datetime) -> None:
    """Put a notice in force: public from this moment on."""
    closure.issued_at = closure.began_at = now
    closure.issued_by = by.id if by.kind == "person" else None
    closure.countersign_due_at = now + COUNTERSIGN_WITHIN
    closure.review_due_at = now + REVIEW_WITHIN
    due = reason("closure.issued", countersign_by=iso(closure.countersign_due_at))
    closure.step("issue", by=by, now=now, why=due)
    raise_silences(session_of(closure), closure, now)


def _refuse_second(session: Session, zone: Zone, supersedes: Closure | None, draft: bool) -> None:
    standing = closure_in_force(session, zone.id)
    if draft or standing is None or standing is supersedes:
        return
    why = reason("closure.already_closed", zone=zone.name, closure=standing.code)
    raise Refusal(why, [Blocker(why, f"/closures/{standing.id}")])


def _supersede(session: Session, old: Closure, new: Closure, *, by: Actor, now: datetime) -> None:
    """A notice may give way to one that shuts at least as much; opening a part takes the gate."""
    shut, stays = zone_scope(session, old.zone), zone_scope(session, new.zone)
    if not (shut.element_ids <= stays.element_ids and shut.building_ids <= stays.building_ids):
        raise Refusal(reason("closure.supersede_opens", closure=old.code))
    why = reason("closure.superseded_by", closure=new.code)
    old.step("supersede", by=by, now=now, why=why)
    old.ended_at = now
    session.flush()  # before the new one comes in force: a zone has one notice
    session.add(new)
    session.flush()
    old.superseded_by_id = new.id


def _incident_of(session: Session, alert: Alert | None) -> Incident | None:
    if alert is None or alert.incident_id is None:
        return None
    return session.get(Incident, alert.incident_id)


_PUBLIC_CAUSE = {
    "crack_width": "crack",
    "displacement": "crack",
    "strain": "crack",
    "tilt": "tilt",
    "rain_total": "rain",
    "rain_rate": "rain",
    "moisture_content": "damp",
    "moisture_rel": "damp",
}


def _public_reason(alert: Alert | None) -> Reason:
    """Say why in words for visitors: never a sensor's place, a limit or an internal level."""
    if alert is None:
        return reason("closure.because_observed")
    cause = _PUBLIC_CAUSE.get(alert.sensor.quantity if alert.sensor else "", "measured")
    part = alert.element.name if alert.element else None
    if part is None:
        return reason(f"closure.because_{cause}")
    return reason(f"closure.because_{cause}_at", part=part)


def _issuer(session: Session, site: Site) -> dict[str, Any] | None:
    if site.organisation_id is None:
        return None
    return session.get_one(Organisation, site.organisation_id).name


def _signer(site: Site) -> dict[str, Any] | None:
    named = site.responsible or {}
    signer = {key: named[key] for key in ("name", "title") if named.get(key)}
    return signer or None
