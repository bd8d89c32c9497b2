"""Repair tasks: what is late, whose it is, and each step that somebody takes on a page."""

from collections.abc import Mapping
from datetime import datetime

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import joinedload

from models.errors import BadInput, Fault
from models.inputs import whole_number
from models.note import write_note
from models.people import STAFF, Actor, Organisation
from models.reasons import reason
from models.registry import Element, Site
from models.task import OVER, WORKERS, Task
from webapp import task_order, task_stop
from webapp.casework import find, require_unchanged
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.listing import PER_PAGE, wanted
from webapp.my_tasks import show_mine
from webapp.navigation import nav_count
from webapp.papers import Field, Paper, show_paper
from webapp.policies import allow
from webapp.tag_words import pages_of, shown_tag
from webapp.task_page import WORDY, show_task
from webapp.task_place import place_words

pages = Blueprint("tasks", __name__)
pages.get("/tasks/new", endpoint="new")(task_order.new)
pages.post("/tasks/new", endpoint="order")(task_order.order)
pages.register_blueprint(task_stop.part)

EVERYBODY = (*STAFF, "contractor")
ACTORS = ("contractor", "keeper", "engineer", "duty", "supervisor", "manager")
TAPS = ("permit", "start", "resume", "claim", "inspect", "accept")
FILTERS = ("open", "late", "unassigned", "weather", "to_judge", "safety", "over")
LONGEST_NOTE = 2000


def _filters(now: datetime) -> Mapping[str, ColumnElement[bool]]:
    """Return the conditions behind the filters of the list."""
    unfinished = Task.state.not_in(OVER)
    nobody = and_(Task.organisation_id.is_(None), Task.owner_id.is_(None))
    return {
        "open": unfinished,
        "late": and_(unfinished, Task.due_at < now),
        "unassigned": and_(unfinished, nobody),
        "weather": and_(Task.state == "paused", Task.paused_why == "weather"),
        "to_judge": Task.state.in_(("done_claimed", "inspected")),
        "safety": and_(unfinished, Task.safety.is_(True)),
        "over": Task.state.in_(OVER),
    }


@nav_count("tasks.index")
def waiting_count(actor: Actor) -> Select:
    """Count what waits for staff (late, or called done), or for the company (to be worked on)."""
    known = _filters(site_now())
    mine = or_(known["late"], known["to_judge"])
    if not actor.has_role(*STAFF):
        mine = Task.state.in_(("permit_ok", "in_progress", "paused", "rework"))
    return select(func.count()).where(Task.visible_to(actor), mine)


@pages.get("/tasks")
@allow(*EVERYBODY)
def index() -> ResponseReturnValue:
    """List tasks by what is wanted of them; a company has a list of its own."""
    if not g.actor.has_role(*STAFF):
        return redirect(url_for("tasks.mine"))
    now = site_now()
    known = _filters(now)
    chosen = wanted("show", FILTERS, "open")
    page = max(1, int(request.args["page"])) if _is_number("page") else 1
    rows = _listed(known[chosen], page)
    tagged = [task.scaffold for task in rows if task.scaffold is not None]
    hrefs = pages_of(tagged)
    return render_template(
        "tasks/index.html",
        chosen=chosen,
        counts=_counts(known),
        rows=[
            {
                "task": task,
                "where": place_words(task),
                "late": chosen != "over" and task.due_at is not None and task.due_at < now,
                "tag": task.scaffold
                and shown_tag(task.scaffold, now, hrefs.get(task.scaffold_id, "")),
            }
            for task in rows[:PER_PAGE]
        ],
        more=_page_url(page + 1) if len(rows) > PER_PAGE else "",
        sites=_sites(),
        companies=_companies(),
        site=request.args.get("site", ""),
        company=request.args.get("company", ""),
        may_order=g.actor.has_role("manager", "supervisor", "engineer"),
    )


def _is_number(name: str) -> bool:
    return (whole_number(request.args.get(name, "")) or 10**6) < 10**6


def _page_url(page: int) -> str:
    kept = {name: value for name, value in request.args.items() if name != "page" and value}
    return url_for("tasks.index", **kept, page=page)


def _listed(which: ColumnElement[bool], page: int) -> list[Task]:
    mine = (
        select(Task)
        .where(Task.visible_to(g.actor), which, *_narrowed())
        .options(
            joinedload(Task.site),
            joinedload(Task.building),
            joinedload(Task.element).joinedload(Element.building),
            joinedload(Task.zone),
            joinedload(Task.scaffold),
            joinedload(Task.organisation),
            joinedload(Task.owner),
        )
        .order_by(Task.due_at.is_(None), Task.due_at, Task.code)
        .offset((page - 1) * PER_PAGE)
        .limit(PER_PAGE + 1)
    )
    return list(db.session.scalars(mine))


def _narrowed() -> list[ColumnElement[bool]]:
    """Return what the address narrows the list to."""
    found = []
    if request.args.get("site"):
        found.append(Task.site_id.in_(select(Site.id).where(Site.code == request.args["site"])))
    if request.args.get("company"):
        code = request.args["company"]
        mine = select(Organisation.id).where(Organisation.code == code)
        found.append(Task.organisation_id.in_(mine))
    return found


def _counts(known: Mapping[str, ColumnElement[bool]]) -> dict[str, int]:
    columns = [func.sum(case((which, 1), else_=0)) for which in known.values()]
    row = db.session.execute(select(*columns).where(Task.visible_to(g.actor), *_narrowed())).one()
    return {name: int(number or 0) for name, number in zip(known, row, strict=True)}


def _sites() -> list[Site]:
    mine = select(Site).where(Site.visible_to(g.actor), Site.retired.is_(False))
    return list(db.session.scalars(mine.order_by(Site.code)))


def _companies() -> list[Organisation]:
    at_work = select(Task.organisation_id).where(Task.visible_to(g.actor))
    mine = select(Organisation).where(Organisation.id.in_(at_work))
    return list(db.session.scalars(mine.order_by(Organisation.code)))


@pages.get("/t")
@allow("contractor", *WORKERS)
def mine() -> str:
    """Show a worker what is his today, on a phone."""
    return show_mine()


@pages.get("/tasks/<key>")
@allow(*EVERYBODY)
def show(key: str) -> str:
    """Show one task."""
    return show_task(key)


@pages.post("/tasks/<key>/step")
@allow(*ACTORS)
@again(show_task)
def step(key: str) -> ResponseReturnValue:
    """Take a step that needs no words."""
    action = request.form.get("action", "")
    if action not in TAPS:
        raise BadInput([Fault("action", reason("form.not_a_choice"))])
    begin_write()
    task = find(Task, key)
    require_unchanged(task)
    task.move(action, by=g.actor, now=site_now())
    commit()
    flash(t(f"tasks.did_{action}", task=task.code), "done")
    return redirect(url_for("tasks.show", key=task.code), 303)


@pages.get("/tasks/<key>/step/<action>")
@allow(*ACTORS)
def step_page(key: str, action: str) -> str:
    """Ask for the reason of a step that needs one."""
    if action not in WORDY:
        abort(404)
    task = find(Task, key)
    word = t(f"task.action.{action}")
    return show_paper(
        Paper(
            title=t("tasks.step_title", action=word, task=task.code),
            submit=word,
            back=(url_for("tasks.show", key=task.code), task.code),
            intro=t(f"tasks.intro_{action}"),
            fields=[Field("area", "note", t("tasks.reason"), longest=LONGEST_NOTE)],
            version=str(task.version),
        )
    )


@pages.post("/tasks/<key>/step/<action>")
@allow(*ACTORS)
@again(step_page)
def wordy_step(key: str, action: str) -> ResponseReturnValue:
    """Take a step with its reason."""
    if action not in WORDY:
        abort(404)
    begin_write()
    task = find(Task, key)
    require_unchanged(task)
    note = request.form.get("note", "")[:LONGEST_NOTE]
    task.move(action, by=g.actor, now=site_now(), note=note)
    commit()
    flash(t(f"tasks.did_{action}", task=task.code), "done")
    return redirect(url_for("tasks.show", key=task.code), 303)


@pages.post("/tasks/<key>/notes")
@allow(*ACTORS)
@again(show_task)
def note(key: str) -> ResponseReturnValue:
    """Write a note or a line of the daily log; twice under one key is once."""
    begin_write()
    task = find(Task, key)
    write_note(
        db.session(),
        task,
        request.form.get("text", "")[:LONGEST_NOTE],
        client_key=request.form.get("idempotency_key", ""),
        kind=request.form.get("kind", "note"),
        by=g.actor,
        now=site_now(),
    )
    commit()
    return redirect(url_for("tasks.show", key=task.code, _anchor="notes"), 303)
