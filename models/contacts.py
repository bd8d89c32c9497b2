"""The call list of a site, and what came of each call."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.event import Event, history, record
from models.inputs import Faults
from models.people import Actor, staff_scope
from models.reasons import Reason, reason
from models.registry import Site
from models.rights import require_right

OUTCOMES = ("reached", "no_answer", "agreed")


class Contact(Noun, Base):
    """Somebody to call in an emergency, in the order of the list."""

    __tablename__ = "contact"

    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    order: Mapped[int] = mapped_column(default=100)
    name: Mapped[str]
    role: Mapped[dict[str, Any]]
    phone: Mapped[str]
    retired_at: Mapped[datetime | None]
    site: Mapped[Site] = relationship()

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The staff of the site; never the public."""
        return staff_scope(actor, cls.site_id)


def call_list(session: Session, site_id: uuid.UUID) -> list[Contact]:
    """Return whom to call, in order."""
    mine = select(Contact).where(Contact.site_id == site_id, Contact.retired_at.is_(None))
    return list(session.scalars(mine.order_by(Contact.order, Contact.name)))


def record_call(
    contact: Contact,
    about: Any,
    outcome: str,
    *,
    by: Actor,
    now: datetime,
    note: str = "",
) -> Event:
    """Write down a call about an alert, a closure or an incident: one tap.

    The event names the contact by id and office; name and number stay in the contact's row.
    """
    require_right("call", by, contact.site_id)
    faults = Faults()
    faults.one_of("outcome", outcome, OUTCOMES)
    if outcome == "agreed":
        faults.need("note", note)
    faults.stop()
    why = reason(
        f"contact.{outcome}", contact=str(contact.id), role=contact.role, note=note.strip()
    )
    return record(about, "call", by=by, now=now, after=outcome, why=why)


def calls_about(session: Session, about: Any) -> dict[uuid.UUID, Event]:
    """Return the last call to each contact about a thing."""
    last: dict[uuid.UUID, Event] = {}
    for event in history(session, about.__tablename__, about.id):
        if event.action == "call" and event.reason is not None:
            why = Reason.from_json(event.reason)
            last[uuid.UUID(str(why.values["contact"]))] = event
    return last
