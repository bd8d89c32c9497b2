"""Closing a zone with one tap, and everything that its page can do with one more."""

import uuid
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from models import closing
from models.alert import Alert
from models.amendment import complete
from models.clearing import confirm_clear
from models.closure import IN_FORCE, Closure
from models.errors import BadInput, Fault, Missing
from models.incident import Incident
from models.inputs import Faults
from models.lifting import countersign, lift, post, sign_lift
from models.people import STAFF, Actor, staff_scope
from models.reasons import reason
from models.registry import Building, Site, Zone
from models.rights import MAY_BEGIN
from models.times import instant_of
from webapp import closure_notice, closure_papers
from webapp.calls import make_call
from webapp.casework import find, require_unchanged
from webapp.closure_page import show_closure
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.navigation import nav_count
from webapp.papers import bilingual_of
from webapp.policies import allow
from webapp.reader import read_in_zone

pages = Blueprint("closures", __name__, url_prefix="/closures")
pages.register_blueprint(closure_notice.part)
pages.register_blueprint(closure_papers.part)

CLOSERS = MAY_BEGIN["closure"]
LISTED = 50


@nav_count("closures.index")
def in_force_count(actor: Actor) -> Select:
    """Count what is shut."""
    mine = select(func.count()).where(Closure.visible_to(actor), Closure.state.in_(IN_FORCE))
    return mine


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List closures: those in force, and the latest of those that are over."""
    mine = (
        select(Closure)
        .where(Closure.visible_to(g.actor))
        .options(joinedload(Closure.site), joinedload(Closure.zone), joinedload(Closure.incident))
    )
    shut = mine.where(Closure.state.in_(IN_FORCE)).order_by(Closure.began_at)
    over = mine.where(Closure.state.not_in(IN_FORCE)).order_by(Closure.began_at.desc())
    before = _moment_before()
    if before is not None:
        over = over.where(Closure.began_at < before)
    past = list(db.session.scalars(over.limit(LISTED + 1)))
    return render_template(
        "closures/index.html",
        shut=list(db.session.scalars(shut)),
        past=past[:LISTED],
        more=past[LISTED - 1].began_at if len(past) > LISTED else None,
        may_close=g.actor.has_role(*CLOSERS),
    )


def _moment_before() -> datetime | None:
    return instant_of(request.args.get("before", ""))


@pages.get("/new")
@allow(*CLOSERS)
def new() -> str:
    """Choose what to close, where no alert has asked for it."""
    mine = select(Site).where(Site.visible_to(g.actor), Site.retired.is_(False))
    sites = db.session.scalars(
        mine.options(selectinload(Site.zones), selectinload(Site.buildings)).order_by(Site.code)
    ).all()
    standing = select(Closure.zone_id, Closure.code).where(Closure.state.in_(IN_FORCE))
    wanted = request.values.get("site", "")
    return render_template(
        "closures/new.html",
        sites=sorted(sites, key=lambda site: site.code != wanted),
        shut={zone: code for zone, code in db.session.execute(standing)},
        incident=request.values.get("incident", ""),
    )


@pages.post("/close")
@allow(*CLOSERS)
@again(new)
def close_zone() -> ResponseReturnValue:
    """Shut a zone: in force and public at once."""
    faults = Faults()
    explanation = bilingual_of("explanation", faults)
    faults.stop()
    begin_write()
    zone = _zone(request.form.get("zone", ""))
    # An alert that has grown since the tap is no reason to leave the door open: its version
    # is not looked at.
    alert, incident = _named(Alert, "alert"), _named(Incident, "incident")
    read_in_zone(zone.site.timezone)
    act: dict[str, Any] = {"by": g.actor, "now": site_now()}
    if isinstance(zone, Building):
        closure = closing.close_building(db.session(), zone, alert=alert, **act)
    else:
        closure = closing.close_zone(db.session(), zone, alert=alert, incident=incident, **act)
    if explanation is not None:
        complete(closure, {"explanation": explanation}, **act)
    commit()
    flash(t("closures.closed", zone=closure.zone.name, which=closure.code), "done")
    return redirect(url_for("closures.show", key=closure.code), 303)


def _zone(key: str) -> Zone | Building:
    """Return the zone or building of the form. Raises BadInput where nothing was chosen."""
    try:
        wanted = uuid.UUID(key.removeprefix("building:"))
    except ValueError:
        raise BadInput([Fault("zone", reason("closures.choose_zone"))]) from None
    noun = Building if key.startswith("building:") else Zone
    mine = select(noun).where(noun.id == wanted, staff_scope(g.actor, noun.site_id))
    found = db.session.scalars(mine.options(joinedload(noun.site))).first()
    if found is None:
        raise Missing("zone", key)
    return found


def _named(noun: Any, field: str) -> Any:
    key = request.form.get(field, "")
    return find(noun, key) if key else None


@pages.get("/<key>")
@allow(*STAFF)
def show(key: str) -> str:
    """Show one closure."""
    return show_closure(key)


STEPS = {
    "issue": lambda closure, act: closing.issue(closure, **act),
    "discard": lambda closure, act: closure.step("discard", **act),
    "post": lambda closure, act: post(closure, **act),
    "countersign": lambda closure, act: countersign(closure, **act),
    "sign_lift": lambda closure, act: sign_lift(closure, **act),
    "lift": lambda closure, act: lift(closure, **act),
}


@pages.post("/<key>/step")
@allow("duty", "manager", "keeper")
@again(show_closure)
def step(key: str) -> ResponseReturnValue:
    """Take a step that needs no more words."""
    action = request.form.get("action", "")
    if action not in STEPS:
        raise BadInput([Fault("action", reason("form.not_a_choice"))])
    begin_write()
    closure = find(Closure, key)
    require_unchanged(closure)
    STEPS[action](closure, {"by": g.actor, "now": site_now()})
    commit()
    flash(t(f"closures.did_{action}", zone=closure.zone.name), "done")
    return redirect(url_for("closures.show", key=closure.code), 303)


@pages.post("/<key>/clear")
@allow(*MAY_BEGIN["clearing"])
@again(show_closure)
def clear(key: str) -> ResponseReturnValue:
    """Tick a place off: nobody is left there."""
    begin_write()
    closure = find(Closure, key)
    place = request.form.get("place", "")
    confirm_clear(db.session(), closure, closure.zone, place, by=g.actor, now=site_now())
    commit()
    return redirect(url_for("closures.show", key=closure.code, _anchor="people"), 303)


@pages.post("/<key>/call")
@allow(*MAY_BEGIN["call"])
@again(show_closure)
def call(key: str) -> ResponseReturnValue:
    """Write down what came of a call."""
    begin_write()
    closure = find(Closure, key)
    make_call(closure)
    commit()
    return redirect(url_for("closures.show", key=closure.code, _anchor="calls"), 303)
