"""Permits to enter a closed zone: issued for a task, suspended by weather, closed out."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import joinedload

from models.errors import BadInput, Fault
from models.inputs import Faults
from models.people import STAFF
from models.permit import Permit, issue_permit
from models.reasons import reason
from models.rights import MAY_BEGIN
from models.task import Task
from webapp.casework import find, history_of, names_of, require_unchanged, seen, told
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import sentence, t
from webapp.forms import again
from webapp.papers import Field, Paper, moment_of, show_paper, text_of, wall_time
from webapp.policies import allow
from webapp.task_page import Button

pages = Blueprint("permits", __name__, url_prefix="/permits")

ISSUERS = MAY_BEGIN["permit"]
MOST_PERSONS = 50
LONGEST_TEXT = 1000
WHOLE = (joinedload(Permit.site), joinedload(Permit.task), joinedload(Permit.zone))


@pages.get("/new")
@allow(*ISSUERS)
def new() -> str:
    """Ask who may go in, what for, and how long."""
    task = find(Task, request.args.get("task", ""))
    until = site_now().replace(second=0, microsecond=0)
    return show_paper(
        Paper(
            title=t("permits.issue"),
            intro=t("permits.intro", task=task.code),
            submit=t("permits.issue"),
            icon="key",
            back=(url_for("tasks.show", key=task.code), task.code),
            action=request.full_path.rstrip("?"),
            fields=[
                Field("area", "persons", t("permits.persons"), hint=t("permits.persons_hint")),
                Field("text", "purpose", t("permits.purpose"), longest=200),
                Field("moment", "since", t("permits.since"), wall_time(until)),
                Field("moment", "until", t("permits.until")),
                Field("area", "controls", t("permits.controls"), optional=True, rows=2),
            ],
        )
    )


@pages.post("/new")
@allow(*ISSUERS)
@again(new)
def issue() -> ResponseReturnValue:
    """Let named people in."""
    faults = Faults()
    task = find(Task, request.args.get("task", ""))
    zone = task.site.timezone
    since, until = (moment_of(name, zone, faults) for name in ("since", "until"))
    names = text_of("persons", faults, LONGEST_TEXT).splitlines()[:MOST_PERSONS]
    purpose, controls = (text_of(name, faults, LONGEST_TEXT) for name in ("purpose", "controls"))
    faults.need("until", until)
    faults.stop()
    begin_write()
    task = find(Task, request.args.get("task", ""))
    now = site_now()
    permit = issue_permit(
        db.session(),
        task.site,
        persons=names,
        purpose=purpose,
        controls=controls,
        since=since or now,
        until=until or now,
        task=task,
        zone=task.zone,
        by=g.actor,
        now=now,
    )
    commit()
    flash(t("permits.issued", permit=permit.code), "done")
    return redirect(url_for("permits.show", key=permit.code), 303)


@pages.get("/<key>")
@allow(*STAFF, "contractor")
def show(key: str) -> str:
    """Show one permit."""
    permit = find(Permit, key, *WHOLE)
    events = history_of(permit)
    return render_template(
        "tasks/permit.html",
        permit=permit,
        seen=seen(permit, events),
        buttons=[
            Button(step.action, t(f"permit.action.{step.action}"), sentence(step.why_not))
            for step in permit.steps(g.actor, site_now())
        ],
        suspended_why=sentence(permit.suspended_why),
        issuer=names_of([permit.issued_by]).get(permit.issued_by, ""),
        log=told(events),
        now=site_now(),
    )


@pages.post("/<key>/step")
@allow(*ISSUERS)
@again(show)
def step(key: str) -> ResponseReturnValue:
    """Suspend, reinstate or close out."""
    action = request.form.get("action", "")
    if action not in Permit.MAY:
        raise BadInput([Fault("action", reason("form.not_a_choice"))])
    begin_write()
    permit = find(Permit, key)
    require_unchanged(permit)
    permit.move(action, by=g.actor, now=site_now())
    commit()
    return redirect(url_for("permits.show", key=permit.code), 303)
