"""Repair tasks: ordered, moved on step by step, and accepted by a person on the page."""

import uuid
from typing import Annotated, Any, Literal

from flask import g
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from models.errors import BadInput, Fault, Refusal
from models.incident import Incident
from models.people import Organisation
from models.project import Project
from models.reasons import reason
from models.registry import Site
from models.scaffold import Scaffold
from models.task import TASK, Task, plan_task
from models.task_guards import reasons_against_start
from webapp.api.finding import (
    building_of,
    company_of,
    element_of,
    find,
    find_to_change,
    named_in,
    person_at,
    site_of,
    zone_of,
)
from webapp.api.operations import Part
from webapp.api.paging import Order, Paged, page_of
from webapp.api.steps import actions_in_list, actions_of
from webapp.api.values import (
    Answer,
    Bilingual,
    Blocked,
    Body,
    Line,
    Moment,
    Named,
    Text,
    Thing,
    named,
    told,
)
from webapp.db import db, site_now

part = Part("tasks")
pages = part.pages

NEWEST = Order((Task.created_at, Task.id), lambda one: (one.created_at, one.id), newest_first=True)
PARTS = (
    joinedload(Task.site),
    joinedload(Task.building),
    joinedload(Task.element),
    joinedload(Task.zone),
    joinedload(Task.incident),
    joinedload(Task.project).selectinload(Project.parties),
    joinedload(Task.scaffold),
    joinedload(Task.organisation),
    joinedload(Task.owner),
    selectinload(Task.defects),
)
# A hold is the weather's; a hidden defect has a finding to describe, which its page asks for.
STEPS = tuple(
    action
    for action in dict.fromkeys(action for _, action in TASK)
    if action not in ("hold", "stop_hidden_defect")
)
LOOKS_FURTHER = ("start", "resume", "claim", "accept")


class TaskObject(Thing):
    """One piece of work. `safety`: keeps its zone shut until it is accepted."""

    site: str
    building: str | None
    element: str | None
    zone: str | None
    incident: str | None
    project: str | None
    scaffold: str | None
    company: str | None
    owner: uuid.UUID | None
    title: Named
    instructions: Named | None
    works_class: str
    safety: bool
    needs_photos: bool
    verify_by_weather: bool
    paused_why: str | None
    due_at: Moment | None
    created_at: Moment
    started_at: Moment | None
    claimed_at: Moment | None
    inspected_at: Moment | None
    accepted_at: Moment | None


class TaskDetail(TaskObject):
    """A task with everything that keeps its work from beginning."""

    blockers: list[Blocked]


class TaskList(Answer):
    """A page of tasks."""

    items: list[TaskObject]
    next: str | None


class TaskQuery(Paged):
    """Which tasks."""

    site: Line | None = None
    state: Line | None = None


def _id(value: Any) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise PydanticCustomError("api.not_an_id", "not an id") from None


ChosenId = Annotated[
    uuid.UUID, BeforeValidator(_id), WithJsonSchema({"type": "string", "format": "uuid"})
]


class NewTask(Body):
    """An order for a piece of work. The caller may choose its `id`."""

    id: ChosenId | None = None
    site: Line
    title: Bilingual
    works_class: Line = ""
    building: Line | None = None
    element: Line | None = None
    zone: Line | None = None
    incident: Line | None = None
    project: Line | None = None
    scaffold: Line | None = None
    company: Line | None = None
    owner: Line | None = None
    due_at: Moment | None = None
    safety: bool = False
    needs_photos: bool = True
    verify_by_weather: bool = False
    reversible: bool | None = None
    reversible_how: Text = ""
    justification: Text = ""
    instructions: Bilingual | None = None


class MoveTask(Body):
    """One step of the workflow; `send_back`, `cancel` and `pause` need a note."""

    action: Literal[
        "permit", "start", "claim", "pause", "resume", "inspect", "accept", "send_back", "cancel"
    ]
    note: Text = ""


assert set(STEPS) == set(MoveTask.model_fields["action"].annotation.__args__)  # type: ignore[union-attr]


@part.get("/tasks", TaskList, "The tasks, the newest first", query=TaskQuery)
def tasks(query: TaskQuery) -> TaskList:
    """List tasks."""
    statement = _whole()
    site = site_of("site", query.site)
    if site is not None:
        statement = statement.where(Task.site_id == site.id)
    if query.state is not None:
        statement = statement.where(Task.state == query.state)
    rows, following = page_of(statement, NEWEST, query)
    items = [TaskObject(**_fields(row, actions_in_list(row, STEPS, LOOKS_FURTHER))) for row in rows]
    return TaskList(items=items, next=following)


@part.get("/tasks/<task>", TaskDetail, "One task, with what keeps it from beginning")
def task(task: str) -> TaskDetail:
    """Show one task."""
    return present(find(Task, task, *PARTS))


@part.post("/tasks", TaskDetail, "Order a task", body=NewTask, status=201, creates=True)
def order_task(body: NewTask) -> TaskDetail:
    """Plan or order a task."""
    site = site_of("site", body.site)
    assert site is not None
    if body.id is not None and db.session.get(Task, body.id) is not None:
        raise Refusal(reason("api.made_already"))
    company: Organisation | None = company_of(body.company)
    as_sent = (
        "works_class",
        "due_at",
        "safety",
        "needs_photos",
        "verify_by_weather",
        "reversible",
        "reversible_how",
        "justification",
    )
    row = plan_task(
        db.session(),
        site,
        task_id=body.id,
        title=body.title.model_dump(),
        instructions=body.instructions.model_dump() if body.instructions else None,
        building=building_of(site, body.building),
        element=element_of(site, body.element),
        zone=zone_of(site, body.zone),
        incident=_incident(site, body.incident),
        project=named_in(Project, "project", body.project),
        scaffold=named_in(Scaffold, "scaffold", body.scaffold),
        company=company,
        owner_id=None if body.owner is None else person_at(site.id, "owner", body.owner),
        by=g.actor,
        now=site_now(),
        **{name: getattr(body, name) for name in as_sent},
    )
    db.session.flush()
    db.session.refresh(row)  # the building and the case may have come from other things
    return present(row)


@part.post("/tasks/<task>/move", TaskDetail, "Take a step", body=MoveTask)
def move_task(task: str, body: MoveTask) -> TaskDetail:
    """Take one step of the workflow."""
    row = find_to_change(Task, task, present, *PARTS)
    row.move(body.action, by=g.actor, now=site_now(), note=body.note)
    db.session.flush()
    return present(row)


def present(task: Task) -> TaskDetail:
    """Return a task as the API tells it."""
    waits = []
    if {"start", "resume"} & set(task.offered(site_now())):
        waits = reasons_against_start(task, site_now())
    timezone = task.site.timezone
    return TaskDetail(
        **_fields(task, actions_of(task, STEPS)),
        blockers=[
            Blocked(**told(one.reason, timezone).model_dump(), href=one.href) for one in waits
        ],
    )


_AS_STORED = (
    "id",
    "code",
    "version",
    "state",
    "works_class",
    "safety",
    "needs_photos",
    "verify_by_weather",
    "paused_why",
    "due_at",
    "created_at",
    "started_at",
    "claimed_at",
    "inspected_at",
    "accepted_at",
)


def _fields(task: Task, actions: list[str]) -> dict[str, Any]:
    named_by_code = ("site", "building", "element", "zone", "incident", "project", "scaffold")
    codes = {name: getattr(task, name) for name in named_by_code}
    return {
        **{name: getattr(task, name) for name in _AS_STORED},
        **{name: thing.code if thing is not None else None for name, thing in codes.items()},
        "actions": actions,
        "company": task.organisation.code if task.organisation else None,
        "owner": task.owner_id,
        "title": named(task.title),
        "instructions": named(task.instructions),
    }


def _whole() -> Select[tuple[Task]]:
    return select(Task).where(Task.visible_to(g.actor)).options(*PARTS)


def _incident(site: Site, key: str | None) -> Incident | None:
    incident = named_in(Incident, "incident", key)
    if incident is not None and incident.site_id != site.id:
        raise BadInput([Fault("incident", reason("api.other_site", thing=incident.code))])
    return incident
