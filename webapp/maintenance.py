"""Maintenance: the sensors that need a hand, whose job each is and by when, and what was done."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from models.clock import machine_now
from models.errors import BadInput, Fault
from models.inputs import Faults
from models.maintenance import GOES_ON, LIVE, WORKS, Maintenance
from models.people import STAFF, Actor
from models.reasons import reason
from models.registry import Element, Site
from models.scene import see
from models.sensor import Sensor
from models.staff import staff_at
from models.times import from_ms
from webapp.casework import find, history_of, names_of, require_unchanged, seen, told
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.listing import wanted
from webapp.navigation import nav_count
from webapp.papers import moment_of, number_of, text_of, wall_time
from webapp.policies import allow

pages = Blueprint("maintenance", __name__, url_prefix="/maintenance")
LISTED = 200
WORKERS = ("keeper", "engineer", "manager", "duty")


@nav_count("maintenance.index")
def _open(actor: Actor):  # type: ignore[no-untyped-def]
    mine = select(func.count()).select_from(Maintenance)
    return mine.where(Maintenance.visible_to(actor), Maintenance.state.in_(LIVE))


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List the work, what is due first on top."""
    state, site = wanted("state", ("open", "closed"), "open"), request.args.get("site", "")
    mine = select(Maintenance).join(Maintenance.site).where(Maintenance.visible_to(g.actor))
    live = Maintenance.state.in_(LIVE)
    if site:
        mine = mine.where(Site.code == site)
    if state == "open":
        mine = mine.where(live).order_by(Maintenance.due_at, Maintenance.code)
    else:
        mine = mine.where(~live).order_by(Maintenance.closed_at.desc(), Maintenance.code)
    rows = db.session.scalars(mine.options(*_places()).limit(LISTED)).all()
    sites = select(Site).where(Site.visible_to(g.actor), Site.retired.is_(False))
    return render_template(
        "maintenance/index.html",
        rows=rows,
        state=state,
        site=site,
        sites=db.session.scalars(sites.order_by(Site.code)).all(),
        names=names_of([*(one.owner_id for one in rows), *(one.closed_by for one in rows)]),
        now=site_now(),
        late=sum(one.is_late(site_now()) for one in rows),
        most=LISTED,
    )


def _places() -> tuple:
    sensor = joinedload(Maintenance.sensor)
    return (
        joinedload(Maintenance.site),
        sensor.joinedload(Sensor.site),
        sensor.joinedload(Sensor.building),
        sensor.joinedload(Sensor.element).joinedload(Element.building),
    )


def show_work(key: str) -> str:
    """Draw the page of one piece of work."""
    row = find(Maintenance, key, *_places())
    events, now = history_of(row), site_now()
    one = see(db.session(), [row.sensor], [], now)[0]
    people = staff_at(db.session(), row.site_id, machine_now())
    # One whose clock is off has been heard all the time, and its line ends by itself.
    heard_ms = None if row.kind == "clock_off" else one.latest.heard_ms
    return render_template(
        "maintenance/show.html",
        row=row,
        sensor=row.sensor,
        one=one,
        now=now,
        heard_again=from_ms(heard_ms) if heard_ms and from_ms(heard_ms) > row.since else None,
        seen=seen(row, events),
        can=row.actions(g.actor, now),
        people=[(str(user.id), user.name or user.email) for user, _ in people],
        works=[(work, t(f"maintenance.work.{work}")) for work in WORKS],
        goes_on=[t(f"maintenance.work.{work}") for work in GOES_ON],
        due=wall_time(row.due_at),
        names=names_of([row.owner_id, row.closed_by]),
        log=told(events),
    )


@pages.get("/<key>")
@allow(*STAFF)
def show(key: str) -> str:
    """Show one piece of work."""
    return show_work(key)


@pages.post("/<key>/assign")
@allow(*WORKERS)
@again(show_work)
def assign(key: str) -> ResponseReturnValue:
    """Say whose it is, and by when."""
    row, faults = _begin(key), Faults()
    staff = staff_at(db.session(), row.site_id, machine_now())
    people = {str(user.id): user.id for user, _ in staff}
    person = people.get(request.form.get("person", ""))
    due_at = moment_of("due", row.site.timezone, faults)
    faults.stop()
    if person is None:
        raise BadInput([Fault("person", reason("form.not_a_choice"))])
    row.assign(person, by=g.actor, now=site_now(), due_at=due_at)
    return _done(row)


@pages.post("/<key>/mend")
@allow(*WORKERS)
@again(show_work)
def mend(key: str) -> ResponseReturnValue:
    """Say what was done at the sensor."""
    row, faults = _begin(key), Faults()
    note, shows = text_of("note", faults, 400), number_of("shows", faults)
    faults.stop()
    work = request.form.get("work", "")
    row.mend(work, note, by=g.actor, now=site_now(), shows=shows)
    return _done(row)


@pages.post("/<key>/drop")
@allow(*WORKERS)
@again(show_work)
def drop(key: str) -> ResponseReturnValue:
    """Say that nothing is to be done."""
    row, faults = _begin(key), Faults()
    note = text_of("why", faults, 400)
    faults.need("why", note)
    faults.stop()
    row.drop(note, by=g.actor, now=site_now())
    return _done(row)


def _begin(key: str) -> Maintenance:
    begin_write()
    row: Maintenance = find(Maintenance, key, joinedload(Maintenance.site))
    require_unchanged(row)
    return row


def _done(row: Maintenance) -> ResponseReturnValue:
    commit()
    flash(t("maintenance.moved", which=row.code, state=row.state), "done")
    return redirect(url_for("maintenance.show", key=row.code), 303)
