"""Incidents: the case file that joins alert, survey, closure, works and reopening."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Noun
from models.people import Actor, staff_scope
from models.registry import Site


class Incident(Noun, Base):
    """One emergency at one site, from the first report to its closing."""

    __tablename__ = "incident"

    code: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    zone_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("zone.id"))
    state: Mapped[str] = mapped_column(default="reported")
    title: Mapped[str]
    severity: Mapped[str]
    received_at: Mapped[datetime]  # when the report was received: the 2-hour clock starts here
    opened_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    facts: Mapped[dict[str, Any] | None]
    site: Mapped[Site] = relationship()

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The incidents of the sites where the actor is staff."""
        return staff_scope(actor, cls.site_id)
