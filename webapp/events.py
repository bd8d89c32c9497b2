"""What happened, who did it and why: the audit list."""

from flask import Blueprint, g, render_template, request
from sqlalchemy import ColumnElement, select

from models.event import Event
from models.people import Actor, staff_scope
from models.registry import Site
from webapp.casework import told
from webapp.db import db
from webapp.listing import PER_PAGE, next_page, numbered, wanted
from webapp.policies import allow

pages = Blueprint("events", __name__, url_prefix="/events")
VIAS = ("page", "api", "rule", "clock", "offline", "command")
KINDS = (
    "alert", "incident", "closure", "report", "finding", "task", "scaffold", "permit", "project",
    "photo", "sensor", "rule", "site", "building", "element", "zone", "drawing", "organisation",
    "user", "invitation", "api_token", "device_key", "job",
)  # fmt: skip


def events_of(actor: Actor) -> ColumnElement[bool]:
    """Return the condition of the actor's events; those of no site for whoever has all sites."""
    mine = staff_scope(actor, Event.site_id)
    if any(grant.site_ids is None for grant in actor.grants):
        return mine | Event.site_id.is_(None)
    return mine


@pages.get("/")
@allow("manager", "engineer")
def index() -> str:
    """List events, the newest first; the filters are in the address."""
    kind, via = wanted("kind", KINDS), wanted("via", VIAS)
    sites = db.session.scalars(
        select(Site).where(Site.visible_to(g.actor)).order_by(Site.code)
    ).all()
    site = next((one for one in sites if one.code == request.args.get("site")), None)
    code = request.args.get("code", "").strip()[:80]
    found = select(Event).where(events_of(g.actor))
    if kind:
        found = found.where(Event.kind == kind)
    if via:
        found = found.where(Event.via == via)
    if site is not None:
        found = found.where(Event.site_id == site.id)
    if code:
        found = found.where(Event.subject_code == code)
    before = numbered()
    if before is not None:
        found = found.where(Event.number < before)
    rows = db.session.scalars(found.order_by(Event.number.desc()).limit(PER_PAGE + 1)).all()
    rows, following = next_page(rows, lambda one: str(one.number))
    by_number = {row.number: row for row in rows}
    return render_template(
        "events/index.html",
        rows=[(by_number[line.number], line) for line in told(rows)],
        following=following,
        kinds=KINDS,
        kind=kind,
        vias=VIAS,
        via=via,
        sites=sites,
        site=site,
        code=code,
    )
