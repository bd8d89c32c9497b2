"""Repair tasks: who mends what, on which scaffold, and who says that it is done."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.codes import next_code
from models.errors import Refusal
from models.event import record
from models.finding import Finding, record_finding
from models.incident import Incident
from models.inputs import Faults, need_text
from models.people import Actor, Organisation, User
from models.project import CLASSES, Project, works_scope
from models.reasons import Reason, reason
from models.registry import Building, Element, Site, Zone
from models.rights import require_right
from models.scaffold import Scaffold
from models.workflow import Moves, Workflow, session_of

TASK: Moves = {
    ("planned", "permit"): "permit_ok",
    ("planned", "cancel"): "cancelled",
    ("permit_ok", "start"): "in_progress",
    ("permit_ok", "cancel"): "cancelled",
    ("in_progress", "claim"): "done_claimed",
    ("in_progress", "pause"): "paused",
    ("in_progress", "stop_hidden_defect"): "paused",
    ("in_progress", "hold"): "paused",
    ("in_progress", "cancel"): "cancelled",
    ("paused", "resume"): "in_progress",
    ("paused", "cancel"): "cancelled",
    ("done_claimed", "inspect"): "inspected",
    ("done_claimed", "send_back"): "rework",
    ("inspected", "accept"): "accepted",
    ("inspected", "send_back"): "rework",
    ("rework", "start"): "in_progress",
    ("rework", "cancel"): "cancelled",
}
OVER = ("accepted", "cancelled")
WORKERS = ("contractor", "keeper", "engineer", "duty")
PAUSES = ("weather", "hidden_defect", "other")


class Task(Workflow, Noun, Base):
    """One piece of work. The contractor claims that it is done; a supervisor accepts it."""

    __tablename__ = "task"
    MOVES = TASK
    GUARDED = ("start", "resume", "claim", "accept")
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "permit": ("manager", "supervisor"),
        "start": WORKERS,
        "claim": WORKERS,
        "pause": (*WORKERS, "supervisor", "manager"),
        "stop_hidden_defect": (*WORKERS, "supervisor", "manager"),
        "hold": (),
        "resume": WORKERS,
        "inspect": ("supervisor", "manager", "engineer"),
        "accept": ("supervisor", "manager"),
        "send_back": ("supervisor", "manager", "engineer"),
        "cancel": ("manager",),
    }

    code: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    building_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("building.id"))
    element_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("element.id"))
    zone_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("zone.id"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"), index=True)
    project_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("project.id"), index=True)
    scaffold_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("scaffold.id"), index=True)
    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    state: Mapped[str] = mapped_column(default="planned")
    title: Mapped[dict[str, Any]]
    instructions: Mapped[dict[str, Any] | None]
    works_class: Mapped[str]
    safety: Mapped[bool] = mapped_column(default=False)  # keeps its zone shut until accepted
    reversible: Mapped[bool | None]
    reversible_how: Mapped[str] = mapped_column(default="")
    justification: Mapped[str] = mapped_column(default="")
    needs_photos: Mapped[bool] = mapped_column(default=True)  # one before, one after
    verify_by_weather: Mapped[bool] = mapped_column(default=False)  # a leak: proved by rain
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    started_at: Mapped[datetime | None]
    paused_why: Mapped[str | None]  # weather | hidden_defect | other
    claimed_at: Mapped[datetime | None]
    claimed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    inspected_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    site: Mapped[Site] = relationship()
    building: Mapped[Building | None] = relationship()
    element: Mapped[Element | None] = relationship()
    zone: Mapped[Zone | None] = relationship()
    incident: Mapped[Incident | None] = relationship()
    project: Mapped[Project | None] = relationship()
    scaffold: Mapped[Scaffold | None] = relationship(back_populates="tasks")
    organisation: Mapped[Organisation | None] = relationship()
    owner: Mapped[User | None] = relationship(foreign_keys=[owner_id])
    findings: Mapped[list[Finding]] = relationship(
        back_populates="task", foreign_keys=[Finding.task_id]
    )
    defects: Mapped[list[Finding]] = relationship(
        foreign_keys=[Finding.found_by_task], viewonly=True
    )

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Staff by site; a company its own, in projects that name it."""
        return works_scope(actor, cls.site_id, cls.organisation_id, cls.project_id)

    @property
    def is_over(self) -> bool:
        """Whether nobody has anything more to do."""
        return self.state in OVER

    def may(self, action: str, actor: Actor) -> bool:
        """A contracted task is moved on by its company; staff judge it, and do their own."""
        if actor.is_machine:
            return True
        roles = self.MAY[action]
        if self.organisation_id is None:
            return actor.has_role(*roles, site_id=self.site_id)
        judges = [role for role in roles if role not in WORKERS or action not in _HANDS_ON]
        return self._is_its_company(actor, roles) or actor.has_role(
            *(role for role in judges if role != "contractor"), site_id=self.site_id
        )

    def _is_its_company(self, actor: Actor, roles: tuple[str, ...]) -> bool:
        return "contractor" in roles and any(
            grant.role == "contractor"
            and grant.organisation_id == self.organisation_id
            and grant.covers(self.site_id)
            for grant in actor.grants
        )

    def move(self, action: str, *, by: Actor, now: datetime, note: str = "") -> None:
        """Take one step of the table. Raises Refusal; the caller commits.

        A hidden defect has more to tell: `stop_hidden_defect`.
        """
        if action in ("send_back", "cancel", "pause", "stop_hidden_defect"):
            note = need_text("note", note)
        if action == "stop_hidden_defect":
            raise Refusal(reason("task.defect_needs_finding"))
        before = self.paused_why
        self.step(action, by=by, now=now, why=reason("task.moved", note=note.strip()))
        self.paused_why = "other" if action == "pause" else None
        self._stamp(action, by, now, before)

    def hold(self, why: Reason, cause: str, *, by: Actor, now: datetime) -> None:
        """Stop it because its scaffold turned red; only Ridgewatch itself does so."""
        self.step("hold", by=by, now=now, why=why)
        self.paused_why = cause

    def stop_hidden_defect(
        self,
        *,
        element_code: str,
        damage: str,
        note: str,
        by: Actor,
        now: datetime,
        orientation: str = "",
        extent: str = "",
        finding_id: uuid.UUID | None = None,
    ) -> Finding:
        """Stop work at once: a hidden serious defect was found (GB/T 50165-2020 §7.1.4)."""
        note = need_text("note", note)
        self.require("stop_hidden_defect", by, now)
        finding = record_finding(
            session_of(self),
            self.site,
            element_code=element_code,
            damage=damage,
            orientation=orientation,
            extent=extent,
            note=note,
            safety=True,
            building=self.building,
            element=self.element,
            zone=self.zone,
            incident=self.incident,
            found_by_task=self,
            finding_id=finding_id,
            by=by,
            now=now,
        )
        why = reason("task.hidden_defect", finding=finding.code, note=note)
        self.step("stop_hidden_defect", by=by, now=now, why=why)
        self.paused_why = "hidden_defect"
        return finding

    def _stamp(self, action: str, by: Actor, now: datetime, paused: str | None) -> None:
        person = by.id if by.kind == "person" else None
        if action == "start":
            self.started_at = self.started_at or now
        if action in ("start", "resume") and self.scaffold is not None:
            self.scaffold.used_at = now
        elif action == "claim":
            self.claimed_at, self.claimed_by = now, person
        elif action == "inspect":
            self.inspected_at = now
        elif action == "accept":
            self.accepted_at, self.accepted_by = now, person
        elif action == "send_back":
            self.claimed_at, self.claimed_by, self.inspected_at = None, None, None


# What only those do who have the work in their hands.
_HANDS_ON = ("start", "claim", "resume")


def plan_task(
    session: Session,
    site: Site,
    *,
    title: Mapping[str, str],
    by: Actor,
    now: datetime,
    works_class: str = "",
    building: Building | None = None,
    element: Element | None = None,
    zone: Zone | None = None,
    incident: Incident | None = None,
    project: Project | None = None,
    scaffold: Scaffold | None = None,
    company: Organisation | None = None,
    owner_id: uuid.UUID | None = None,
    due_at: datetime | None = None,
    safety: bool = False,
    needs_photos: bool = True,
    verify_by_weather: bool = False,
    reversible: bool | None = None,
    reversible_how: str = "",
    justification: str = "",
    instructions: Mapping[str, str] | None = None,
    task_id: uuid.UUID | None = None,
) -> Task:
    """Plan or order a task. Raises BadInput, Refusal; the caller commits."""
    require_right("task", by, site.id)
    works_class = works_class or (project.works_class if project else "maintenance")
    faults = Faults()
    faults.need("title", title)
    faults.one_of("works_class", works_class, CLASSES)
    faults.stop()
    _refuse_strangers(site, project, scaffold, company)
    task = Task(
        id=task_id or uuid.uuid4(),
        code=next_code(session, "task", site, now),
        site=site,
        building_id=building.id if building else (element.building_id if element else None),
        element=element,
        zone=zone,
        incident=incident or (project.incident if project else None),
        project=project,
        scaffold=scaffold,
        organisation=company,
        owner_id=owner_id,
        state="planned",
        title=dict(title),
        instructions=dict(instructions) if instructions else None,
        works_class=works_class,
        safety=safety,
        reversible=reversible,
        reversible_how=reversible_how.strip(),
        justification=justification.strip(),
        needs_photos=needs_photos,
        verify_by_weather=verify_by_weather,
        due_at=due_at,
        created_at=now,
        created_by=by.id if by.kind == "person" else None,
    )
    session.add(task)
    record(task, "plan", by=by, now=now, after="planned")
    return task


def _refuse_strangers(
    site: Site, project: Project | None, scaffold: Scaffold | None, company: Organisation | None
) -> None:
    """A task, its project and its scaffold are of one site; a company has a project to be in."""
    for thing in (project, scaffold):
        if thing is not None and thing.site_id != site.id:
            raise Refusal(reason("task.other_site", thing=thing.code))
    if company is not None and company.kind == "contractor" and project is None:
        raise Refusal(reason("task.company_needs_project", company=company.name))
