"""The installation's rules: each a code, and versions that are never changed."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Noun


class RuleRow(Noun, Base):
    """A rule by its code; the newest version is in force unless the rule is off."""

    __tablename__ = "rule"

    code: Mapped[str] = mapped_column(unique=True)
    off_at: Mapped[datetime | None]
    versions: Mapped[list["RuleVersion"]] = relationship(
        back_populates="rule", order_by="RuleVersion.number"
    )

    @property
    def current(self) -> "RuleVersion":
        """The version in force."""
        return self.versions[-1]


class RuleVersion(Base):
    """What a rule said from an instant on; alerts name the version that raised them."""

    __tablename__ = "rule_version"

    rule_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("rule.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    spec: Mapped[dict[str, Any]]
    since: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    rule: Mapped[RuleRow] = relationship(back_populates="versions")
