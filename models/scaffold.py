"""Scaffolds and safety passages: who built them, who took them over, and what colour the tag is."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.codes import next_code
from models.event import record
from models.inputs import Faults
from models.people import Actor, Organisation
from models.project import Project, works_scope
from models.reasons import Reason, reason
from models.registry import Building, Site, Zone
from models.rights import require_right
from models.times import iso
from models.workflow import Moves, Workflow

if TYPE_CHECKING:
    from models.inspection import Inspection
    from models.task import Task

KINDS = ("scaffold", "safety_passage", "shoring", "cover")
INSPECT_EVERY = timedelta(days=7)  # Work at Height Regulations 2005, reg. 12(4)(b)
AMBER_BEFORE = timedelta(hours=24)  # domain §3.5
UNUSED_AFTER = timedelta(days=30)  # JGJ 130-2011 §8.2.1: out of use for over a month
LOAD_CLASSES = (1, 2, 3, 4, 5, 6)  # EN 12811-1

# `inspection_due` and `overdue` come by themselves; nothing is stored for them.
_GREEN = ("handed_over", "inspection_due", "overdue")
STANDING = ("handed_over", "event_hold", "out_of_use", "altered")
SCAFFOLD: Moves = {
    ("design", "begin_erecting"): "erecting",
    ("erecting", "sign_erected"): "erecting",
    ("erecting", "hand_over"): "handed_over",
    ("erecting", "dismantle"): "dismantling",
    **{(state, "inspect"): "handed_over" for state in _GREEN},
    **{(state, "inspect"): "handed_over" for state in ("event_hold", "out_of_use", "altered")},
    **{(state, "fail"): "event_hold" for state in (*_GREEN, "event_hold")},
    ("out_of_use", "fail"): "out_of_use",
    ("altered", "fail"): "altered",
    **{(state, "hold"): "event_hold" for state in (*_GREEN, "event_hold")},
    ("out_of_use", "hold"): "out_of_use",
    ("altered", "hold"): "altered",
    **{(state, "alter"): "altered" for state in (*_GREEN, "event_hold", "out_of_use")},
    **{(state, "take_out_of_use"): "out_of_use" for state in (*_GREEN, "event_hold")},
    **{
        (state, "dismantle"): "dismantling"
        for state in (*_GREEN, "event_hold", "out_of_use", "altered")
    },
    ("dismantling", "strike"): "struck",
}


@dataclass(frozen=True, slots=True)
class ScaffoldFacts:
    """What the colour of a tag depends on, beside the time."""

    state: str
    next_due_at: datetime | None
    used_at: datetime | None
    why_held: Reason | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """What hangs at the ladder: colour, the state behind it, and why."""

    colour: str  # green | amber | red | none
    state: str
    why: Reason


def standing_state(facts: ScaffoldFacts, now: datetime) -> str:
    """Return the state at an instant: what is stored, and what time alone makes of it."""
    if facts.state != "handed_over":
        return facts.state
    if facts.used_at is not None and now - facts.used_at > UNUSED_AFTER:
        return "out_of_use"
    if facts.next_due_at is None or now > facts.next_due_at:
        return "overdue"
    if now >= facts.next_due_at - AMBER_BEFORE:
        return "inspection_due"
    return "handed_over"


def tag_of(facts: ScaffoldFacts, now: datetime) -> Tag:
    """Return the tag: a pure function of facts and time. Nobody sets a colour."""
    state = standing_state(facts, now)
    due = iso(facts.next_due_at) if facts.next_due_at else None
    if state in ("design", "struck"):
        return Tag("none", state, reason(f"scaffold.tag_{state}"))
    if state == "handed_over":
        return Tag("green", state, reason("scaffold.tag_green", due=due))
    if state == "inspection_due":
        return Tag("amber", state, reason("scaffold.tag_amber", due=due))
    if state == "event_hold" and facts.why_held is not None:
        return Tag("red", state, facts.why_held)
    return Tag("red", state, reason(f"scaffold.tag_{state}", due=due))


class Scaffold(Workflow, Noun, Base):
    """A scaffold or another temporary work; red unless the facts say green."""

    __tablename__ = "scaffold"
    MOVES = SCAFFOLD
    GUARDED = ("sign_erected", "hand_over", "inspect", "dismantle", "strike")
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "begin_erecting": ("contractor", "manager", "supervisor"),
        "sign_erected": ("contractor", "supervisor"),
        "hand_over": ("contractor", "supervisor", "engineer", "manager"),
        "inspect": ("contractor", "supervisor", "engineer"),
        "fail": ("contractor", "supervisor", "engineer", "manager"),
        "hold": ("manager", "supervisor", "duty", "engineer"),
        "alter": ("contractor", "supervisor", "manager"),
        "take_out_of_use": ("contractor", "supervisor", "manager"),
        "dismantle": ("contractor", "supervisor", "manager"),
        "strike": ("contractor", "supervisor", "manager"),
    }

    code: Mapped[str] = mapped_column(unique=True)
    token: Mapped[str] = mapped_column(unique=True)  # the public address /s/<token>
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    building_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("building.id"))
    zone_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("zone.id"))
    project_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("project.id"), index=True)
    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"))
    kind: Mapped[str] = mapped_column(default="scaffold")
    name: Mapped[dict[str, Any]]
    orientation: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="design")
    drawing_number: Mapped[str] = mapped_column(default="")
    load_class: Mapped[int | None]
    height_m: Mapped[float | None]
    bays: Mapped[int | None]
    lifts: Mapped[int | None]
    max_loaded_lifts: Mapped[int | None]
    ties: Mapped[str] = mapped_column(default="")  # number, kind, tested; no drilling into fabric
    sheeting: Mapped[bool] = mapped_column(default=False)
    foundation: Mapped[str] = mapped_column(default="")
    restrictions: Mapped[str] = mapped_column(default="")
    items: Mapped[dict[str, Any] | None]  # the erector's check, which the handover takes over
    erected_at: Mapped[datetime | None]
    erected_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    erector_card: Mapped[str] = mapped_column(default="")
    handed_over_at: Mapped[datetime | None]
    received_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    inspected_at: Mapped[datetime | None]
    inspected_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    next_due_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    held: Mapped[dict[str, Any] | None]  # the reason of a hold
    review_due_at: Mapped[datetime | None]  # temporary covers and props end: domain §1.4
    struck_at: Mapped[datetime | None]
    site: Mapped[Site] = relationship()
    building: Mapped[Building | None] = relationship()
    zone: Mapped[Zone | None] = relationship()
    project: Mapped[Project | None] = relationship()
    organisation: Mapped[Organisation | None] = relationship()
    inspections: Mapped[list["Inspection"]] = relationship(
        back_populates="scaffold", order_by="Inspection.opened_at"
    )
    tasks: Mapped[list["Task"]] = relationship(back_populates="scaffold")

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Staff by site; a company its own, in projects that name it."""
        return works_scope(actor, cls.site_id, cls.organisation_id, cls.project_id)

    @property
    def facts(self) -> ScaffoldFacts:
        """What its tag depends on."""
        held = Reason.from_json(self.held) if self.held else None
        return ScaffoldFacts(self.state, self.next_due_at, self.used_at, held)

    def state_at(self, now: datetime) -> str:
        """Return the state that people see: inspections fall due by themselves."""
        return standing_state(self.facts, now)

    def tag(self, now: datetime) -> Tag:
        """Return the tag at an instant."""
        return tag_of(self.facts, now)

    @property
    def runs_out_at(self) -> datetime | None:
        """Return the instant at which time alone turns the tag of one that is in use red."""
        unused = None if self.used_at is None else self.used_at + UNUSED_AFTER
        ends = [at + timedelta(seconds=1) for at in (self.next_due_at, unused) if at is not None]
        return min(ends, default=None)

    def is_green(self, now: datetime) -> bool:
        """Whether somebody may go up to begin work. Amber is in date, but begins nothing new."""
        return self.tag(now).colour == "green"

    def may(self, action: str, actor: Actor) -> bool:
        """A company acts on its own scaffolds only; staff by site and role."""
        if super().may(action, actor) and actor.is_staff:
            return True
        own = any(
            grant.role == "contractor"
            and grant.organisation_id == self.organisation_id
            and grant.covers(self.site_id)
            for grant in actor.grants
        )
        return own and "contractor" in self.MAY[action]


def plan_scaffold(
    session: Session,
    site: Site,
    *,
    name: Mapping[str, str],
    by: Actor,
    now: datetime,
    kind: str = "scaffold",
    orientation: str = "",
    building: Building | None = None,
    zone: Zone | None = None,
    project: Project | None = None,
    company: Organisation | None = None,
    drawing_number: str = "",
    review_due_at: datetime | None = None,
) -> Scaffold:
    """Order a scaffold or another temporary work. Raises BadInput; the caller commits."""
    require_right("scaffold", by, site.id)
    faults = Faults()
    faults.need("name", name)
    faults.one_of("kind", kind, KINDS)
    faults.stop()
    scaffold = Scaffold(
        id=uuid.uuid4(),
        code=next_code(session, "scaffold", site, now),
        token=secrets.token_urlsafe(12),
        site=site,
        building=building,
        zone=zone,
        project=project,
        organisation=company,
        incident_id=project.incident_id if project else None,
        kind=kind,
        name=dict(name),
        orientation=orientation,
        state="design",
        drawing_number=drawing_number.strip(),
        review_due_at=review_due_at,
    )
    session.add(scaffold)
    record(scaffold, "plan", by=by, now=now, after="design")
    return scaffold
