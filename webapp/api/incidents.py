"""Incidents: the case files, opened by what a sensor or a person reported."""

from typing import Annotated, Literal

from flask import g
from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from models.alert import Alert
from models.errors import BadInput, Fault
from models.incident import INCIDENT, Incident, open_incident, open_incidents
from models.reasons import reason
from models.storm import open_or_join
from webapp.api.finding import find, find_to_change, named_in, site_of, zone_of
from webapp.api.operations import Part
from webapp.api.paging import Order, Paged, page_of
from webapp.api.steps import actions_of
from webapp.api.values import (
    Answer,
    Bilingual,
    Body,
    Line,
    Moment,
    Severity,
    Text,
    Thing,
    Told,
    told,
)
from webapp.db import db, site_now

part = Part("incidents")
pages = part.pages

NEWEST = Order(
    (Incident.opened_at, Incident.id), lambda one: (one.opened_at, one.id), newest_first=True
)
PARTS = (
    joinedload(Incident.site),
    joinedload(Incident.zone),
    selectinload(Incident.alerts),
    selectinload(Incident.closures),
    selectinload(Incident.reports),
)
STEPS = tuple(dict.fromkeys(action for _, action in INCIDENT))
Step = Literal["verify", "dismiss", "respond", "stabilise", "transfer", "close"]
assert set(STEPS) == set(Step.__args__)  # type: ignore[attr-defined]


class IncidentObject(Thing):
    """One emergency at one site."""

    site: str
    zone: str | None
    title: Told
    severity: Severity
    cause: str
    received_at: Moment
    opened_at: Moment
    verified_at: Moment | None
    stabilised_at: Moment | None
    ended_at: Moment | None
    alerts: list[str]
    closures: list[str]


class IncidentList(Answer):
    """A page of incidents."""

    items: list[IncidentObject]
    next: str | None


class IncidentQuery(Paged):
    """Which incidents."""

    site: Line | None = None
    state: Line | None = None


class NewIncident(Body):
    """From alerts, or from what somebody saw: then `site` and `title` are needed."""

    alerts: Annotated[list[Line], Field(max_length=100)] = []
    site: Line | None = None
    zone: Line | None = None
    title: Bilingual | None = None
    severity: Severity = "high"
    cause: Literal["natural", "human", "unknown"] = "unknown"
    received_at: Moment | None = None


class MoveIncident(Body):
    """One step of the workflow; `dismiss`, `transfer` and `close` need a note."""

    action: Step
    note: Text = ""


@part.get("/incidents", IncidentList, "The incidents, the newest first", query=IncidentQuery)
def incidents(query: IncidentQuery) -> IncidentList:
    """List incidents."""
    statement = _whole()
    site = site_of("site", query.site)
    if site is not None:
        statement = statement.where(Incident.site_id == site.id)
    if query.state is not None:
        statement = statement.where(Incident.state == query.state)
    rows, following = page_of(statement, NEWEST, query)
    return IncidentList(items=[present(row) for row in rows], next=following)


@part.get("/incidents/<incident>", IncidentObject, "One incident")
def incident(incident: str) -> IncidentObject:
    """Show one incident."""
    return present(find(Incident, incident, *PARTS))


@part.post(
    "/incidents",
    IncidentObject,
    "Open an incident, or join the open one of the same storm (200)",
    body=NewIncident,
    status=201,
    creates=True,
    also={200: IncidentObject},
)
def open_one(body: NewIncident) -> tuple[IncidentObject, int]:
    """Open a case file."""
    title = None if body.title is None else body.title.model_dump()
    act = {"by": g.actor, "now": site_now()}
    more = {"title": title, "cause": body.cause, "received_at": body.received_at}
    alerts = _alerts(body.alerts)
    site = site_of("site", body.site)
    site = site or next((alert.site for alert in alerts if alert.site), None)
    if site is None:
        raise BadInput([Fault("site", reason("input.needed"))])
    zone = zone_of(site, body.zone)
    _refuse_other_sites(alerts, site.id)
    known = {one.id for one in open_incidents(db.session(), site.id)}
    if any(alert.site_id for alert in alerts):
        row = open_or_join(db.session(), alerts, zone=zone, **more, **act)
    else:
        row = open_incident(
            db.session(), alerts, site=site, zone=zone, severity=body.severity, **more, **act
        )
    db.session.flush()
    db.session.refresh(row)  # its alerts were linked behind the list's back
    return present(row), 200 if row.id in known else 201


@part.post("/incidents/<incident>/move", IncidentObject, "Take a step", body=MoveIncident)
def move_incident(incident: str, body: MoveIncident) -> IncidentObject:
    """Take one step of the workflow."""
    row = find_to_change(Incident, incident, present, *PARTS)
    row.move(body.action, by=g.actor, now=site_now(), note=body.note)
    db.session.flush()
    return present(row)


def present(incident: Incident) -> IncidentObject:
    """Return an incident as the API tells it."""
    return IncidentObject(
        id=incident.id,
        code=incident.code,
        version=incident.version,
        state=incident.state,
        actions=actions_of(incident, STEPS),
        site=incident.site.code,
        zone=incident.zone.code if incident.zone else None,
        title=told(incident.heading, incident.site.timezone),
        severity=incident.severity,
        cause=incident.cause,
        received_at=incident.received_at,
        opened_at=incident.opened_at,
        verified_at=incident.verified_at,
        stabilised_at=incident.stabilised_at,
        ended_at=incident.ended_at,
        alerts=[alert.code for alert in incident.alerts],
        closures=[closure.code for closure in incident.closures],
    )


def _whole() -> Select[tuple[Incident]]:
    return select(Incident).where(Incident.visible_to(g.actor)).options(*PARTS)


def _alerts(keys: list[str]) -> list[Alert]:
    found = {}
    for number, key in enumerate(dict.fromkeys(keys)):
        alert = named_in(Alert, f"alerts.{number}", key, joinedload(Alert.site))
        assert alert is not None
        found[alert.id] = alert
    return list(found.values())


def _refuse_other_sites(alerts: list[Alert], site_id: object) -> None:
    strange = [alert for alert in alerts if alert.site_id not in (None, site_id)]
    if strange:
        why = reason("incident.other_site", alert=strange[0].code)
        raise BadInput([Fault("alerts", why)])
