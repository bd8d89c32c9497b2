"""What falls due when: the clocks of the law and of the works, for the desk and the reminders."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from models.closure import IN_FORCE, Closure
from models.incident import OPEN_STATES, Incident
from models.inspection import Inspection
from models.paths import path_to
from models.people import Actor
from models.reasons import Reason
from models.report import report_clock
from models.scaffold import STANDING, Scaffold
from models.task import OVER, Task
from models.times import iso


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that is expected by an instant."""

    what: str  # report | countersign | closure_until | closure_review | scaffold | weather | …
    at: datetime
    reason: Reason
    href: str
    overdue: bool
    site_id: Any


def due(session: Session, actor: Actor, now: datetime) -> list[Due]:
    """Return what the actor's sites owe, the most urgent first."""
    found = [
        *_reports(session, actor, now),
        *_closures(session, actor, now),
        *_scaffolds(session, actor, now),
        *_tasks(session, actor, now),
    ]
    return sorted(found, key=lambda one: (one.at, one.what, one.href))


def _due(noun: Any, what: str, at: datetime, now: datetime, anchor: str = "", **values: Any) -> Due:
    why = Reason(f"deadline.{what}", {"thing": noun.code, "at": iso(at), **values})
    return Due(what, at, why, path_to(noun, anchor), now > at, noun.site_id)


def _reports(session: Session, actor: Actor, now: datetime) -> Iterable[Due]:
    mine = select(Incident).where(Incident.visible_to(actor), Incident.state.in_(OPEN_STATES))
    whole = mine.options(joinedload(Incident.site), selectinload(Incident.reports))
    for incident in session.scalars(whole):
        clock = report_clock(incident, now)
        if clock is not None and clock.sent_at is None:
            yield _due(incident, "report", clock.due_at, now, "report")


def _closures(session: Session, actor: Actor, now: datetime) -> Iterable[Due]:
    mine = select(Closure).where(Closure.visible_to(actor), Closure.state.in_(IN_FORCE))
    for closure in session.scalars(mine.options(joinedload(Closure.zone))):
        zone = closure.zone.name
        if closure.countersign_overdue_at is not None:
            yield _due(closure, "countersign", closure.countersign_overdue_at, now, zone=zone)
        if closure.until_at is not None:
            yield _due(closure, "closure_until", closure.until_at, now, zone=zone)
        if closure.next_update_at is not None:
            yield _due(closure, "closure_update", closure.next_update_at, now, zone=zone)
        yield _due(closure, "closure_review", closure.review_due_at, now, zone=zone)


def _scaffolds(session: Session, actor: Actor, now: datetime) -> Iterable[Due]:
    mine = select(Scaffold).where(Scaffold.visible_to(actor), Scaffold.state.in_(STANDING))
    for scaffold in session.scalars(mine):
        if scaffold.next_due_at is not None:
            yield _due(scaffold, "scaffold", scaffold.next_due_at, now, name=scaffold.name)
        if scaffold.review_due_at is not None:
            yield _due(scaffold, "temporary", scaffold.review_due_at, now, name=scaffold.name)
    waiting = (
        select(Inspection)
        .join(Scaffold)
        .where(Scaffold.visible_to(actor), Inspection.state == "open")
        .options(contains_eager(Inspection.scaffold))
    )
    for row in session.scalars(waiting):
        # Due at once: nobody goes up before.
        yield _due(row.scaffold, "after_weather", row.opened_at, now, name=row.scaffold.name)


def _tasks(session: Session, actor: Actor, now: datetime) -> Iterable[Due]:
    mine = select(Task).where(
        Task.visible_to(actor), Task.due_at.is_not(None), Task.state.not_in(OVER)
    )
    for task in session.scalars(mine):
        if task.due_at is not None:
            yield _due(task, "task", task.due_at, now, title=task.title)
