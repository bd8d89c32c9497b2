"""Completing, extending and amending a notice that stands; what it said before is kept."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base
from models.closure import REVIEW_WITHIN, Closure
from models.errors import BadInput, Fault, Refusal
from models.inputs import Faults, need_text
from models.people import Actor
from models.reasons import reason
from models.times import iso

# What a notice must say (domain §4); `missing` lists those that nobody has filled in yet.
TEXTS = (
    "closed_parts",
    "explanation",
    "hazard",
    "permitted_entry",
    "alternative_route",
    "issuer",
    "legal_basis",
)
FIELDS = (*TEXTS, "signer", "phone", "radius_m", "until_at", "next_update_at")
NEEDED = ("closed_parts", "permitted_entry", "alternative_route", "issuer", "signer", "phone")


class Amendment(Base):
    """One change of a notice: what it said before and after, by whom and why."""

    __tablename__ = "closure_amendment"

    closure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("closure.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    action: Mapped[str]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    note: Mapped[str]
    by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime]
    closure: Mapped[Closure] = relationship(back_populates="amendments")


def missing(closure: Closure) -> list[str]:
    """Return the fields of the notice that are still empty."""
    faults = Faults()
    for name in NEEDED:
        faults.need(name, getattr(closure, name))
    return [fault.where for fault in faults.found]


def complete(
    closure: Closure, changes: Mapping[str, Any], *, by: Actor, now: datetime, note: str = ""
) -> None:
    """Fill in what the tap left open. Raises BadInput, Refusal; the caller commits."""
    _change(closure, "complete", _checked(closure, changes, now), note, by=by, now=now)


def amend(
    closure: Closure, changes: Mapping[str, Any], *, why: str, by: Actor, now: datetime
) -> None:
    """Change what the notice says; what it said before stays readable."""
    _change(
        closure, "amend", _checked(closure, changes, now), need_text("why", why), by=by, now=now
    )


def extend(closure: Closure, until: datetime | None, *, why: str, by: Actor, now: datetime) -> None:
    """Keep it shut for longer, or until further notice; the review begins anew."""
    if until is not None and until <= now:
        raise BadInput([Fault("until_at", reason("closure.until_is_past", until=iso(until)))])
    _change(closure, "extend", {"until_at": until}, need_text("why", why), by=by, now=now)
    closure.review_due_at = now + REVIEW_WITHIN


def _checked(closure: Closure, changes: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    faults = Faults()
    for name in changes:
        faults.one_of("field", name, FIELDS)
    faults.between("radius_m", changes.get("radius_m"), 0, 1000)
    faults.stop()
    until = changes.get("until_at")
    if until is not None and until <= now:
        raise BadInput([Fault("until_at", reason("closure.until_is_past", until=iso(until)))])
    return {name: value for name, value in changes.items() if getattr(closure, name) != value}


def _change(
    closure: Closure,
    action: str,
    changes: Mapping[str, Any],
    note: str,
    *,
    by: Actor,
    now: datetime,
) -> None:
    if not changes:
        raise Refusal(reason("closure.nothing_changed"))
    before = {name: _json(getattr(closure, name)) for name in changes}
    fields = sorted(changes)
    closure.step(action, by=by, now=now, why=reason("closure.changed", fields=fields, note=note))
    for name, value in changes.items():
        setattr(closure, name, value)
    closure.amendments.append(
        Amendment(
            number=len(closure.amendments) + 1,
            action=action,
            before=before,
            after={name: _json(value) for name, value in changes.items()},
            note=note,
            by_id=by.id if by.kind == "person" else None,
            at=now,
        )
    )


def _json(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value


def why_small_radius(closure: Closure) -> Any:
    """Warn where the fence is nearer than the highest element is high. Returns a reason or None."""
    proposed, radius = closure.proposed_radius_m, closure.radius_m
    if proposed is None or radius is None or radius >= proposed:
        return None
    return reason("closure.radius_below_height", radius=radius, height=proposed)
