"""Closures: shut with one call; signatures and the override are for people, on pages."""

from typing import Annotated, Any

from flask import g
from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from models.alert import Alert
from models.amendment import complete
from models.amendment import extend as extend_notice
from models.closing import close_building, close_for_alert, close_zone
from models.closing import issue as issue_notice
from models.closure import Closure
from models.errors import BadInput, Blocker, Fault, Refusal
from models.gate import blockers
from models.incident import Incident
from models.lifting import lift as lift_closure
from models.lifting import why_not_lift
from models.paths import path_to
from models.reasons import Reason, reason
from models.registry import Site, Zone
from webapp.api.closure_objects import (
    LOOKS_FURTHER,
    STEPS,
    ClosureDetail,
    ClosureList,
    ClosureObject,
    fields_of,
    present,
)
from webapp.api.finding import building_of, find, find_to_change, named_in, site_of, zone_of
from webapp.api.operations import Part
from webapp.api.paging import Order, Paged, page_of
from webapp.api.steps import actions_in_list
from webapp.api.values import (
    Bilingual,
    Body,
    FilledText,
    Line,
    Moment,
    Nothing,
)
from webapp.db import db, site_now

part = Part("closures")
pages = part.pages

BY_CODE = Order((Closure.code,), lambda one: (one.code,), newest_first=True)
PARTS = (
    joinedload(Closure.site),
    joinedload(Closure.zone),
    joinedload(Closure.alert),
    joinedload(Closure.incident),
)


class ClosureQuery(Paged):
    """Which closures."""

    site: Line | None = None
    state: Line | None = None


class Notice(Body):
    """What the notice says beyond the usual words."""

    closed_parts: Bilingual | None = None
    explanation: Bilingual | None = None
    hazard: Bilingual | None = None
    permitted_entry: Bilingual | None = None
    alternative_route: Bilingual | None = None
    issuer: Bilingual | None = None
    legal_basis: Bilingual | None = None
    phone: Line | None = None
    radius_m: Annotated[float | None, Field(ge=0, le=1000)] = None
    until_at: Moment | None = None
    next_update_at: Moment | None = None


class NewClosure(Body):
    """What to shut: a zone or building of a `site`, or the place of an `alert`."""

    site: Line | None = None
    zone: Line | None = None
    building: Line | None = None
    alert: Line | None = None
    incident: Line | None = None
    draft: bool = False
    notice: Notice | None = None


class Extend(Body):
    """Until when it stays shut; null: until further notice."""

    until: Moment | None
    why: FilledText


@part.get("/closures", ClosureList, "The closures, the newest first", query=ClosureQuery)
def closures(query: ClosureQuery) -> ClosureList:
    """List closures."""
    statement = _whole()
    site = site_of("site", query.site)
    if site is not None:
        statement = statement.where(Closure.site_id == site.id)
    if query.state is not None:
        statement = statement.where(Closure.state == query.state)
    rows, following = page_of(statement, BY_CODE, query)
    items = [
        ClosureObject(**fields_of(row, actions_in_list(row, STEPS, LOOKS_FURTHER))) for row in rows
    ]
    return ClosureList(items=items, next=following)


@part.get("/closures/<closure>", ClosureDetail, "One closure, with what keeps it shut")
def closure(closure: str) -> ClosureDetail:
    """Show one closure."""
    return present(find(Closure, closure, *PARTS))


@part.post(
    "/closures",
    ClosureDetail,
    "Shut a zone: in force and public at once",
    body=NewClosure,
    status=201,
    creates=True,
)
def shut(body: NewClosure) -> ClosureDetail:
    """Shut a zone, a building, or the place of an alert."""
    act: dict[str, Any] = {"by": g.actor, "now": site_now()}
    row = _shut(body, act)
    changes = _changes(body.notice)
    if changes:
        db.session.flush()
        complete(row, changes, **act)
    db.session.flush()
    return present(row)


@part.post("/closures/<closure>/issue", ClosureDetail, "Put a draft in force", body=Nothing)
def issue(closure: str, body: Nothing) -> ClosureDetail:
    """Put a drafted notice in force."""
    row = _to_change(closure)
    row.require("issue", g.actor, site_now())
    issue_notice(row, by=g.actor, now=site_now())
    return _changed(row)


@part.post("/closures/<closure>/extend", ClosureDetail, "Keep it shut for longer", body=Extend)
def extend(closure: str, body: Extend) -> ClosureDetail:
    """Keep a zone shut for longer, or until further notice."""
    row = _to_change(closure)
    extend_notice(row, body.until, why=body.why, by=g.actor, now=site_now())
    return _changed(row)


@part.post(
    "/closures/<closure>/lift",
    ClosureDetail,
    "Carry out a lift that two people have signed on the page",
    body=Nothing,
)
def lift(closure: str, body: Nothing) -> ClosureDetail:
    """Open the zone, once nothing is in the way."""
    row = _to_change(closure)
    _refuse_blocked(row)
    lift_closure(row, by=g.actor, now=site_now())
    return _changed(row)


@part.post("/closures/<closure>/countersign", None, "A person's, on the page", refuses=True)
def countersign(closure: str) -> None:
    """Refuse: a countersignature is a person's."""
    raise _page_only(_to_change(closure), "countersign")


@part.post("/closures/<closure>/request-lift", None, "A person's, on the page", refuses=True)
def request_lift(closure: str) -> None:
    """Refuse: an engineer asks for it in person."""
    raise _page_only(_to_change(closure), "request_lift")


@part.post("/closures/<closure>/override", None, "A person's, on the page", refuses=True)
def override(closure: str) -> None:
    """Refuse: nobody opens a zone against the gate but in his own name."""
    raise _page_only(_to_change(closure), "override")


def _whole() -> Select[tuple[Closure]]:
    return select(Closure).where(Closure.visible_to(g.actor)).options(*PARTS)


def _to_change(key: str) -> Closure:
    return find_to_change(Closure, key, present, *PARTS, selectinload(Closure.statements))


def _changed(closure: Closure) -> ClosureDetail:
    db.session.flush()
    return present(closure)


def _page_only(closure: Closure, action: str) -> Refusal:
    why = reason("signature.person_only")
    anchor = "override" if action == "override" else "signatures"
    return Refusal(why, [Blocker(why, path_to(closure, anchor))])


def _refuse_blocked(closure: Closure) -> None:
    """Say everything that is in the way, also while nobody has asked for the lift yet."""
    now = site_now()
    if not closure.in_force or not closure.may("lift", g.actor):
        return  # the step itself says so
    why: Reason | None = why_not_lift(closure, g.actor, now)
    if why is not None:
        raise Refusal(why, blockers(db.session(), closure, g.actor, now))


def _shut(body: NewClosure, act: dict[str, Any]) -> Closure:
    alert = named_in(Alert, "alert", body.alert, joinedload(Alert.site), joinedload(Alert.sensor))
    incident = named_in(Incident, "incident", body.incident)
    if body.zone is not None and body.building is not None:
        raise BadInput([Fault("building", reason("api.zone_or_building"))])
    if body.zone is None and body.building is None:
        if alert is None or body.draft or incident is not None:
            raise BadInput([Fault("zone", reason("input.needed"))])
        return close_for_alert(db.session(), alert, **act)
    site = _site(body, alert)
    zone = zone_of(site, body.zone)
    if zone is not None:
        return _shut_zone(zone, alert, incident, body.draft, act)
    if body.draft or incident is not None:
        raise BadInput([Fault("building", reason("api.building_in_force"))])
    building = building_of(site, body.building)
    assert building is not None
    return close_building(db.session(), building, alert=alert, **act)


def _shut_zone(
    zone: Zone, alert: Alert | None, incident: Incident | None, draft: bool, act: dict[str, Any]
) -> Closure:
    strange = [one for one in (alert, incident) if one and one.site_id not in (None, zone.site_id)]
    if strange:
        raise BadInput([Fault("zone", reason("api.other_site", thing=strange[0].code))])
    return close_zone(db.session(), zone, alert=alert, incident=incident, draft=draft, **act)


def _site(body: NewClosure, alert: Alert | None) -> Site:
    site = site_of("site", body.site) or (alert.site if alert else None)
    if site is None:
        raise BadInput([Fault("site", reason("input.needed"))])
    return site


def _changes(notice: Notice | None) -> dict[str, Any]:
    if notice is None:
        return {}
    return {
        name: value.model_dump() if isinstance(value, Bilingual) else value
        for name, value in notice
        if value is not None
    }
