"""A worker's first page: what to do today, which scaffolds to climb, what rain has stopped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import g, render_template
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload

from models.people import Actor
from models.registry import Element
from models.scaffold import STANDING, Scaffold
from models.task import OVER, Task
from webapp.db import db, site_now
from webapp.filters import local, sentence
from webapp.reader import read_in_zone
from webapp.tag_words import ShownTag, pages_of, shown_tag
from webapp.task_place import place_words

AT_WORK = ("in_progress", "paused", "rework")
JUDGED = ("done_claimed", "inspected")
LISTED_AT_MOST = 100
ORDER = {"in_progress": 0, "rework": 1, "permit_ok": 2, "paused": 3, "planned": 4}


@dataclass(frozen=True)
class Row:
    """A task as the phone lists it."""

    task: Task
    where: str
    tag: ShownTag | None
    late: bool


@dataclass(frozen=True)
class Hold:
    """Scaffolds that weather has stopped, with the measured values as a sentence."""

    tags: Sequence[ShownTag]
    why: str


def show_mine() -> str:
    """Draw the page."""
    now = site_now()
    tasks = _tasks(g.actor)
    if tasks:
        read_in_zone(tasks[0].site.timezone)
    scaffolds = _scaffolds(g.actor)
    hrefs = pages_of([*scaffolds, *(task.scaffold for task in tasks)])
    tags = {one.id: shown_tag(one, now, hrefs.get(one.id, "")) for one in scaffolds}
    for task in tasks:
        if task.scaffold is not None and task.scaffold.id not in tags:
            one = task.scaffold
            tags[one.id] = shown_tag(one, now, hrefs.get(one.id, ""))
    rows = [_row(task, tags.get(task.scaffold_id), now) for task in tasks]
    return render_template(
        "tasks/mine.html",
        today=[row for row in rows if is_for_today(row.task, now)],
        later=[
            row for row in rows if row.task.state not in JUDGED and not is_for_today(row.task, now)
        ],
        judged=[row for row in rows if row.task.state in JUDGED],
        holds=_holds(scaffolds, tags),
        tags=[tags[one.id] for one in scaffolds],
        now=now,
    )


def _holds(scaffolds: Sequence[Scaffold], tags: Mapping[UUID, ShownTag]) -> list[Hold]:
    """Return one banner for each reason: a storm stops many scaffolds at once."""
    by_reason: dict[str, list[ShownTag]] = {}
    for one in scaffolds:
        if is_held_by_weather(one):
            by_reason.setdefault(sentence(one.held), []).append(tags[one.id])
    return [Hold(held, why) for why, held in by_reason.items()]


def _row(task: Task, tag: ShownTag | None, now: datetime) -> Row:
    late = task.state not in JUDGED and task.due_at is not None and task.due_at < now
    return Row(task, place_words(task), tag, late)


def is_for_today(task: Task, now: datetime) -> bool:
    """Whether it is under way, or due before the day at the site ends."""
    if task.state in JUDGED or task.state == "planned":
        return False
    due_today = task.due_at is not None and local(task.due_at).date() <= local(now).date()
    return task.state in AT_WORK or task.due_at is None or due_today


def is_held_by_weather(scaffold: Scaffold) -> bool:
    """Whether rain, or weather that nobody measured, has put it on hold."""
    code = (scaffold.held or {}).get("code", "")
    return scaffold.state == "event_hold" and code.startswith("hold.")


def _tasks(actor: Actor) -> Sequence[Task]:
    own = Task.owner_id == actor.id
    if actor.organisation_ids:
        own = or_(own, Task.organisation_id.in_(actor.organisation_ids))
    found = db.session.scalars(
        select(Task)
        .where(Task.visible_to(actor), own, Task.state.not_in(OVER))
        .options(
            joinedload(Task.site),
            joinedload(Task.building),
            joinedload(Task.element).joinedload(Element.building),
            joinedload(Task.zone),
            joinedload(Task.scaffold),
        )
        .order_by(Task.due_at.is_(None), Task.due_at, Task.code)
        .limit(LISTED_AT_MOST)
    )
    return sorted(found, key=lambda task: ORDER.get(task.state, 9))


def _scaffolds(actor: Actor) -> Sequence[Scaffold]:
    """Return the standing scaffolds of the actor's company; staff have a list of their own."""
    standing = Scaffold.state.in_((*STANDING, "erecting"))
    own = and_(standing, Scaffold.organisation_id.in_(actor.organisation_ids))
    mine = select(Scaffold).where(Scaffold.visible_to(actor), own)
    return db.session.scalars(mine.order_by(Scaffold.code).limit(LISTED_AT_MOST)).all()
