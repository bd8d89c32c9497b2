"""The page of a project: class and parties, licences, why it cannot wait, and the next step."""

from dataclasses import dataclass
from typing import Any

from flask import g, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from models.licence import needed_grade, why_not_licensed
from models.project import ANSWERS, Party, Project
from models.rights import may_begin
from models.scaffold import Scaffold
from models.task import Task
from webapp.casework import find, history_of, meanwhile, seen, told
from webapp.db import db, site_now
from webapp.filters import sentence, t
from webapp.tag_words import shown_tag
from webapp.task_page import Button

WORDY = ("approve", "suspend", "rectify")
# The course that people expect; a project need not take every step of it.
COURSE = ("proposed", "approved", "in_progress", "self_check", "four_party", "preliminary")
END = ("accepted", "archived")
WHOLE = (
    joinedload(Project.site),
    joinedload(Project.incident),
    joinedload(Project.parent),
    selectinload(Project.parties).joinedload(Party.organisation),
)


@dataclass(frozen=True)
class ShownParty:
    """A party with what its licence says to these works; empty where it carries them."""

    party: Party
    why_not: str
    needs_licence: bool


def show_project(key: str) -> str:
    """Draw the page of a project; a company reads no other company's name on it."""
    session, now = db.session(), site_now()
    project = find(Project, key, *WHOLE)
    staff = g.actor.is_staff
    events = history_of(project) if staff else []
    scaffolds = _mine(Scaffold, project)
    may_manage = may_begin("project", g.actor, project.site_id)
    return render_template(
        "projects/show.html",
        project=project,
        seen=seen(project, events) if staff else str(project.version),
        course=_course(project),
        buttons=_buttons(project),
        parties=[_shown(party, project) for party in project.parties if _is_seen(party)],
        needed=needed_grade(project.site.protection_level, project.works_class),
        answers=[(one, (project.justification or {}).get(one, "")) for one in ANSWERS],
        unanswered=project.unanswered(),
        tasks=_mine(Task, project),
        scaffolds=[
            (one, shown_tag(one, now, url_for("scaffolds.show", key=one.code))) for one in scaffolds
        ],
        children=list(session.scalars(_children(project))),
        may_manage=may_manage,
        may_task=may_begin("task", g.actor, project.site_id),
        may_scaffold=may_begin("scaffold", g.actor, project.site_id),
        is_staff=staff,
        log=told(events),
        meanwhile=meanwhile(events),
    )


def _course(project: Project) -> list[tuple[str, str, str]]:
    """Return the steps of macros.steps: what is behind, where it stands, what is to come."""
    aside = {"suspended": "in_progress", "stage_accepted": "in_progress", "rectify": "self_check"}
    state = aside.get(project.state, project.state)
    course = [*COURSE, "accepted"]
    at = len(course) if project.state in END else course.index(state)
    return [
        (t(f"project.state.{one}"), "", "done" if n < at else ("now" if n == at else ""))
        for n, one in enumerate(course)
    ]


def _buttons(project: Project) -> list[Button]:
    found: list[Button] = []
    for step in project.steps(g.actor, site_now()):
        wordy = step.action in WORDY
        where = url_for("projects.step_page", key=project.code, action=step.action)
        found.append(
            Button(
                step.action,
                t(f"project.action.{step.action}"),
                sentence(step.why_not),
                where if wordy else "",
                primary=not step.why_not
                and step.action not in ("suspend", "rectify")
                and not any(one.primary for one in found),
            )
        )
    return found


def _is_seen(party: Party) -> bool:
    return (
        g.actor.is_staff
        or party.organisation_id in g.actor.organisation_ids
        or party.organisation.kind == "authority"
    )


def _shown(party: Party, project: Project) -> ShownParty:
    needs = party.capacity == "construction"
    why = (
        why_not_licensed(
            party.organisation, project.site, project.works_class, project.scope, site_now()
        )
        if needs
        else None
    )
    return ShownParty(party, sentence(why), needs)


def _mine(noun: Any, project: Project) -> list[Any]:
    mine = select(noun).where(noun.project_id == project.id, noun.visible_to(g.actor))
    return list(db.session.scalars(mine.order_by(noun.code)))


def _children(project: Project) -> Any:
    mine = select(Project).where(Project.parent_id == project.id, Project.visible_to(g.actor))
    return mine.order_by(Project.code)
