"""The outbox: who is told what by which channel; written with the alert, sent afterwards."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Noun
from models.people import User


class Notice(Noun, Base):
    """One message to one recipient. `key` is the same at every try: receivers drop repeats.

    `due_at` is site time; `next_try_at` and `leased_until` are machine time.
    """

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_waiting", "state", "next_try_at"),)

    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]  # page | escalation | deadline | hold | test
    channel: Mapped[str]  # email | webhook
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    role: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(default="zh")
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("site.id"), index=True)
    alert_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("alert.id"), index=True)
    incident_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    severity: Mapped[str] = mapped_column(default="")
    reason: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="pending")  # pending|sent|failed
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    failure: Mapped[dict[str, Any] | None]  # the reason why the last try failed
    person: Mapped[User | None] = relationship()


class Webhook(Noun, Base):
    """An address that is told of alerts, signed with its own secret."""

    __tablename__ = "webhook"

    name: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    secret: Mapped[str]
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("site.id"))
    from_severity: Mapped[str] = mapped_column(default="high")
    disabled_at: Mapped[datetime | None]


class DutyShift(Noun, Base):
    """Who is on duty for a site (or all of them) from when to when, in site time."""

    __tablename__ = "duty_shift"

    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("site.id"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id"))
    since: Mapped[datetime]
    until: Mapped[datetime]
    user: Mapped[User] = relationship()
