"""Who may do what: organisations, users, memberships, and the actor that every verb is told."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Noun

ROLES = (
    "admin",
    "manager",
    "duty",
    "keeper",
    "engineer",
    "supervisor",
    "designer",
    "contractor",
    "viewer",
)
# Those who see all of their sites; a contractor sees only what his company was given.
STAFF = ("admin", "manager", "duty", "keeper", "engineer", "supervisor", "designer", "viewer")


class Organisation(Noun, Base):
    """An authority, or a company that works for it."""

    __tablename__ = "organisation"

    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]  # authority | contractor
    name: Mapped[dict[str, Any]]
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    phone: Mapped[str] = mapped_column(default="")
    licence_grade: Mapped[str] = mapped_column(default="")
    licence_scope: Mapped[str] = mapped_column(default="")
    licence_number: Mapped[str] = mapped_column(default="")
    licence_until: Mapped[datetime | None]


class User(Noun, Base):
    """A person who can sign in."""

    __tablename__ = "user"

    email: Mapped[str] = mapped_column(unique=True)  # kept in lower case
    name: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(default="zh")
    password_hash: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    memberships: Mapped[list["Membership"]] = relationship(back_populates="user")


class Membership(Noun, Base):
    """A role that a person has in an organisation, for some sites or all, for a time."""

    __tablename__ = "membership"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id"), index=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    role: Mapped[str]
    site_ids: Mapped[list[Any] | None]  # None: every site of the authority
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    capacity: Mapped[str] = mapped_column(default="")
    certificate: Mapped[str] = mapped_column(default="")
    user: Mapped[User] = relationship(back_populates="memberships")
    organisation: Mapped[Organisation] = relationship()


class Invitation(Noun, Base):
    """A link that lets one person in once."""

    __tablename__ = "invitation"

    email: Mapped[str]
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"))
    role: Mapped[str]
    site_ids: Mapped[list[Any] | None]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))  # None: a command
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    organisation: Mapped[Organisation] = relationship()


class WebSession(Base):
    """A signed-in browser; only the hash of its cookie is kept. Times are machine time."""

    __tablename__ = "web_session"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    csrf: Mapped[str]


class LoginAttempt(Base):
    """One failed sign-in, by account and by address; throttling counts these rows."""

    __tablename__ = "login_attempt"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    account: Mapped[str] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(index=True)


class ApiToken(Noun, Base):
    """A membership with fewer rights, for programs. Its acts never count as a signature."""

    __tablename__ = "api_token"

    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str]
    scope: Mapped[str]  # read | write | admin
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class DeviceKey(Noun, Base):
    """What a device or a network gateway signs in to the receiver with; only hashes are kept.

    While a key is rotating its old secret opens too, until `old_until` (machine time; None:
    until somebody retires it), so that a device can be changed over without losing a reading.
    """

    __tablename__ = "device_key"
    __table_args__ = (UniqueConstraint("name"),)

    name: Mapped[str]
    secret_hash: Mapped[str]
    device: Mapped[str | None]  # None: a network key, any device under its topics
    topics: Mapped[list[Any]]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    rotated_at: Mapped[datetime | None]
    old_secret_hash: Mapped[str | None]
    old_until: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Grant:
    """One role, where it holds."""

    organisation_id: uuid.UUID | None
    role: str
    site_ids: frozenset[uuid.UUID] | None = None

    def covers(self, site_id: uuid.UUID | None) -> bool:
        """Whether the role holds at this site (`None`: a thing of no one site)."""
        return self.site_ids is None or site_id is None or site_id in self.site_ids


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, a token, or a part of Ridgewatch; every verb is told by whom."""

    kind: str  # person | token | rule | clock | system
    id: uuid.UUID | None = None
    name: str = ""
    grants: tuple[Grant, ...] = ()
    via: str = "page"  # page | api | rule | clock | offline | command
    on_behalf_of: uuid.UUID | None = None
    request_id: str = ""
    machine_now: Callable[[], datetime] = field(default=_utc_now, compare=False)

    @property
    def organisation_ids(self) -> frozenset[uuid.UUID]:
        """The organisations for which this actor may act."""
        return frozenset(g.organisation_id for g in self.grants if g.organisation_id)

    @property
    def roles(self) -> frozenset[str]:
        """All roles, wherever they hold."""
        return frozenset(grant.role for grant in self.grants)

    @property
    def is_machine(self) -> bool:
        """Whether a part of Ridgewatch acts by itself."""
        return self.kind in ("rule", "clock", "system")

    @property
    def is_staff(self) -> bool:
        """Whether this actor sees sites as the authority's own people do."""
        return self.is_machine or any(grant.role in STAFF for grant in self.grants)

    def has_role(self, *roles: str, site_id: uuid.UUID | None = None) -> bool:
        """Whether one of the roles holds at the site; an admin may do what a manager may."""
        wanted = set(roles) | ({"admin"} if "manager" in roles else set())
        return any(grant.role in wanted and grant.covers(site_id) for grant in self.grants)


def machine(kind: str, via: str | None = None) -> Actor:
    """Return the part of Ridgewatch that acts: `rule`, `clock` or `system`."""
    return Actor(kind=kind, via=via or ("clock" if kind == "clock" else "rule"))


def staff_scope(actor: Actor, site_column: Any) -> ColumnElement[bool]:
    """Return the condition that a row's site is one where the actor sees as staff does."""
    if actor.is_machine:
        return true()
    staff = [grant for grant in actor.grants if grant.role in STAFF]
    if any(grant.site_ids is None for grant in staff):
        return true()
    sites = frozenset[uuid.UUID]().union(*(grant.site_ids or () for grant in staff))
    return site_column.in_(sites) if sites else false()
