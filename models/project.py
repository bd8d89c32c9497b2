"""Projects: works of one of five classes, their parties, and what the law wants justified."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey, and_, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.codes import next_code
from models.errors import Refusal
from models.event import record
from models.incident import Incident
from models.inputs import Faults, filled, need_text
from models.licence import SCOPES, why_not_licensed
from models.people import Actor, Organisation, staff_scope
from models.reasons import Reason, reason
from models.registry import Site
from models.rights import require_right
from models.signing import why_not_sign
from models.workflow import Moves, Workflow, guards

# 文物保护工程管理办法 (2003): the five classes of works.
CLASSES = ("maintenance", "emergency", "restoration", "protective", "relocation")
CAPACITIES = ("owner", "design", "construction", "supervision")
# The four answers that make emergency works defensible (Historic England; domain §1.2).
ANSWERS = ("urgent", "no_milder_way", "minimum", "notified")

PROJECT: Moves = {
    ("proposed", "approve"): "approved",
    ("approved", "start"): "in_progress",
    ("in_progress", "suspend"): "suspended",
    ("suspended", "resume"): "in_progress",
    ("in_progress", "accept_stage"): "stage_accepted",
    ("stage_accepted", "resume"): "in_progress",
    ("in_progress", "self_check"): "self_check",
    ("stage_accepted", "self_check"): "self_check",
    ("self_check", "four_party"): "four_party",
    ("four_party", "preliminary"): "preliminary",
    ("preliminary", "accept"): "accepted",
    ("preliminary", "rectify"): "rectify",
    ("four_party", "rectify"): "rectify",
    ("rectify", "self_check"): "self_check",
    ("accepted", "archive"): "archived",
}
WORKING = ("approved", "in_progress", "stage_accepted", "rectify")


class Project(Workflow, Noun, Base):
    """One piece of works at a site. Its parties alone let another organisation see its rows."""

    __tablename__ = "project"
    MOVES = PROJECT
    GUARDED = ("approve", "start", "accept")
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **dict.fromkeys((action for _, action in PROJECT), ("manager",)),
        "self_check": ("manager", "supervisor", "engineer"),
    }

    code: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"))
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("project.id"))
    works_class: Mapped[str]
    scope: Mapped[str] = mapped_column(default="ancient_building")
    state: Mapped[str] = mapped_column(default="proposed")
    title: Mapped[dict[str, Any]]
    reversible: Mapped[bool | None]
    reversible_how: Mapped[str] = mapped_column(default="")
    justification: Mapped[dict[str, Any] | None]  # the four answers, for emergency works
    approval_number: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    site: Mapped[Site] = relationship()
    incident: Mapped[Incident | None] = relationship()
    parent: Mapped["Project | None"] = relationship(remote_side="Project.id")
    parties: Mapped[list["Party"]] = relationship(back_populates="project")

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Staff by site; others where a party of the project is theirs."""
        return staff_scope(actor, cls.site_id) | cls.id.in_(party_projects(actor))

    @property
    def may_work(self) -> bool:
        """Whether tasks may begin: approved, or an emergency that is justified.

        GB/T 50165-2020 §7.1.1: in danger, temporary measures are allowed before the full survey.
        """
        justified = self.works_class == "emergency" and not self.unanswered()
        return self.state in WORKING or (self.state == "proposed" and justified)

    def unanswered(self) -> list[str]:
        """Return what emergency works must still say: four answers, and how to undo them."""
        if self.works_class != "emergency":
            return []
        said = self.justification or {}
        lacking = [name for name in ANSWERS if not filled(said.get(name))]
        undo = [] if self.reversible is not None and filled(self.reversible_how) else ["reversible"]
        return lacking + undo

    def justify(
        self,
        answers: Mapping[str, str],
        *,
        reversible: bool,
        how: str,
        by: Actor,
        now: datetime,
    ) -> None:
        """Write down why these works can't wait, and how they can be undone."""
        require_right("project", by, self.site_id)
        faults = Faults()
        for name in ANSWERS:
            faults.need(f"justification.{name}", answers.get(name))
        faults.need("reversible_how", how)
        faults.stop()
        self.justification = {name: answers[name].strip() for name in ANSWERS}
        self.reversible, self.reversible_how = reversible, how.strip()
        record(self, "justify", by=by, now=now, why=reason("project.justified", how=how.strip()))

    def add_party(
        self,
        company: Organisation,
        capacity: str,
        *,
        by: Actor,
        now: datetime,
        responsible: Mapping[str, str] | None = None,
    ) -> "Party":
        """Name an organisation as a party; from now on it sees what it was given here."""
        require_right("project", by, self.site_id)
        faults = Faults()
        faults.one_of("capacity", capacity, CAPACITIES)
        faults.stop()
        if any(p.organisation is company and p.capacity == capacity for p in self.parties):
            raise Refusal(reason("project.party_already", company=company.name))
        party = Party(
            organisation=company, capacity=capacity, responsible=dict(responsible or {}) or None
        )
        self.parties.append(party)
        why = reason("project.party_added", company=company.name, capacity=capacity)
        record(self, "add_party", by=by, now=now, why=why)
        return party

    def move(self, action: str, *, by: Actor, now: datetime, note: str = "") -> None:
        """Take one step of the table. Raises Refusal; the caller commits."""
        note = need_text("note", note) if action in ("suspend", "rectify") else note.strip()
        self.step(action, by=by, now=now, why=reason("project.moved", note=note))
        if action == "approve":
            self.approval_number = note

    def party_of(self, organisation_id: uuid.UUID | None) -> bool:
        """Whether an organisation is named as a party."""
        return any(party.organisation_id == organisation_id for party in self.parties)


class Party(Noun, Base):
    """An organisation in a project: owner, design, construction or supervision (四方)."""

    __tablename__ = "project_party"

    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("project.id"), index=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    capacity: Mapped[str]
    responsible: Mapped[dict[str, Any] | None]  # {"name", "certificate", "until"} of the engineer
    project: Mapped[Project] = relationship(back_populates="parties")
    organisation: Mapped[Organisation] = relationship()


def party_projects(actor: Actor) -> Any:
    """Select the ids of projects that name an organisation for which the actor works."""
    grants = [grant for grant in actor.grants if grant.role == "contractor"]
    mine = [
        Party.organisation_id == grant.organisation_id
        if grant.site_ids is None
        else and_(Party.organisation_id == grant.organisation_id, _at_sites(grant.site_ids))
        for grant in grants
        if grant.organisation_id is not None
    ]
    return select(Party.project_id).where(or_(False, *mine))


def _at_sites(site_ids: frozenset[uuid.UUID]) -> ColumnElement[bool]:
    return Party.project_id.in_(select(Project.id).where(Project.site_id.in_(site_ids)))


def works_scope(
    actor: Actor, site_column: Any, organisation_column: Any, project_column: Any
) -> ColumnElement[bool]:
    """Return who sees a row of works: staff by site; a company its own, in its projects."""
    companies = {
        grant.organisation_id
        for grant in actor.grants
        if grant.role == "contractor" and grant.organisation_id is not None
    }
    own = and_(organisation_column.in_(companies), project_column.in_(party_projects(actor)))
    staff = staff_scope(actor, site_column)
    return or_(staff, own) if companies else staff


@guards(Project, "approve")
def why_not_approve(project: Project, actor: Actor, now: datetime) -> Reason | None:
    """Emergency works must be justified and reversible first."""
    lacking = project.unanswered()
    return reason("project.unjustified", fields=lacking) if lacking else None


@guards(Project, "start")
def why_not_start(project: Project, actor: Actor, now: datetime) -> Reason | None:
    """Works start with a licensed builder among the parties."""
    builders = [p.organisation for p in project.parties if p.capacity == "construction"]
    if not builders:
        return reason("project.no_builder")
    faults = [
        why_not_licensed(b, project.site, project.works_class, project.scope, now) for b in builders
    ]
    return next((fault for fault in faults if fault is not None), None)


@guards(Project, "accept")
def why_not_accept(project: Project, actor: Actor, now: datetime) -> Reason | None:
    """The approving authority accepts in person."""
    return why_not_sign("project.accept", project, actor)


def propose_project(
    session: Session,
    site: Site,
    *,
    works_class: str,
    title: Mapping[str, str],
    by: Actor,
    now: datetime,
    scope: str = "ancient_building",
    incident: Incident | None = None,
    parent: Project | None = None,
) -> Project:
    """Propose works. Raises BadInput; the caller commits."""
    require_right("project", by, site.id)
    faults = Faults()
    faults.one_of("works_class", works_class, CLASSES)
    faults.one_of("scope", scope, tuple(SCOPES))
    faults.need("title", title)
    faults.stop()
    project = Project(
        id=uuid.uuid4(),
        code=next_code(session, "project", site, now),
        site=site,
        incident=incident,
        parent=parent,
        works_class=works_class,
        scope=scope,
        state="proposed",
        title=dict(title),
        created_at=now,
        created_by=by.id if by.kind == "person" else None,
    )
    session.add(project)
    record(project, "propose", by=by, now=now, after="proposed")
    return project
