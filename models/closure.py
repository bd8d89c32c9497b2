"""Closure notices: what is shut, since when and why, from one tap to the reopened door."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey, Index, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.alert import Alert
from models.base import Base, Noun
from models.incident import Incident
from models.people import Actor, staff_scope
from models.reasons import Reason, reason
from models.registry import Site, Zone
from models.workflow import Moves, Workflow, guards, session_of

if TYPE_CHECKING:
    from models.amendment import Amendment

COUNTERSIGN_WITHIN = timedelta(hours=2)  # design §5.1: a deadline, not a condition
REVIEW_WITHIN = timedelta(days=30)  # domain §1.4: notices are reviewed at least every 30 days

# What is shut for the public; a partial unique index lets a zone have only one of them.
IN_FORCE = ("issued", "posted", "extended", "amended", "lift_requested")
_STANDING = ("issued", "posted", "extended", "amended")

CLOSURE: Moves = {
    ("draft", "complete"): "draft",
    ("draft", "issue"): "issued",
    ("draft", "discard"): "superseded",
    ("issued", "post"): "posted",
    ("extended", "post"): "posted",
    ("amended", "post"): "posted",
    **{(state, action): state for state in _STANDING for action in ("complete", "countersign")},
    **{(state, "extend"): "extended" for state in _STANDING},
    **{(state, "amend"): "amended" for state in _STANDING},
    **{
        (state, action): state
        for state in _STANDING
        for action in ("state_sensor", "reassess", "rectify")
    },
    **{(state, "request_lift"): "lift_requested" for state in _STANDING},
    **{
        ("lift_requested", action): "lift_requested"
        for action in ("countersign", "state_sensor", "reassess", "rectify", "sign_lift")
    },
    ("lift_requested", "lift"): "reopened",
    ("lift_requested", "refuse_lift"): "extended",
    **{(state, "override"): "reopened" for state in IN_FORCE},
    **{(state, "supersede"): "superseded" for state in IN_FORCE},
}


class Closure(Workflow, Noun, Base):
    """A zone shut for the public, and the notice that says so. In force from the first tap.

    Texts that nobody typed are None; `models.public_notice` then says the usual words.
    """

    __tablename__ = "closure"
    __table_args__ = (
        Index(
            "uq_closure_in_force",
            "zone_id",
            unique=True,
            sqlite_where=text("state NOT IN ('draft', 'reopened', 'superseded')"),
            postgresql_where=text("state NOT IN ('draft', 'reopened', 'superseded')"),
        ),
    )
    MOVES = CLOSURE
    GUARDED = (
        "issue",
        "post",
        "countersign",
        "state_sensor",
        "request_lift",
        "sign_lift",
        "lift",
        "override",
    )
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "issue": ("duty", "manager"),
        "discard": ("duty", "manager"),
        "complete": ("duty", "manager"),
        "post": ("duty", "manager", "keeper"),
        "countersign": ("manager",),
        "extend": ("duty", "manager"),
        "amend": ("duty", "manager"),
        "state_sensor": ("engineer",),
        "reassess": ("engineer",),
        "rectify": ("duty", "manager"),
        "request_lift": ("engineer",),
        "sign_lift": ("manager",),
        "lift": ("manager",),
        "refuse_lift": ("manager",),
        "override": ("manager",),
        "supersede": ("duty", "manager"),
    }

    code: Mapped[str] = mapped_column(unique=True)
    token: Mapped[str] = mapped_column(unique=True)  # the public address /n/<token>
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    zone_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("zone.id"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"), index=True)
    alert_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("alert.id"))
    state: Mapped[str] = mapped_column(default="issued")
    why: Mapped[dict[str, Any]]  # a reason in public words: no sensor, no limit, no level
    closed_parts: Mapped[dict[str, Any] | None]
    explanation: Mapped[dict[str, Any] | None]
    hazard: Mapped[dict[str, Any] | None]
    permitted_entry: Mapped[dict[str, Any] | None]
    alternative_route: Mapped[dict[str, Any] | None]
    issuer: Mapped[dict[str, Any] | None]
    signer: Mapped[dict[str, Any] | None]
    phone: Mapped[str] = mapped_column(default="")
    legal_basis: Mapped[dict[str, Any] | None]
    radius_m: Mapped[float | None]
    proposed_radius_m: Mapped[float | None]  # the height of the highest element
    began_at: Mapped[datetime]
    until_at: Mapped[datetime | None]  # None: until further notice
    next_update_at: Mapped[datetime | None]
    review_due_at: Mapped[datetime]
    issued_at: Mapped[datetime | None]
    issued_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    countersign_due_at: Mapped[datetime | None]
    countersigned_at: Mapped[datetime | None]
    countersigned_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    posted_at: Mapped[datetime | None]
    reassessment: Mapped[str | None]
    reassessed_at: Mapped[datetime | None]
    rectification: Mapped[dict[str, Any] | None]  # what was put right; public at the end
    lift_statement: Mapped[str | None]
    lift_requested_at: Mapped[datetime | None]
    lift_requested_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    lift_signed_at: Mapped[datetime | None]
    lift_signed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    ended_at: Mapped[datetime | None]
    override: Mapped[dict[str, Any] | None]  # {"reason", "at", "by", "blockers"}: stays for ever
    superseded_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("closure.id"))
    site: Mapped[Site] = relationship()
    zone: Mapped[Zone] = relationship()
    alert: Mapped[Alert | None] = relationship(back_populates="closures")
    incident: Mapped[Incident | None] = relationship(back_populates="closures")
    amendments: Mapped[list["Amendment"]] = relationship(
        back_populates="closure", order_by="Amendment.number"
    )
    statements: Mapped[list["SensorStatement"]] = relationship(back_populates="closure")

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The closures of the sites where the actor is staff; the public page asks nobody."""
        return staff_scope(actor, cls.site_id)

    @property
    def in_force(self) -> bool:
        """Whether the zone is shut."""
        return self.state in IN_FORCE

    @property
    def countersign_overdue_at(self) -> datetime | None:
        """When a countersignature that is still owed was or will be late."""
        owed = self.in_force and self.countersigned_at is None
        return self.countersign_due_at if owed else None


class SensorStatement(Noun, Base):
    """An engineer's word that a zone may be judged without a sensor that was lost there."""

    __tablename__ = "sensor_statement"

    closure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("closure.id"), index=True)
    sensor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sensor.id"))
    statement: Mapped[str]
    by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime]
    closure: Mapped[Closure] = relationship(back_populates="statements")


def closure_in_force(session: Session, zone_id: uuid.UUID) -> Closure | None:
    """Return the notice that keeps a zone shut."""
    mine = select(Closure).where(Closure.zone_id == zone_id, Closure.state.in_(IN_FORCE))
    return session.scalars(mine).first()


@guards(Closure, "issue")
def why_not_issue(closure: Closure, actor: Actor, now: datetime) -> Reason | None:
    """A zone has one notice in force."""
    standing = closure_in_force(session_of(closure), closure.zone_id)
    if standing is None:
        return None
    return reason("closure.already_closed", zone=closure.zone.name, closure=standing.code)
