"""Scaffolds and other temporary works, with the tag that hangs at the ladder."""

from typing import Literal

from flask import g
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from models.errors import BadInput, Fault
from models.inspection import move as move_scaffold_on
from models.people import Organisation
from models.project import Project
from models.reasons import reason
from models.scaffold import Scaffold, plan_scaffold
from webapp.api.finding import (
    building_of,
    company_of,
    find,
    find_to_change,
    named_in,
    site_of,
    zone_of,
)
from webapp.api.operations import Part
from webapp.api.paging import Order, Paged, page_of
from webapp.api.steps import actions_of
from webapp.api.values import (
    Answer,
    Bilingual,
    Body,
    Line,
    Moment,
    Named,
    Text,
    Thing,
    Told,
    named,
    told,
)
from webapp.db import db, site_now

part = Part("scaffolds")
pages = part.pages

BY_CODE = Order((Scaffold.code,), lambda one: (one.code,), newest_first=True)
PARTS = (
    joinedload(Scaffold.site),
    joinedload(Scaffold.building),
    joinedload(Scaffold.zone),
    joinedload(Scaffold.project),
    joinedload(Scaffold.organisation),
    selectinload(Scaffold.tasks),
)
# Handover and inspections are signatures: people give them, on pages.
STEPS = ("begin_erecting", "alter", "take_out_of_use", "dismantle", "strike")


class TagObject(Answer):
    """The tag: green, amber, red or none, and why."""

    colour: Literal["green", "amber", "red", "none"]
    why: Told


class ScaffoldObject(Thing):
    """A scaffold or another temporary work; red unless the facts say green."""

    site: str
    building: str | None
    zone: str | None
    project: str | None
    company: str | None
    kind: str
    name: Named
    orientation: str
    tag: TagObject
    load_class: int | None
    erected_at: Moment | None
    handed_over_at: Moment | None
    inspected_at: Moment | None
    next_due_at: Moment | None
    review_due_at: Moment | None
    struck_at: Moment | None


class ScaffoldList(Answer):
    """A page of scaffolds."""

    items: list[ScaffoldObject]
    next: str | None


class ScaffoldQuery(Paged):
    """Which scaffolds."""

    site: Line | None = None


class NewScaffold(Body):
    """An order for a scaffold, a safety passage, shoring or a cover."""

    site: Line
    name: Bilingual
    kind: Literal["scaffold", "safety_passage", "shoring", "cover"] = "scaffold"
    orientation: Line = ""
    building: Line | None = None
    zone: Line | None = None
    project: Line | None = None
    company: Line | None = None
    drawing_number: Line = ""
    review_due_at: Moment | None = None


class MoveScaffold(Body):
    """A step that needs no signature; `alter` and `take_out_of_use` need a note."""

    action: Literal["begin_erecting", "alter", "take_out_of_use", "dismantle", "strike"]
    note: Text = ""


@part.get("/scaffolds", ScaffoldList, "The scaffolds, the newest first", query=ScaffoldQuery)
def scaffolds(query: ScaffoldQuery) -> ScaffoldList:
    """List scaffolds."""
    statement = _whole()
    site = site_of("site", query.site)
    if site is not None:
        statement = statement.where(Scaffold.site_id == site.id)
    rows, following = page_of(statement, BY_CODE, query)
    return ScaffoldList(items=[present(row) for row in rows], next=following)


@part.get("/scaffolds/<scaffold>", ScaffoldObject, "One scaffold")
def scaffold(scaffold: str) -> ScaffoldObject:
    """Show one scaffold."""
    return present(find(Scaffold, scaffold, *PARTS))


@part.post(
    "/scaffolds", ScaffoldObject, "Order a scaffold", body=NewScaffold, status=201, creates=True
)
def order(body: NewScaffold) -> ScaffoldObject:
    """Order a scaffold or another temporary work."""
    site = site_of("site", body.site)
    assert site is not None
    project = named_in(Project, "project", body.project)
    if project is not None and project.site_id != site.id:
        raise BadInput([Fault("project", reason("api.other_site", thing=project.code))])
    company: Organisation | None = company_of(body.company)
    row = plan_scaffold(
        db.session(),
        site,
        name=body.name.model_dump(),
        kind=body.kind,
        orientation=body.orientation,
        building=building_of(site, body.building),
        zone=zone_of(site, body.zone),
        project=project,
        company=company,
        drawing_number=body.drawing_number,
        review_due_at=body.review_due_at,
        by=g.actor,
        now=site_now(),
    )
    db.session.flush()
    return present(row)


@part.post("/scaffolds/<scaffold>/move", ScaffoldObject, "Take a step", body=MoveScaffold)
def move_scaffold(scaffold: str, body: MoveScaffold) -> ScaffoldObject:
    """Take a step that needs no signature."""
    row = find_to_change(Scaffold, scaffold, present, *PARTS)
    move_scaffold_on(row, body.action, by=g.actor, now=site_now(), note=body.note)
    db.session.flush()
    return present(row)


def present(scaffold: Scaffold) -> ScaffoldObject:
    """Return a scaffold as the API tells it."""
    now = site_now()
    tag = scaffold.tag(now)
    return ScaffoldObject(
        id=scaffold.id,
        code=scaffold.code,
        version=scaffold.version,
        state=scaffold.state_at(now),
        actions=actions_of(scaffold, STEPS),
        site=scaffold.site.code,
        building=scaffold.building.code if scaffold.building else None,
        zone=scaffold.zone.code if scaffold.zone else None,
        project=scaffold.project.code if scaffold.project else None,
        company=scaffold.organisation.code if scaffold.organisation else None,
        kind=scaffold.kind,
        name=named(scaffold.name),
        orientation=scaffold.orientation,
        tag=TagObject(colour=tag.colour, why=told(tag.why, scaffold.site.timezone)),
        load_class=scaffold.load_class,
        erected_at=scaffold.erected_at,
        handed_over_at=scaffold.handed_over_at,
        inspected_at=scaffold.inspected_at,
        next_due_at=scaffold.next_due_at,
        review_due_at=scaffold.review_due_at,
        struck_at=scaffold.struck_at,
    )


def _whole() -> Select[tuple[Scaffold]]:
    return select(Scaffold).where(Scaffold.visible_to(g.actor)).options(*PARTS)
