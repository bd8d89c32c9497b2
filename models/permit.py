"""Permits to enter a closed zone: who, what for, from when to when; suspended by weather."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.codes import next_code
from models.event import record
from models.inputs import Faults
from models.people import Actor, Organisation
from models.project import Project, works_scope
from models.reasons import reason
from models.registry import Site, Zone
from models.rights import require_right
from models.task import Task
from models.times import iso
from models.workflow import Moves, Workflow

PERMIT: Moves = {
    ("active", "suspend"): "suspended",
    ("active", "close_out"): "closed_out",
    ("suspended", "reinstate"): "active",
    ("suspended", "close_out"): "closed_out",
}


class Permit(Workflow, Noun, Base):
    """A written permission for named people to be in a closed zone."""

    __tablename__ = "permit"
    MOVES = PERMIT
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "suspend": ("duty", "manager", "supervisor"),
        "reinstate": ("manager", "supervisor"),
        "close_out": ("duty", "manager", "supervisor"),
    }

    code: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    zone_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("zone.id"))
    project_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("project.id"))
    task_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("task.id"), index=True)
    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"))
    state: Mapped[str] = mapped_column(default="active")
    persons: Mapped[list[Any]]  # names; blanked when nobody needs them any more
    purpose: Mapped[str]
    controls: Mapped[str] = mapped_column(default="")
    since: Mapped[datetime]
    until: Mapped[datetime]
    issued_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    suspended_why: Mapped[dict[str, Any] | None]
    closed_out_at: Mapped[datetime | None]
    site: Mapped[Site] = relationship()
    zone: Mapped[Zone | None] = relationship()
    project: Mapped[Project | None] = relationship()
    task: Mapped[Task | None] = relationship()
    organisation: Mapped[Organisation | None] = relationship()

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Staff by site; a company its own, in projects that name it."""
        return works_scope(actor, cls.site_id, cls.organisation_id, cls.project_id)

    def move(self, action: str, *, by: Actor, now: datetime, note: str = "") -> None:
        """Take one step of the table. Raises Refusal; the caller commits."""
        why = reason("permit.moved", note=note.strip())
        self.step(action, by=by, now=now, why=why)
        self.suspended_why = why.to_json() if action == "suspend" else None
        if action == "close_out":
            self.closed_out_at = now


def issue_permit(
    session: Session,
    site: Site,
    *,
    persons: Sequence[str],
    purpose: str,
    since: datetime,
    until: datetime,
    by: Actor,
    now: datetime,
    zone: Zone | None = None,
    project: Project | None = None,
    task: Task | None = None,
    company: Organisation | None = None,
    controls: str = "",
) -> Permit:
    """Let named people in. Raises BadInput; the caller commits."""
    require_right("permit", by, site.id)
    names = [name.strip() for name in persons if name.strip()]
    faults = Faults()
    faults.need("purpose", purpose)
    faults.need("persons", " ".join(names))
    if until <= since:
        faults.refuse("until", reason("permit.until_before_since", since=iso(since)))
    faults.stop()
    permit = Permit(
        id=uuid.uuid4(),
        code=next_code(session, "permit", site, now),
        site=site,
        zone=zone,
        project=project or (task.project if task else None),
        task=task,
        organisation=company or (task.organisation if task else None),
        incident_id=task.incident_id if task else None,
        state="active",
        persons=names,
        purpose=purpose.strip(),
        controls=controls.strip(),
        since=since,
        until=until,
        issued_by=by.id if by.kind == "person" else None,
    )
    session.add(permit)
    why = reason("permit.issued", n=len(names), until=iso(until))
    record(permit, "issue", by=by, now=now, after="active", why=why)
    return permit
