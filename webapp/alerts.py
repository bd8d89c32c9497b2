"""Alerts: the list, one alert with its evidence, and what a person does about it."""

import uuid
from datetime import timedelta

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, case, literal, or_, select, tuple_
from sqlalchemy.orm import joinedload

from models.alert import LABELS, SEVERITIES, Alert, rank
from models.alert_rights import buttons, require
from models.clock import machine_now
from models.desk_facts import rule_names
from models.errors import BadInput, Fault, Missing, Stale
from models.inputs import Faults, need_text, whole_number
from models.people import STAFF
from models.reasons import reason
from models.registry import Element, Site
from models.sensor import Sensor
from models.staff import staff_at
from models.times import iso
from webapp.alert_page import SHELF_HOURS, alert_page
from webapp.alert_words import headline, place_parts, standing_of
from webapp.calls import make_call
from webapp.casework import names_of
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.listing import PER_PAGE, cursor, next_page, wanted
from webapp.policies import allow
from webapp.reader import read_in_zone
from webapp.security import safe_next

pages = Blueprint("alerts", __name__, url_prefix="/alerts")
STATES = ("live", "unacknowledged", "shelved", "unlabelled", "over", "all")
DISMISSALS = ("sensor_fault", "work_on_site", "animal", "weather", "other")
WORKERS = ("duty", "manager", "engineer", "keeper")


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List alerts; the filters are in the address."""
    now, session = site_now(), db.session()
    state = wanted("state", STATES, "live")
    severity = wanted("severity", SEVERITIES)
    sites = session.scalars(select(Site).where(Site.visible_to(g.actor)).order_by(Site.code)).all()
    site = next((one for one in sites if one.code == request.args.get("site")), None)
    found = select(Alert).where(Alert.visible_to(g.actor), *_of_state(state, now))
    if severity:
        found = found.where(Alert.severity == severity)
    if site is not None:
        found = found.where(Alert.site_id == site.id)
    weight = _weight(state)
    start = cursor()
    if start is not None:
        at, last = start
        heavier = session.scalar(select(weight).where(Alert.code == last)) or 0
        here = tuple_(weight, Alert.risen_at, Alert.code)
        found = found.where(here < tuple_(literal(heavier), at, last))
    rows = session.scalars(
        found.options(*_places())
        .order_by(weight.desc(), Alert.risen_at.desc(), Alert.code.desc())
        .limit(PER_PAGE + 1)
    ).all()
    shown, following = next_page(rows, lambda one: f"{iso(one.risen_at)}~{one.code}")
    rules, names = rule_names(session, shown), names_of(one.assignee_id for one in shown)
    return render_template(
        "alerts/index.html",
        rows=[
            {
                "alert": one,
                "headline": headline(one, rules),
                "place": place_parts(one),
                "standing": standing_of(one, now, names),
                "spark": None,
                "can_acknowledge": "acknowledge" in buttons(one, g.actor, now),
            }
            for one in shown
        ],
        following=following,
        state=state,
        severity=severity,
        site=site,
        sites=sites,
        states=STATES,
    )


def _weight(state: str) -> ColumnElement[int]:
    """Return what a list begins with: what stands, worst first; what is over, by time alone."""
    if state not in ("live", "unacknowledged", "shelved"):
        return literal(0)
    return case({severity: rank(severity) for severity in SEVERITIES}, value=Alert.severity)


def _of_state(state: str, now: object) -> list:
    """Return the conditions of a state that people ask for."""
    return {
        "live": [Alert.live],
        "unacknowledged": [Alert.live, Alert.acknowledged.is_(False)],
        "shelved": [Alert.live, Alert.shelved_until > now],
        "unlabelled": [Alert.live.is_(False), Alert.label.is_(None)],
        "over": [Alert.live.is_(False)],
        "all": [],
    }[state]


def _places() -> tuple:
    return (
        joinedload(Alert.site),
        joinedload(Alert.zone),
        joinedload(Alert.sensor).joinedload(Sensor.building),
        joinedload(Alert.element).joinedload(Element.building),
    )


def find_alert(key: str) -> Alert:
    """Return an alert by id or code; times are then its site's. Raises Missing."""
    try:
        match = or_(Alert.id == uuid.UUID(key), Alert.code == key)
    except ValueError:
        match = Alert.code == key
    mine = select(Alert).where(match, Alert.visible_to(g.actor)).options(*_places())
    alert = db.session.scalars(mine).first()
    if alert is None:
        raise Missing("alert", key)
    if alert.site is not None:
        read_in_zone(alert.site.timezone)
    return alert


@pages.get("/<key>")
@allow(*STAFF)
def show(key: str) -> str:
    """Show one alert: is it real, and what to do now."""
    return alert_page(find_alert(key))


def _page(key: str) -> str:
    """Draw the page that a refused form belongs to."""
    return index() if request.form.get("next") == "/alerts" else alert_page(find_alert(key))


def _begin(key: str, action: str) -> Alert:
    """Begin the change: the alert as it is now, if the person saw it so and may."""
    begin_write()
    alert = find_alert(key)
    require(alert, action, g.actor)
    seen = whole_number(request.form.get("version", ""))
    if seen != alert.version:
        raise Stale("alert", alert.code, alert.version)
    return alert


def _done(alert: Alert, word: str) -> ResponseReturnValue:
    """Commit, say what was done, and go back to where the button was."""
    commit()
    flash(t(f"alerts.done.{word}"), "done")
    here = url_for("alerts.show", key=alert.code)
    return redirect(safe_next(request.form.get("next"), here), 303)


@pages.post("/<key>/acknowledge")
@allow(*WORKERS)
@again(_page)
def acknowledge(key: str) -> ResponseReturnValue:
    """Say that somebody has seen it and acts."""
    alert = _begin(key, "acknowledge")
    alert.acknowledge(by=g.actor, now=site_now(), note=request.form.get("note", "").strip()[:2000])
    return _done(alert, "acknowledge")


@pages.post("/<key>/assign")
@allow(*WORKERS)
@again(_page)
def assign(key: str) -> ResponseReturnValue:
    """Send somebody."""
    alert = _begin(key, "assign")
    staff = staff_at(db.session(), alert.site_id, machine_now())
    people = {str(user.id): user for user, _ in staff}
    person = people.get(request.form.get("person", ""))
    if person is None:
        raise BadInput([Fault("person", reason("form.not_a_choice"))])
    note = request.form.get("note", "").strip()[:2000]
    alert.assign(person.id, by=g.actor, now=site_now(), note=note)
    return _done(alert, "assign")


@pages.post("/<key>/shelve")
@allow(*WORKERS)
@again(_page)
def shelve(key: str) -> ResponseReturnValue:
    """Take it off the list for some hours."""
    faults = Faults()
    faults.one_of("hours", request.form.get("hours", ""), [str(one) for one in SHELF_HOURS])
    faults.need("why", request.form.get("why", ""))
    faults.stop()
    alert, now = _begin(key, "shelve"), site_now()
    until = now + timedelta(hours=int(request.form["hours"]))
    alert.shelve(until, request.form["why"].strip()[:2000], by=g.actor, now=now)
    return _done(alert, "shelve")


@pages.post("/<key>/unshelve")
@allow(*WORKERS)
@again(_page)
def unshelve(key: str) -> ResponseReturnValue:
    """Put it back on the list."""
    alert = _begin(key, "unshelve")
    alert.unshelve(by=g.actor, now=site_now())
    return _done(alert, "unshelve")


@pages.get("/<key>/dismiss")
@allow(*WORKERS)
def confirm_dismissal(key: str) -> str:
    """Say what dismissing does, and ask why."""
    alert = find_alert(key)
    rules = rule_names(db.session(), [alert])
    return render_template(
        "alerts/dismiss.html",
        alert=alert,
        title=headline(alert, rules),
        choices=[(one, t(f"alerts.dismissal.{one}")) for one in DISMISSALS],
        why_not=None if "dismiss" in buttons(alert, g.actor, site_now()) else _why_not(alert),
    )


def _why_not(alert: Alert) -> object:
    state = alert.state(site_now())
    return alert.why_not("dismiss") or reason("alert.no_such_step", action="dismiss", state=state)


@pages.post("/<key>/dismiss")
@allow(*WORKERS)
@again(confirm_dismissal)
def dismiss(key: str) -> ResponseReturnValue:
    """Label an active alert false and shelve it until it clears."""
    faults = Faults()
    faults.one_of("kind", request.form.get("kind", ""), DISMISSALS)
    faults.need("note", request.form.get("note", ""))
    faults.stop()
    alert = _begin(key, "dismiss")
    kind, note = request.form["kind"], request.form["note"].strip()[:2000]
    why = f"{t(f'alerts.dismissal.{kind}')}{t('shell.colon')}{note}"
    alert.dismiss(why, by=g.actor, now=site_now())
    return _done(alert, "dismiss")


@pages.post("/<key>/close")
@allow(*WORKERS)
@again(_page)
def close(key: str) -> ResponseReturnValue:
    """Label an episode that is over: what was it?"""
    faults = Faults()
    faults.one_of("label", request.form.get("label", ""), LABELS)
    faults.need("label_note", request.form.get("label_note", ""))
    faults.stop()
    alert = _begin(key, "close")
    note = request.form["label_note"].strip()[:2000]
    alert.close(request.form["label"], note, by=g.actor, now=site_now())
    return _done(alert, "close")


@pages.post("/<key>/reset")
@allow(*WORKERS)
@again(_page)
def reset(key: str) -> ResponseReturnValue:
    """Let go of a latch after an inspection on the spot."""
    inspection = need_text("inspection", request.form.get("inspection", ""))
    alert = _begin(key, "reset")
    alert.reset(inspection[:2000], by=g.actor, now=site_now())
    return _done(alert, "reset")


@pages.post("/<key>/call")
@allow(*WORKERS)
@again(_page)
def call(key: str) -> ResponseReturnValue:
    """Write down what came of a call about it."""
    begin_write()
    alert = find_alert(key)
    make_call(alert)
    commit()
    return redirect(url_for("alerts.show", key=alert.code) + "#calls", 303)
