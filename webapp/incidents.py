"""Case files: opened from an alert or a call, led to their end, with everything in one place."""

import uuid
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from models.alert import SEVERITIES, Alert
from models.clearing import confirm_clear
from models.errors import BadInput, Fault, Missing, Refusal
from models.incident import CAUSES, OPEN_STATES, Incident, open_incident
from models.inputs import Faults
from models.people import STAFF, Actor
from models.reasons import reason
from models.registry import Site, Zone
from models.report import report_clock
from models.rights import MAY_BEGIN
from models.storm import open_or_join
from webapp.calls import make_call
from webapp.casework import find, found_by, require_unchanged
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.incident_page import WORDY, show_incident, staff_of
from webapp.navigation import nav_count
from webapp.papers import Field, Paper, bilingual_of, moment_of, show_paper, wall_time
from webapp.policies import allow
from webapp.reader import read_in_zone

pages = Blueprint("incidents", __name__, url_prefix="/incidents")
OPENERS = MAY_BEGIN["incident"]
LISTED = 50


@nav_count("incidents.index")
def open_count(actor: Actor) -> Select:
    """Count the cases that are somebody's work."""
    mine = select(func.count()).where(Incident.visible_to(actor), Incident.state.in_(OPEN_STATES))
    return mine


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List cases: the open ones, and the latest of those that are over."""
    whole = (joinedload(Incident.site), joinedload(Incident.zone), selectinload(Incident.reports))
    mine = select(Incident).where(Incident.visible_to(g.actor)).options(*whole)
    opened = mine.where(Incident.state.in_(OPEN_STATES)).order_by(Incident.opened_at.desc())
    over = mine.where(Incident.state.not_in(OPEN_STATES)).order_by(Incident.opened_at.desc())
    now = site_now()
    current = list(db.session.scalars(opened.limit(200)))
    return render_template(
        "incidents/index.html",
        current=[(one, report_clock(one, now)) for one in current],
        past=list(db.session.scalars(over.limit(LISTED))),
        may_open=g.actor.has_role(*OPENERS),
    )


@pages.get("/new")
@allow(*OPENERS)
def new() -> str:
    """Ask what somebody has seen, or was told on the phone."""
    mine = select(Site).where(Site.visible_to(g.actor), Site.retired.is_(False))
    sites = list(db.session.scalars(mine.options(selectinload(Site.zones)).order_by(Site.code)))
    wanted = request.values.get("site", "")
    first = next((site for site in sites if wanted in (site.code, str(site.id))), None)
    if first or sites:
        read_in_zone((first or sites[0]).timezone)
    return show_paper(
        Paper(
            title=t("incidents.new"),
            intro=t("incidents.new_intro"),
            submit=t("incidents.open"),
            back=(url_for("incidents.index"), t("nav.incidents")),
            fields=_new_fields(sites, str(first.id) if first else "", site_now()),
            icon="alert-triangle",
        )
    )


def _new_fields(sites: list[Site], chosen: str, now: datetime) -> list[Field]:
    zones = [
        (f"{site.id}/{zone.id if zone else ''}", _place(site, zone))
        for site in sites
        for zone in (None, *(one for one in site.zones if not one.retired))
    ]
    start = next((key for key, _ in zones if chosen and key == f"{chosen}/"), "")
    severities = [(one, t(f"level.{one}")) for one in reversed(SEVERITIES)]
    return [
        Field("select", "place", t("incidents.place"), start, options=zones),
        Field("bilingual", "title", t("incidents.what"), {}, t("incidents.what_hint")),
        Field("choices", "severity", t("incidents.severity"), "high", options=severities),
        Field(
            "select",
            "cause",
            t("incidents.cause"),
            "unknown",
            options=[(one, t(f"incident.cause.{one}")) for one in CAUSES],
        ),
        Field(
            "moment",
            "received_at",
            t("incidents.received"),
            wall_time(now),
            t("incidents.received_hint"),
        ),
    ]


def _place(site: Site, zone: Zone | None) -> str:
    from_site = t("incidents.whole_site", site=site.name)
    return t("incidents.site_zone", site=site.name, zone=zone.name) if zone else from_site


@pages.post("/new")
@allow(*OPENERS)
@again(new)
def start() -> ResponseReturnValue:
    """Open a case from what a person saw or was told."""
    faults = Faults()
    title = bilingual_of("title", faults)
    site_key, _, zone_key = request.form.get("place", "").partition("/")
    begin_write()
    site = find(Site, site_key)
    received = moment_of("received_at", site.timezone, faults)
    faults.need("title", title)
    faults.stop()
    incident = open_incident(
        db.session(),
        [],
        site=site,
        zone=_zone_of(site, zone_key),
        title=title,
        severity=request.form.get("severity", ""),
        cause=request.form.get("cause", ""),
        received_at=_not_later(received, site_now()),
        by=g.actor,
        now=site_now(),
    )
    commit()
    flash(t("incidents.opened", which=incident.code), "done")
    return redirect(url_for("incidents.show", key=incident.code), 303)


def _not_later(received: datetime | None, now: datetime) -> datetime | None:
    """The form knows minutes: the minute that has begun is now, not the future."""
    if received is not None and received > now and wall_time(received) == wall_time(now):
        return now
    return received


def _zone_of(site: Site, key: str) -> Zone | None:
    if not key:
        return None
    found = next((zone for zone in site.zones if str(zone.id) == key), None)
    if found is None:
        raise Missing("zone", key)
    return found


@pages.post("/")
@allow(*OPENERS)
def open() -> ResponseReturnValue:
    """Turn alerts into a case, or let them join the case of their storm."""
    begin_write()
    alerts = [_alert(key) for key in request.form.getlist("alert")]
    if not alerts:
        raise BadInput([Fault("alert", reason("incidents.choose_alert"))])
    known = next((one.incident_id for one in alerts if one.incident_id is not None), None)
    if known is not None and all(one.incident_id == known for one in alerts):
        raise Refusal(reason("incidents.joined_already", alert=alerts[0].code))
    incident = open_or_join(db.session(), alerts, by=g.actor, now=site_now())
    commit()
    flash(t("incidents.opened", which=incident.code), "done")
    return redirect(url_for("incidents.show", key=incident.code), 303)


def _alert(key: str) -> Alert:
    """Return an alert that has a site: the system's own are no emergency of a building."""
    try:
        match: Any = Alert.id == uuid.UUID(key)
    except ValueError:
        match = Alert.code == key
    return found_by(Alert, match & Alert.site_id.is_not(None), key, joinedload(Alert.site))


@pages.get("/<key>")
@allow(*STAFF)
def show(key: str) -> str:
    """Show one case file."""
    return show_incident(key)


def _step_paper(key: str, action: str) -> str:
    """Ask for the reason of a step that needs one."""
    incident = find(Incident, key, joinedload(Incident.site))
    if action not in WORDY:
        raise Missing("page", action)
    return show_paper(
        Paper(
            title=t(f"incidents.{action}_title", which=incident.code),
            intro=t(f"incidents.{action}_intro"),
            submit=t(f"incident.action.{action}"),
            back=(url_for("incidents.show", key=incident.code), incident.code),
            fields=[Field("area", "note", t("incidents.why"), rows=4)],
            version=str(incident.version),
        )
    )


@pages.get("/<key>/step/<action>")
@allow("duty", "manager", "engineer")
def step_page(key: str, action: str) -> str:
    """Show the form of such a step."""
    return _step_paper(key, action)


@pages.post("/<key>/step/<action>")
@allow("duty", "manager", "engineer")
@again(_step_paper)
def wordy_step(key: str, action: str) -> ResponseReturnValue:
    """Take a step with its reason."""
    return _move(key, action)


@pages.post("/<key>/step")
@allow("duty", "manager", "engineer")
@again(show_incident)
def step(key: str) -> ResponseReturnValue:
    """Take a step that needs no words."""
    return _move(key, request.form.get("action", ""))


def _move(key: str, action: str) -> ResponseReturnValue:
    begin_write()
    incident = find(Incident, key)
    if action not in Incident.MAY:
        raise BadInput([Fault("action", reason("form.not_a_choice"))])
    require_unchanged(incident)
    incident.move(action, note=request.form.get("note", ""), by=g.actor, now=site_now())
    commit()
    flash(t("incidents.moved", which=incident.code, state=incident.state), "done")
    return redirect(url_for("incidents.show", key=incident.code), 303)


@pages.post("/<key>/note")
@allow(*MAY_BEGIN["incident.note"])
@again(show_incident)
def note(key: str) -> ResponseReturnValue:
    """Write a line into the file."""
    begin_write()
    incident = find(Incident, key)
    incident.note(request.form.get("note", "")[:4000], by=g.actor, now=site_now())
    commit()
    return redirect(url_for("incidents.show", key=incident.code, _anchor="log"), 303)


@pages.post("/<key>/send")
@allow(*MAY_BEGIN["incident.assign"])
@again(show_incident)
def send(key: str) -> ResponseReturnValue:
    """Send somebody, who leads it from now on."""
    begin_write()
    incident = find(Incident, key)
    chosen = request.form.get("person", "")
    person = next((one for one, _ in staff_of(incident.site_id) if str(one) == chosen), None)
    if person is None:
        raise BadInput([Fault("person", reason("form.not_a_choice"))])
    incident.assign(person, by=g.actor, now=site_now())
    commit()
    flash(t("incidents.sent"), "done")
    return redirect(url_for("incidents.show", key=incident.code), 303)


@pages.post("/<key>/clear")
@allow(*MAY_BEGIN["clearing"])
@again(show_incident)
def clear(key: str) -> ResponseReturnValue:
    """Tick a place off: nobody is left there."""
    begin_write()
    incident = find(Incident, key)
    zone = incident.zone or next((one.zone for one in incident.closures), None)
    if zone is None:
        raise Refusal(reason("incidents.no_zone"))
    place = request.form.get("place", "")
    confirm_clear(db.session(), incident, zone, place, by=g.actor, now=site_now())
    commit()
    return redirect(url_for("incidents.show", key=incident.code, _anchor="people"), 303)


@pages.post("/<key>/call")
@allow(*MAY_BEGIN["call"])
@again(show_incident)
def call(key: str) -> ResponseReturnValue:
    """Write down what came of a call."""
    begin_write()
    incident = find(Incident, key)
    make_call(incident)
    commit()
    return redirect(url_for("incidents.show", key=incident.code, _anchor="calls"), 303)
