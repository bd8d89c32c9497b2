"""The page of an incident: the next step, the law's clock, people out, calls, and its file."""

import uuid
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from flask import g, render_template, request, url_for
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload, selectinload

from models.clock import machine_now
from models.closure import Closure
from models.event import Event
from models.finding import Finding
from models.incident import Incident
from models.photo import photos_of
from models.report import report_clock
from models.rights import may_begin
from models.scaffold import Scaffold
from models.staff import staff_at
from models.task import Task
from webapp.casework import Line, find, meanwhile, names_of, seen, told
from webapp.closure_page import first_hour
from webapp.db import db, site_now
from webapp.filters import sentence, t

# Kinds of event behind each filter of the timeline.
FILTERS = {
    "case": ("incident",),
    "alerts": ("alert",),
    "closures": ("closure",),
    "reports": ("report",),
    "findings": ("finding",),
    "works": ("project", "task", "scaffold", "permit"),
}
TOLD_AT_MOST = 200
WORDY = ("dismiss", "transfer", "close")  # these need a reason, and have a page for it
ICONS = {"verify": "eye", "respond": "activity", "stabilise": "shield-check"}
WHOLE = (
    joinedload(Incident.site),
    joinedload(Incident.zone),
    selectinload(Incident.alerts),
    selectinload(Incident.closures).joinedload(Closure.zone),
    selectinload(Incident.reports),
)


@dataclass(frozen=True)
class Works:
    """What hangs on the case beside alerts, closures and reports."""

    findings: list[Finding]
    tasks: list[Task]
    scaffolds: list[Scaffold]


def show_incident(key: str) -> str:
    """Draw the page of an incident."""
    session, now = db.session(), site_now()
    incident = find(Incident, key, *WHOLE)
    works = _works(incident)
    events = _events(incident, works)
    own = [event for event in events if event.subject_id == incident.id]
    chosen = request.args.get("show", "")
    people = staff_of(incident.site_id)
    zone = incident.zone or next((one.zone for one in incident.closures), None)
    return render_template(
        "incidents/show.html",
        incident=incident,
        seen=seen(incident, own),
        steps=_steps(incident),
        clock=report_clock(incident, now),
        zone=zone,
        first_hour=first_hour(incident, zone, [incident, *incident.closures, *incident.alerts]),
        works=works,
        photos=photos_of(session, incident),
        people=people,
        lead=names_of([incident.lead_id]).get(incident.lead_id, ""),
        filters=list(FILTERS),
        chosen=chosen,
        log=_log(events, chosen),
        meanwhile=meanwhile(own),
        now=now,
        may=lambda what: incident.is_open and may_begin(what, g.actor, incident.site_id),
    )


def _steps(incident: Incident) -> list[Any]:
    """Return the buttons from the model; those that need a reason lead to their page."""
    found = []
    for step in incident.steps(g.actor, site_now()):
        wordy = step.action in WORDY
        where = url_for("incidents.step_page", key=incident.code, action=step.action)
        found.append(
            SimpleNamespace(
                name=step.action,
                label=t(f"incident.action.{step.action}"),
                why_not=sentence(step.why_not),
                href=where if wordy else "",
                icon=ICONS.get(step.action, ""),
                primary=not found and not wordy,
            )
        )
    return found


def _works(incident: Incident) -> Works:
    def mine(noun: Any) -> list[Any]:
        found = select(noun).where(noun.incident_id == incident.id, noun.visible_to(g.actor))
        return list(db.session.scalars(found.order_by(noun.code)))

    return Works(mine(Finding), mine(Task), mine(Scaffold))


def _events(incident: Incident, works: Works) -> list[Event]:
    """Return what is on record about the case and everything in it, the oldest first."""
    things = [incident, *incident.alerts, *incident.closures, *incident.reports]
    things += [*works.findings, *works.tasks, *works.scaffolds]
    mine = select(Event).where(
        or_(Event.incident_id == incident.id, Event.subject_id.in_([one.id for one in things])),
        Event.kind != "photo",  # told by what it is a photo of
    )
    latest = db.session.scalars(mine.order_by(Event.number.desc()).limit(TOLD_AT_MOST))
    return list(reversed(latest.all()))


def _log(events: list[Event], chosen: str) -> list[Line]:
    kinds = FILTERS.get(chosen)
    return told([event for event in events if kinds is None or event.kind in kinds])


def staff_of(site_id: uuid.UUID) -> list[tuple[uuid.UUID, str]]:
    """Return whom one can send: (id, name and roles) of the staff of a site."""
    comma = t("shell.comma")
    return [
        (user.id, comma.join([user.name or user.email, *(t(f"role.{role}") for role in roles)]))
        for user, roles in staff_at(db.session(), site_id, machine_now())
    ]
