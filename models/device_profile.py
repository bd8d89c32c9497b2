"""Device profiles of this installation: added by an administrator, used by the running ingester."""

import re
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, Noun
from models.errors import Forbidden, Refusal
from models.event import record
from models.job import Job, ask
from models.people import Actor
from models.profile_file import read_profile
from models.pulse import bump
from models.reasons import reason

PROFILE_ADDED = "profile-added"
ROLES = ("admin",)


class DeviceProfile(Noun, Base):
    """What the fields of one device type mean here; goes before the profiles that are shipped."""

    __tablename__ = "device_profile"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    document: Mapped[dict[str, Any]]
    number: Mapped[int] = mapped_column(default=1)  # rises with every change of the document
    changed_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Administrators alone."""
        return true() if actor.is_machine or actor.has_role(*ROLES) else false()

    def withdraw(self, *, by: Actor, now: datetime) -> None:
        """Read devices as before it was added; what was stored stays. The caller commits."""
        _require(by)
        if self.withdrawn_at is not None:
            raise Refusal(reason("profile.withdrawn_already", name=self.name))
        self.withdrawn_at = now
        record(self, "withdraw", by=by, now=now, why=reason("profile.withdrawn", name=self.name))
        _tell(self)


def load_profile_text(
    session: Session, text: str | bytes, *, by: Actor, now: datetime
) -> tuple[DeviceProfile, Job | None]:
    """Add a profile, or change the one of the same name; the same again changes nothing.

    Returns the job that reads once more what has waited. Raises BadInput; the caller commits.
    """
    _require(by)
    document = read_profile(text)
    code = code_of(document["name"])
    row = session.scalars(select(DeviceProfile).where(DeviceProfile.code == code)).first()
    if row is not None and row.document == document and row.withdrawn_at is None:
        return row, None
    action = "add" if row is None else "change"
    if row is None:
        row = DeviceProfile(id=uuid.uuid4(), code=code, number=0)
        session.add(row)
    row.name, row.document, row.changed_at = document["name"], document, now
    row.number, row.withdrawn_at = (row.number or 0) + 1, None
    # The whole document stands in the event: how a reading was read can be told for ever.
    why = reason("profile.loaded", name=row.name, number=row.number, document=document)
    record(row, action, by=by, now=now, why=why)
    _tell(row)
    return row, ask(session, PROFILE_ADDED, {"profile": code}, by=by, now=now)


def profiles_in_use(session: Session) -> list[DeviceProfile]:
    """Return the profiles that apply, by code."""
    mine = select(DeviceProfile).where(DeviceProfile.withdrawn_at.is_(None))
    return list(session.scalars(mine.order_by(DeviceProfile.code)))


def code_of(name: str) -> str:
    """Return the name as it stands in addresses: small letters, digits and dashes."""
    plain = re.sub(r"[^0-9a-z\u4e00-\u9fff]+", "-", name.lower()).strip("-")
    return plain[:80] or "profile"


def _require(by: Actor) -> None:
    if not by.is_machine and not by.has_role(*ROLES):
        raise Forbidden(reason("workflow.role_needed", roles=list(ROLES)))


def _tell(row: DeviceProfile) -> None:
    session = Session.object_session(row)
    if session is not None:
        bump(session, registry=True)
