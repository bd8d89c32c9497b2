"""Stop-work on a hidden defect: what was found becomes a finding, and the task stands still."""

import uuid

from flask import Blueprint, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.finding import Finding
from models.inputs import Faults
from models.task import Task
from models.vocabulary import DAMAGES, ELEMENTS, ORIENTATIONS
from webapp.casework import find, require_unchanged
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.papers import Field, Paper, show_paper, text_of
from webapp.policies import allow

part = Blueprint("stop", __name__)
ACTORS = ("contractor", "keeper", "engineer", "duty", "supervisor", "manager")
LONGEST_EXTENT = 200


@part.get("/tasks/<key>/stop")
@allow(*ACTORS)
def page(key: str) -> str:
    """Ask what was found."""
    task = find(Task, key)
    element = task.element.type if task.element is not None else ""
    return show_paper(
        Paper(
            title=t("tasks.stop_title"),
            intro=t("tasks.stop_intro", task=task.code),
            submit=t("tasks.stop_now"),
            icon="hand-stop",
            back=(url_for("tasks.show", key=task.code), task.code),
            version=str(task.version),
            once=str(uuid.uuid4()),
            fields=[
                Field(
                    "select",
                    "element_code",
                    t("tasks.stop_element"),
                    element,
                    options=[("", "—"), *((one, t(f"element.{one}")) for one in ELEMENTS)],
                ),
                Field(
                    "select",
                    "damage",
                    t("tasks.stop_damage"),
                    options=[("", "—"), *((one, t(f"damage.{one}")) for one in DAMAGES)],
                ),
                Field("area", "note", t("tasks.stop_note"), hint=t("tasks.stop_note_hint")),
                Field(
                    "select",
                    "orientation",
                    t("tasks.stop_side"),
                    options=[("", "—"), *((one, t(f"orientation.{one}")) for one in ORIENTATIONS)],
                    optional=True,
                ),
                Field(
                    "text",
                    "extent",
                    t("tasks.stop_extent"),
                    optional=True,
                    longest=LONGEST_EXTENT,
                ),
            ],
        )
    )


@part.post("/tasks/<key>/stop")
@allow(*ACTORS)
@again(page)
def stop(key: str) -> ResponseReturnValue:
    """Stop the work and open the finding, in one transaction."""
    faults = Faults()
    said = {name: text_of(name, faults) for name in ("element_code", "damage", "note")}
    said |= {"orientation": text_of("orientation", faults)}
    said |= {"extent": text_of("extent", faults, LONGEST_EXTENT)}
    faults.stop()
    wanted = _id(request.form.get("id", ""))
    begin_write()
    task = find(Task, key)
    if not _was_sent_before(task, wanted):
        require_unchanged(task)
        finding = task.stop_hidden_defect(by=g.actor, now=site_now(), finding_id=wanted, **said)
        commit()
        flash(t("tasks.did_stop", finding=finding.code), "done")
    return redirect(url_for("tasks.show", key=task.code, _anchor="photos"), 303)


def _was_sent_before(task: Task, wanted: uuid.UUID) -> bool:
    mine = select(Finding.id).where(Finding.id == wanted, Finding.found_by_task == task.id)
    return db.session.scalar(mine) is not None


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.uuid4()
