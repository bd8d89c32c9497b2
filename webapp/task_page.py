"""The page of a task: may I go up, what to do and where, and what shows that it was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import g, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from models.event import Event
from models.note import TaskNote, notes_of
from models.permit import Permit
from models.photo import photos_of
from models.registry import Element
from models.rights import may_begin
from models.task import Task
from models.task_guards import reasons_against_start
from webapp.casework import find, history_of, meanwhile, names_of, seen, told
from webapp.db import db, site_now
from webapp.filters import sentence, t
from webapp.photos import shown, stages_for
from webapp.tag_words import ShownTag, pages_of, shown_tag
from webapp.task_place import place_of, place_words

WORDY = ("pause", "send_back", "cancel")  # these need a reason, and have a page for it
ICONS = {
    "permit": "check",
    "start": "player-play",
    "resume": "player-play",
    "claim": "circle-check",
    "inspect": "search",
    "accept": "signature",
}
NOT_BEGUN = ("planned", "permit_ok", "paused", "rework")
ORDER = {"before": 0, "during": 1, "hidden": 2, "after": 3}
THEIRS = ("permit_ok", "in_progress", "paused", "rework")  # it is the company's turn
WHOLE = (
    joinedload(Task.site),
    joinedload(Task.building),
    joinedload(Task.element).joinedload(Element.building),
    joinedload(Task.zone),
    joinedload(Task.incident),
    joinedload(Task.project),
    joinedload(Task.scaffold),
    joinedload(Task.organisation),
    joinedload(Task.owner),
    selectinload(Task.defects),
    selectinload(Task.findings),
)


@dataclass(frozen=True)
class Button:
    """A step as macros/forms.html draws it."""

    name: str
    label: str
    why_not: str = ""
    href: str = ""
    icon: str = ""
    primary: bool = False


@dataclass(frozen=True)
class Line:
    """A note, or a line of the daily log, with who wrote it."""

    note: TaskNote
    by: str


def show_task(key: str) -> str:
    """Draw the page of a task: on a desk for staff, for a phone on a scaffold for the company."""
    session, now = db.session(), site_now()
    task = find(Task, key, *WHOLE)
    events = history_of(task)
    photos = shown(photos_of(session, task))
    staff = g.actor.is_staff
    tag = _tag(task, now)
    scaffold_is_open = tag is not None and bool(tag.href)
    _clean_refusal(scaffold_is_open)
    return render_template(
        "tasks/show.html" if staff else "tasks/phone.html",
        task=task,
        seen=seen(task, events),
        now=now,
        tag=tag,
        buttons=buttons(task, now),
        in_the_way=_in_the_way(task, now, scaffold_is_open),
        place=place_of(task),
        where=place_words(task),
        photos=photos,
        gallery=sorted(photos, key=lambda one: ORDER.get(one["stage"], len(ORDER))),
        lacking=[
            stage
            for stage in ("before", "after")
            if task.needs_photos and all(one["stage"] != stage for one in photos)
        ],
        pair=pair_of(photos),
        stages=[(stage, t(f"photo.stage.{stage}")) for stage in stages_for(task)],
        may_add=_may_add(task),
        notes=_lines(task, "note"),
        logs=_lines(task, "log"),
        log=told(_tellable(events)),
        meanwhile=meanwhile(events),
        permits=_permits(task),
        may_permit=not task.is_over and may_begin("permit", g.actor, task.site_id),
        theirs=staff and task.organisation is not None and task.state in THEIRS,
        names=names_of([task.claimed_by, task.accepted_by, task.created_by]),
        back=url_for("tasks.index") if staff else url_for("tasks.mine"),
    )


def _tag(task: Task, now: datetime) -> ShownTag | None:
    if task.scaffold is None:
        return None
    return shown_tag(task.scaffold, now, pages_of([task.scaffold]).get(task.scaffold.id, ""))


def buttons(task: Task, now: datetime) -> list[Button]:
    """Return the steps of the model; those that need words lead to a page."""
    found: list[Button] = []
    for step in task.steps(g.actor, now):
        stop = step.action == "stop_hidden_defect"
        wordy = stop or step.action in WORDY
        where = (
            url_for("tasks.stop.page", key=task.code)
            if stop
            else url_for("tasks.step_page", key=task.code, action=step.action)
        )
        found.append(
            Button(
                step.action,
                t(f"task.action.{step.action}"),
                sentence(step.why_not),
                where if wordy else "",
                ICONS.get(step.action, ""),
                primary=not wordy and not any(one.primary for one in found),
            )
        )
    return sorted(found, key=lambda one: bool(one.href))


def _in_the_way(task: Task, now: datetime, scaffold_is_open: bool) -> list[dict[str, str]]:
    """Return all that keeps work from beginning; pages that are not the reader's have no link."""
    if task.state not in NOT_BEGUN:
        return []
    return [
        {"text": sentence(one.reason), "href": _for_reader(one.href, scaffold_is_open)}
        for one in reasons_against_start(task, now)
    ]


def _for_reader(href: str, scaffold_is_open: bool) -> str:
    """Leave out, for a company, the pages of the authority and of other companies."""
    folder = urlsplit(href).path.split("/")[1:2]
    is_open = folder != ["findings"] and (folder != ["scaffolds"] or scaffold_is_open)
    return href if is_open or g.actor.is_staff else ""


def _clean_refusal(scaffold_is_open: bool) -> None:
    """The same for the links of a refusal that is told on this page."""
    refilled = g.get("refilled")
    for one in refilled.blockers if refilled is not None else ():
        one["href"] = _for_reader(one["href"], scaffold_is_open)


def pair_of(photos: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the first photo before and the last one after, to be laid over each other."""
    before = next((one for one in photos if one["stage"] == "before"), None)
    after = next((one for one in reversed(photos) if one["stage"] == "after"), None)
    return (before, after) if before and after else None


def _may_add(task: Task) -> bool:
    return task.state not in ("accepted", "cancelled") and bool(g.actor.roles - {"viewer"})


def _lines(task: Task, kind: str) -> list[Line]:
    if "task_notes" not in g:
        g.task_notes = notes_of(db.session(), task)
        g.task_writers = names_of(note.by_id for note in g.task_notes)
    mine = [note for note in g.task_notes if note.kind == kind]
    return [Line(note, g.task_writers.get(note.by_id, "")) for note in reversed(mine)]


def _tellable(events: Sequence[Event]) -> list[Event]:
    """Notes have their own place on the page; here they would be said twice."""
    return [event for event in events if event.action not in ("note", "log")]


def _permits(task: Task) -> list[Permit]:
    mine = select(Permit).where(Permit.task_id == task.id, Permit.visible_to(g.actor))
    return list(db.session.scalars(mine.order_by(Permit.code)))
