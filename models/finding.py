"""Survey findings: which element is damaged how, how badly by which scheme, and made safe when."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.codes import next_code
from models.errors import Refusal
from models.event import record
from models.incident import Incident
from models.inputs import Faults, need_text
from models.people import Actor, staff_scope
from models.reasons import Reason, reason
from models.registry import Building, Element, Site, Zone
from models.rights import SURVEYORS, require_right
from models.signing import why_not_sign
from models.vocabulary import DAMAGES, DANGEROUS, ELEMENTS, ORIENTATIONS, SCHEMES
from models.workflow import Moves, Workflow, guards

if TYPE_CHECKING:
    from models.task import Task

FINDING: Moves = {
    ("open", "monitor"): "monitored",
    ("open", "link_task"): "task_linked",
    ("open", "make_safe"): "made_safe",
    ("monitored", "link_task"): "task_linked",
    ("monitored", "make_safe"): "made_safe",
    ("monitored", "worsen"): "open",
    ("task_linked", "link_task"): "task_linked",
    ("task_linked", "make_safe"): "made_safe",
    ("task_linked", "repair"): "repaired",
    ("made_safe", "link_task"): "made_safe",  # safe it stays, while its repair is under way
    ("made_safe", "repair"): "repaired",
    ("made_safe", "worsen"): "open",
    ("repaired", "verify"): "verified",
    ("repaired", "worsen"): "open",
    ("verified", "worsen"): "open",
}
SAFE = ("made_safe", "repaired", "verified")


class Finding(Workflow, Noun, Base):
    """Damage that somebody saw: element × damage × orientation × grade with its scheme."""

    __tablename__ = "finding"
    MOVES = FINDING
    GUARDED = ("verify",)
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "monitor": ("engineer", "manager"),
        "link_task": ("engineer", "manager", "supervisor"),
        "make_safe": ("engineer", "manager", "supervisor"),
        "repair": ("engineer", "manager", "supervisor"),
        "verify": ("engineer", "manager", "supervisor"),
        "worsen": SURVEYORS,
    }

    code: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    building_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("building.id"))
    element_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("element.id"))
    zone_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("zone.id"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"), index=True)
    task_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("task.id"))
    found_by_task: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("task.id"))  # hidden defect
    state: Mapped[str] = mapped_column(default="open")
    element_code: Mapped[str]
    damage: Mapped[str]
    orientation: Mapped[str] = mapped_column(default="")
    grades: Mapped[list[Any]] = mapped_column(default=list)  # [{"scheme", "grade"}]
    safety: Mapped[bool] = mapped_column(default=False)
    extent: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    assessed_at: Mapped[datetime]
    assessed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    made_safe_at: Mapped[datetime | None]
    made_safe_how: Mapped[str] = mapped_column(default="")
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    site: Mapped[Site] = relationship()
    building: Mapped[Building | None] = relationship()
    element: Mapped[Element | None] = relationship()
    zone: Mapped[Zone | None] = relationship()
    incident: Mapped[Incident | None] = relationship()
    task: Mapped["Task | None"] = relationship(foreign_keys=[task_id])

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The findings of the sites where the actor is staff."""
        return staff_scope(actor, cls.site_id)

    @property
    def is_dangerous(self) -> bool:
        """Whether its grade or its flag says that somebody could be hurt."""
        graded = {(one["scheme"], one["grade"]) for one in self.grades}
        return self.safety or bool(graded & DANGEROUS)

    @property
    def is_safe(self) -> bool:
        """Whether it was made safe and has not got worse since."""
        return self.state in SAFE

    def regrade(self, grades: Sequence[Mapping[str, str]], *, by: Actor, now: datetime) -> None:
        """Grade it, each grade under its own scheme; nothing is converted between schemes."""
        require_right("finding", by, self.site_id)
        self.grades = _checked_grades(grades)
        record(self, "regrade", by=by, now=now, why=reason("finding.graded", grades=_said(self)))

    def monitor(self, note: str = "", *, by: Actor, now: datetime) -> None:
        """Leave it as it is and watch it."""
        self.step("monitor", by=by, now=now, why=reason("finding.moved", note=note.strip()))

    def link_task(self, task: "Task", *, by: Actor, now: datetime) -> None:
        """Have a task mend it."""
        if task.site_id != self.site_id:
            raise Refusal(reason("finding.other_site", task=task.code))
        self.step("link_task", by=by, now=now, why=reason("finding.task_linked", task=task.code))
        self.task = task

    def make_safe(self, how: str, *, by: Actor, now: datetime) -> None:
        """Say how it was made safe: propped, covered, taken down."""
        how = need_text("how", how)
        self.step("make_safe", by=by, now=now, why=reason("finding.made_safe", how=how))
        self.made_safe_at, self.made_safe_how = now, how

    def repair(self, note: str = "", *, by: Actor, now: datetime) -> None:
        """Say that it is repaired."""
        self.step("repair", by=by, now=now, why=reason("finding.moved", note=note.strip()))

    def verify(self, note: str = "", *, by: Actor, now: datetime) -> None:
        """Confirm the repair; not by the one who assessed the damage."""
        self.step("verify", by=by, now=now, why=reason("finding.moved", note=note.strip()))
        self.verified_at, self.verified_by = now, by.id

    def worsen(self, note: str, *, by: Actor, now: datetime) -> None:
        """Open it again: it got worse, or the repair didn't hold."""
        why = reason("finding.moved", note=need_text("note", note))
        self.step("worsen", by=by, now=now, why=why)
        self.made_safe_at, self.verified_at, self.verified_by = None, None, None


@guards(Finding, "verify")
def why_not_verify(finding: Finding, actor: Actor, now: datetime) -> Reason | None:
    """The verifier is not the assessor."""
    return why_not_sign("finding.verify", finding, actor)


def record_finding(
    session: Session,
    site: Site,
    *,
    element_code: str,
    damage: str,
    by: Actor,
    now: datetime,
    orientation: str = "",
    grades: Sequence[Mapping[str, str]] = (),
    safety: bool = False,
    extent: str = "",
    note: str = "",
    building: Building | None = None,
    element: Element | None = None,
    zone: Zone | None = None,
    incident: Incident | None = None,
    found_by_task: "Task | None" = None,
    finding_id: uuid.UUID | None = None,
) -> Finding:
    """Write down one damage. Raises BadInput; the caller commits.

    Whoever works on a task may find what was hidden; otherwise surveying is for staff.
    """
    if found_by_task is None:
        require_right("finding", by, site.id)
    faults = Faults()
    faults.one_of("element_code", element_code, ELEMENTS)
    faults.one_of("damage", damage, DAMAGES)
    faults.one_of("orientation", orientation, ("", *ORIENTATIONS))
    faults.stop()
    finding = Finding(
        id=finding_id or uuid.uuid4(),
        code=next_code(session, "finding", site, now),
        site=site,
        building_id=building.id if building else (element.building_id if element else None),
        element=element,
        zone=zone,
        incident=incident,
        found_by_task=found_by_task.id if found_by_task else None,
        state="open",
        element_code=element_code,
        damage=damage,
        orientation=orientation,
        grades=_checked_grades(grades),
        safety=safety,
        extent=extent.strip(),
        note=note.strip(),
        assessed_at=now,
        assessed_by=by.id if by.kind == "person" else None,
    )
    session.add(finding)
    why = reason("finding.found", element=element_code, damage=damage, note=finding.note)
    record(finding, "find", by=by, now=now, after="open", why=why)
    return finding


def _checked_grades(grades: Sequence[Mapping[str, str]]) -> list[Any]:
    faults = Faults()
    for number, one in enumerate(grades):
        scheme = one.get("scheme", "")
        faults.one_of(f"grades.{number}.scheme", scheme, tuple(SCHEMES))
        if scheme in SCHEMES:
            faults.one_of(f"grades.{number}.grade", one.get("grade", ""), SCHEMES[scheme])
    faults.stop()
    return [{"scheme": one["scheme"], "grade": one["grade"]} for one in grades]


def _said(finding: Finding) -> list[str]:
    return [f"{one['scheme']} {one['grade']}" for one in finding.grades]
