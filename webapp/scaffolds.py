"""Scaffolds: what colour each tag is and why, and every signature and step that changes it."""

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import joinedload

from models import inspection as inspecting
from models.errors import BadInput, Fault
from models.inputs import need_text
from models.people import STAFF, Actor
from models.reasons import reason
from models.rights import may_begin
from models.scaffold import STANDING, Scaffold
from webapp import scaffold_forms, scaffold_order, scaffold_tag
from webapp.casework import find, require_unchanged
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.listing import wanted
from webapp.navigation import nav_count
from webapp.papers import Field, Paper, show_paper
from webapp.policies import allow
from webapp.scaffold_page import WORDY, show_scaffold
from webapp.tag_words import shown_tag

pages = Blueprint("scaffolds", __name__)
pages.get("/scaffolds/new", endpoint="new")(scaffold_order.new)
pages.post("/scaffolds/new", endpoint="order")(scaffold_order.order)
pages.register_blueprint(scaffold_forms.part)
pages.register_blueprint(scaffold_tag.part)

EVERYBODY = (*STAFF, "contractor")
ACTORS = ("contractor", "supervisor", "engineer", "manager", "duty")
SHOWN = ("standing", "red", "design", "struck")
LISTED_AT_MOST = 200
LONGEST_NOTE = 2000


@nav_count("scaffolds.index")
def red_count(actor: Actor) -> Select:
    """Count what somebody must inspect before anyone goes up."""
    red = or_(Scaffold.state != "handed_over", Scaffold.next_due_at < site_now())
    mine = select(func.count()).where(Scaffold.visible_to(actor), Scaffold.state.in_(STANDING), red)
    return mine


@pages.get("/scaffolds")
@allow(*EVERYBODY)
def index() -> str:
    """List scaffolds with the colour of their tags, the red ones first."""
    now = site_now()
    chosen = wanted("show", SHOWN, "standing")
    states = {"design": ("design", "erecting"), "struck": ("dismantling", "struck")}
    mine = (
        select(Scaffold)
        .where(Scaffold.visible_to(g.actor), Scaffold.state.in_(states.get(chosen, STANDING)))
        .options(
            joinedload(Scaffold.site),
            joinedload(Scaffold.building),
            joinedload(Scaffold.zone),
            joinedload(Scaffold.organisation),
        )
        .order_by(Scaffold.code)
        .limit(LISTED_AT_MOST)
    )
    rows = [(one, shown_tag(one, now, _href(one))) for one in db.session.scalars(mine)]
    if chosen == "red":
        rows = [row for row in rows if row[1].colour == "red"]
    order = {"red": 0, "amber": 1, "green": 2, "none": 3}
    return render_template(
        "scaffolds/index.html",
        rows=sorted(rows, key=lambda row: order[row[1].colour]),
        chosen=chosen,
        shown=SHOWN,
        may_order=may_begin("scaffold", g.actor, None),
        now=now,
    )


def _href(scaffold: Scaffold) -> str:
    return url_for("scaffolds.show", key=scaffold.code)


@pages.get("/scaffolds/<key>")
@allow(*EVERYBODY)
def show(key: str) -> str:
    """Show one scaffold."""
    return show_scaffold(key)


def _hand_over(scaffold: Scaffold, now: datetime) -> None:
    inspecting.hand_over(scaffold, by=g.actor, now=now)


def _mover(action: str) -> Callable[[Scaffold, datetime], None]:
    return lambda scaffold, now: inspecting.move(scaffold, action, by=g.actor, now=now)


TAPS: dict[str, Callable[[Scaffold, datetime], None]] = {
    "begin_erecting": _mover("begin_erecting"),
    "hand_over": _hand_over,
    "dismantle": _mover("dismantle"),
    "strike": _mover("strike"),
}


@pages.post("/scaffolds/<key>/step")
@allow(*ACTORS)
@again(show_scaffold)
def step(key: str) -> ResponseReturnValue:
    """Take a step that needs no words."""
    action = request.form.get("action", "")
    if action not in TAPS:
        raise BadInput([Fault("action", reason("form.not_a_choice"))])
    begin_write()
    scaffold = find(Scaffold, key)
    require_unchanged(scaffold)
    TAPS[action](scaffold, site_now())
    commit()
    flash(t(f"scaffolds.did_{action}", scaffold=scaffold.code), "done")
    return redirect(url_for("scaffolds.show", key=scaffold.code), 303)


@pages.get("/scaffolds/<key>/step/<action>")
@allow(*ACTORS)
def step_page(key: str, action: str) -> str:
    """Ask for the reason of a step that turns the tag red."""
    if action not in WORDY:
        abort(404)
    scaffold = find(Scaffold, key)
    word = t(f"scaffold.action.{action}")
    return show_paper(
        Paper(
            title=t("tasks.step_title", action=word, task=scaffold.code),
            submit=word,
            icon="shield-x",
            back=(url_for("scaffolds.show", key=scaffold.code), scaffold.code),
            intro=t(f"scaffolds.intro_{action}"),
            fields=[Field("area", "note", t("tasks.reason"), longest=LONGEST_NOTE)],
            version=str(scaffold.version),
        )
    )


@pages.post("/scaffolds/<key>/step/<action>")
@allow(*ACTORS)
@again(step_page)
def wordy_step(key: str, action: str) -> ResponseReturnValue:
    """Take a step with its reason; whoever works on it then stops."""
    if action not in WORDY:
        abort(404)
    note = need_text("note", request.form.get("note", "")[:LONGEST_NOTE])
    begin_write()
    scaffold = find(Scaffold, key)
    require_unchanged(scaffold)
    now = site_now()
    inspecting.move(scaffold, action, by=g.actor, now=now, note=note)
    _pause_work(scaffold, note, now)
    commit()
    flash(t(f"scaffolds.did_{action}", scaffold=scaffold.code), "done")
    return redirect(url_for("scaffolds.show", key=scaffold.code), 303)


def _pause_work(scaffold: Scaffold, note: str, now: datetime) -> None:
    """Pause what is under way on it, as far as that is the actor's to do."""
    for task in scaffold.tasks:
        if task.state == "in_progress" and task.may("pause", g.actor):
            task.move("pause", by=g.actor, now=now, note=f"{scaffold.code}: {note}")
