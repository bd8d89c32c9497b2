"""Works of a competitor, for the walk over the URL map."""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from models.base import bilingual
from models.clock import machine_now
from models.people import Organisation
from models.permit import issue_permit
from models.photo import Picture, add_photo
from models.project import Project, propose_project
from models.registry import Site
from models.scaffold import plan_scaffold
from models.task import Task, plan_task
from tests.webapp.cast import CANARY, SYSTEM, Cast
from tests.webapp.examples import example

NAMES = bilingual(CANARY, CANARY)


@example(
    "projects.show",
    "projects.step",
    "projects.justify_page",
    "projects.justify",
    "projects.party_page",
    "projects.add_party",
)
def a_project(session: Session, cast: Cast) -> dict[str, Any]:
    """A project in which the competitor builds."""
    return {"key": _project(session, cast).code}


@example("projects.step_page", "projects.wordy_step")
def a_step_of_a_project(session: Session, cast: Cast) -> dict[str, Any]:
    """A step that needs words."""
    return {"key": _project(session, cast).code, "action": "suspend"}


@example("tasks.show", "tasks.step", "tasks.note", "tasks.stop.page", "tasks.stop.stop")
def a_task(session: Session, cast: Cast) -> dict[str, Any]:
    """A task of the competitor."""
    return {"key": _task(session, cast).code}


@example("tasks.step_page", "tasks.wordy_step")
def a_step_of_a_task(session: Session, cast: Cast) -> dict[str, Any]:
    """A step that needs words."""
    return {"key": _task(session, cast).code, "action": "pause"}


@example("permits.show", "permits.step")
def a_permit(session: Session, cast: Cast) -> dict[str, Any]:
    """A permit for people of the competitor."""
    task, now = _task(session, cast), machine_now()
    permit = issue_permit(
        session,
        task.site,
        persons=[CANARY],
        purpose=CANARY,
        since=now,
        until=now + timedelta(hours=4),
        task=task,
        by=SYSTEM,
        now=now,
    )
    return {"key": permit.code}


@example(
    "scaffolds.show",
    "scaffolds.step",
    "scaffolds.forms.inspection_page",
    "scaffolds.forms.inspection",
    "scaffolds.forms.erected_page",
    "scaffolds.forms.erected",
    "scaffolds.tag.sheet",
)
def a_scaffold(session: Session, cast: Cast) -> dict[str, Any]:
    """A scaffold of the competitor."""
    return {"key": _scaffold(session, cast).code}


@example("scaffolds.step_page", "scaffolds.wordy_step")
def a_step_of_a_scaffold(session: Session, cast: Cast) -> dict[str, Any]:
    """A step that needs words."""
    return {"key": _scaffold(session, cast).code, "action": "alter"}


@example("scaffolds.tag.show")
def a_public_tag(session: Session, cast: Cast) -> dict[str, Any]:
    """A token that nobody has hung up; whoever has one may read its tag."""
    return {"token": "no-such-tag"}


@example("photos.form", "photos.add")
def a_place_for_photos(session: Session, cast: Cast) -> dict[str, Any]:
    """A task of the competitor, to be photographed."""
    return {"kind": "task", "key": _task(session, cast).code}


@example("photos.show", "photos.step", "photos.picture", "photos.thumbnail", "photos.original")
def a_photo(session: Session, cast: Cast) -> dict[str, Any]:
    """A photo of the competitor's task."""
    picture = Picture("c" * 64, 1000, "image/jpeg", 64, 48, original_name=CANARY, camera=CANARY)
    photo = add_photo(
        session,
        _task(session, cast),
        picture,
        stage="before",
        caption=CANARY,
        client_key=f"{CANARY}-photo-{cast.competitor_id}",
        by=SYSTEM,
        now=machine_now(),
    )
    return {"photo_id": photo.id}


def _project(session: Session, cast: Cast) -> Project:
    now = machine_now()
    project = propose_project(
        session,
        session.get_one(Site, cast.site_id),
        works_class="maintenance",
        title=NAMES,
        by=SYSTEM,
        now=now,
    )
    company = session.get_one(Organisation, cast.competitor_id)
    project.add_party(company, "construction", by=SYSTEM, now=now)
    return project


def _task(session: Session, cast: Cast) -> Task:
    return plan_task(
        session,
        session.get_one(Site, cast.site_id),
        title=NAMES,
        instructions=NAMES,
        project=_project(session, cast),
        company=session.get_one(Organisation, cast.competitor_id),
        by=SYSTEM,
        now=machine_now(),
    )


def _scaffold(session: Session, cast: Cast) -> Any:
    return plan_scaffold(
        session,
        session.get_one(Site, cast.site_id),
        name=NAMES,
        project=_project(session, cast),
        company=session.get_one(Organisation, cast.competitor_id),
        drawing_number=CANARY,
        by=SYSTEM,
        now=machine_now(),
    )
