"""Projects: works proposed from an incident, justified, licensed, and led to their acceptance."""

from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from models.errors import BadInput, Fault, Missing
from models.incident import Incident
from models.inputs import Faults
from models.licence import SCOPES
from models.people import STAFF
from models.project import CLASSES, Party, Project, propose_project
from models.reasons import reason
from models.rights import MAY_BEGIN, may_begin
from webapp import project_papers
from webapp.casework import find, require_unchanged
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.listing import PER_PAGE, cursor, next_page, wanted
from webapp.papers import Field, Paper, bilingual_of, show_paper
from webapp.policies import allow
from webapp.project_page import WORDY, show_project
from webapp.works_choices import (
    choice_of_site,
    chosen,
    incident_of_address,
    named,
    projects_of,
    site_of_address,
)

pages = Blueprint("projects", __name__, url_prefix="/projects")

pages.get("/<key>/justify", endpoint="justify_page")(project_papers.justify_page)
pages.post("/<key>/justify", endpoint="justify")(project_papers.justify)
pages.get("/<key>/party", endpoint="party_page")(project_papers.party_page)
pages.post("/<key>/party", endpoint="add_party")(project_papers.add_party)

MANAGERS = MAY_BEGIN["project"]
ACTORS = ("manager", "supervisor", "engineer")
LONGEST_TITLE = 120
LONGEST_TEXT = 2000
OVER = ("accepted", "archived")


@pages.get("/")
@allow(*STAFF, "contractor")
def index() -> str:
    """List projects, the latest first."""
    shown = wanted("show", ("open", "over"), "open")
    over = Project.state.in_(OVER)
    mine = select(Project).where(Project.visible_to(g.actor), over if shown == "over" else ~over)
    after = cursor()
    if after is not None:
        mine = mine.where((Project.created_at < after[0]) | _same_instant(after))
    whole = (joinedload(Project.site), joinedload(Project.incident))
    parties = selectinload(Project.parties).joinedload(Party.organisation)
    newest = mine.options(*whole, parties).order_by(Project.created_at.desc(), Project.code.desc())
    rows = list(db.session.scalars(newest.limit(PER_PAGE + 1)))
    listed, more = next_page(rows, lambda one: f"{one.created_at.isoformat()}~{one.code}")
    return render_template(
        "projects/index.html",
        rows=[(one, builders_for_reader(one)) for one in listed],
        more=more,
        chosen=shown,
        may_propose=may_begin("project", g.actor, None),
    )


def _same_instant(after: tuple[Any, str]) -> Any:
    return (Project.created_at == after[0]) & (Project.code < after[1])


def builders_for_reader(project: Project) -> list[Party]:
    """Return the building parties; a company reads only its own name."""
    own = g.actor.organisation_ids
    return [
        party
        for party in project.parties
        if party.capacity == "construction" and (g.actor.is_staff or party.organisation_id in own)
    ]


@pages.get("/new")
@allow(*MANAGERS)
def new() -> str:
    """Show the form of a proposal, or first the choice of a site."""
    site = site_of_address("project")
    back = (url_for("projects.index"), t("projects.title"))
    if site is None:
        return choice_of_site("project", t("projects.propose"), "projects.new", back)
    incident = incident_of_address()
    return show_paper(
        Paper(
            title=t("projects.propose"),
            intro=_intro(incident) or t("projects.propose_intro", site=site.name),
            submit=t("projects.propose_now"),
            icon="plus",
            back=back,
            action=request.full_path.rstrip("?"),
            fields=[
                Field("bilingual", "title", t("projects.name"), {}, rows=1),
                Field(
                    "choices",
                    "works_class",
                    t("tasks.class"),
                    "emergency" if incident else "",
                    t("projects.class_hint"),
                    [(one, t(f"project.works_class.{one}")) for one in CLASSES],
                ),
                Field(
                    "select",
                    "scope",
                    t("projects.scope"),
                    "ancient_building",
                    options=[(one, t(f"project.scope.{one}")) for one in SCOPES],
                ),
                Field(
                    "select",
                    "parent",
                    t("projects.parent"),
                    hint=t("projects.parent_hint"),
                    options=named(projects_of(site), "title"),
                    optional=True,
                ),
            ],
        )
    )


def _intro(incident: Incident | None) -> str:
    return t("projects.for_incident", incident=incident.code) if incident is not None else ""


@pages.post("/new")
@allow(*MANAGERS)
@again(new)
def propose() -> ResponseReturnValue:
    """Propose works."""
    begin_write()
    site, incident = site_of_address("project"), incident_of_address()
    if site is None:
        raise Missing("site")
    faults = Faults()
    title = bilingual_of("title", faults, LONGEST_TITLE) or {}
    parent = chosen(projects_of(site), "parent", faults)
    faults.one_of("works_class", request.form.get("works_class", ""), CLASSES)
    faults.one_of("scope", request.form.get("scope", ""), tuple(SCOPES))
    if not title:
        faults.need("title", None)
    faults.stop()
    project = propose_project(
        db.session(),
        site,
        works_class=request.form["works_class"],
        scope=request.form["scope"],
        title=title,
        incident=incident,
        parent=parent,
        by=g.actor,
        now=site_now(),
    )
    commit()
    flash(t("projects.proposed", project=project.code), "done")
    return redirect(url_for("projects.show", key=project.code), 303)


@pages.get("/<key>")
@allow(*STAFF, "contractor")
def show(key: str) -> str:
    """Show one project."""
    return show_project(key)


@pages.post("/<key>/step")
@allow(*ACTORS)
@again(show_project)
def step(key: str) -> ResponseReturnValue:
    """Take a step that needs no words."""
    action = request.form.get("action", "")
    if action in WORDY or action not in Project.MAY:
        raise BadInput([Fault("action", reason("form.not_a_choice"))])
    return _move(key, action, "")


@pages.get("/<key>/step/<action>")
@allow(*ACTORS)
def step_page(key: str, action: str) -> str:
    """Ask for the number of an approval, or for the reason of a stop."""
    if action not in WORDY:
        abort(404)
    project = find(Project, key)
    word = t(f"project.action.{action}")
    return show_paper(
        Paper(
            title=t("tasks.step_title", action=word, task=project.code),
            submit=word,
            back=(url_for("projects.show", key=project.code), project.code),
            intro=t(f"projects.intro_{action}"),
            fields=[
                Field("text", "note", t("projects.approval_number"), optional=True, longest=120)
                if action == "approve"
                else Field("area", "note", t("tasks.reason"), longest=LONGEST_TEXT)
            ],
            version=str(project.version),
        )
    )


@pages.post("/<key>/step/<action>")
@allow(*ACTORS)
@again(step_page)
def wordy_step(key: str, action: str) -> ResponseReturnValue:
    """Take a step with its words."""
    if action not in WORDY:
        abort(404)
    return _move(key, action, request.form.get("note", "")[:LONGEST_TEXT])


def _move(key: str, action: str, note: str) -> ResponseReturnValue:
    begin_write()
    project = find(Project, key)
    require_unchanged(project)
    project.move(action, by=g.actor, now=site_now(), note=note)
    commit()
    flash(t("projects.moved", project=project.code, state=project.state), "done")
    return redirect(url_for("projects.show", key=project.code), 303)
