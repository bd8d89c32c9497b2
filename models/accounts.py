"""Lets people in and sees them out: users, invitations, passwords."""

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session, selectinload

from models.errors import BadInput, Fault, Missing, Refusal
from models.event import record
from models.passwords import hash_password, why_not_password
from models.people import ROLES, Actor, Invitation, Membership, Organisation, User
from models.reasons import Reason, reason
from models.signin import close_all_sessions, digest, new_token

INVITATION_LASTS = timedelta(hours=72)
_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,190}")


def clean_email(text: str) -> str:
    """Return an address in the form in which accounts are kept."""
    return text.strip().lower()


def find_user(session: Session, email: str) -> User | None:
    """Return the account of an address, disabled ones too."""
    return session.scalar(select(User).where(User.email == clean_email(email)))


def all_users(session: Session) -> Sequence[User]:
    """Return everyone with his memberships, by name."""
    loaded = selectinload(User.memberships).joinedload(Membership.organisation)
    return session.scalars(select(User).options(loaded).order_by(User.name, User.email)).all()


def add_user(
    session: Session,
    *,
    email: str,
    name: str,
    password_hash: str | None,
    role: str,
    organisation: Organisation | None,
    site_ids: Iterable[uuid.UUID] | None = None,
    by: Actor,
    now: datetime,
    since: datetime | None = None,
) -> User:
    """Make an account with one membership, or add the membership to the account there is.

    `since` is machine time, as sessions are; without it the role holds from this moment.
    """
    email = clean_email(email)
    _check(_why_not_member(email, role, organisation))
    assert organisation is not None
    machine_now = by.machine_now()
    user = find_user(session, email)
    if user is None:
        user = User(email=email, name=name.strip(), created_at=machine_now)
        session.add(user)
        session.flush()
    if password_hash is not None:
        set_password(session, user, password_hash)
    session.add(
        Membership(
            user_id=user.id,
            organisation_id=organisation.id,
            role=role,
            site_ids=None if site_ids is None else sorted(str(one) for one in site_ids),
            since=since or machine_now,
        )
    )
    record(user, "add", by=by, now=now, why=reason("user.role_given", role=role), session=session)
    return user


def _why_not_member(email: str, role: str, organisation: Organisation | None) -> list[Fault]:
    faults = []
    if not _EMAIL.fullmatch(email):
        faults.append(Fault("email", reason("user.bad_email", email=email[:80])))
    if role not in ROLES:
        faults.append(Fault("role", reason("user.bad_role", role=role[:40])))
    if organisation is None:
        faults.append(Fault("organisation", reason("user.no_organisation")))
    elif (role == "contractor") != (organisation.kind == "contractor") and role in ROLES:
        faults.append(Fault("role", reason("user.role_elsewhere", organisation=organisation.name)))
    return faults


def _check(faults: Sequence[Fault]) -> None:
    if faults:
        raise BadInput(faults)


def prepare_password(password: str, *, email: str, field: str = "password") -> str:
    """Return the hash of a new password. Raises BadInput. It takes long: do it before locking."""
    why = why_not_password(password, email=email)
    _check([Fault(field, why)] if why else [])
    return hash_password(password)


def set_password(session: Session, user: User, password_hash: str) -> None:
    """Set a first or new password and end every session."""
    user.password_hash = password_hash
    close_all_sessions(session, user)


def why_not_disable(user: User, by: Actor) -> Reason | None:
    """Say why this account can't be disabled by this person."""
    if user.id == by.id:
        return reason("user.cannot_disable_self")
    if user.disabled_at is not None:
        return reason("user.already_disabled", name=user.name or user.email)
    return None


def disable(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """Close an account; its sessions end at once, what it did stays."""
    why = why_not_disable(user, by)
    if why:
        raise Refusal(why)
    user.disabled_at = by.machine_now()
    close_all_sessions(session, user)
    record(user, "disable", by=by, now=now, session=session)


def enable(session: Session, user: User, *, by: Actor, now: datetime) -> None:
    """Open a disabled account again."""
    if user.disabled_at is None:
        raise Refusal(reason("user.not_disabled", name=user.name or user.email))
    user.disabled_at = None
    record(user, "enable", by=by, now=now, session=session)


def may_invite(by: Actor, role: str) -> bool:
    """Admins, and whoever holds the command line, invite anyone; managers only some."""
    if by.is_machine or by.has_role("admin"):
        return True
    return by.has_role("manager") and role in ("contractor", "viewer", "keeper", "duty")


def invite(
    session: Session,
    *,
    email: str,
    role: str,
    organisation: Organisation | None,
    site_ids: Iterable[uuid.UUID] | None,
    by: Actor,
    now: datetime,
) -> tuple[str, Invitation]:
    """Make a link for one person, once, for 72 hours; return its secret, which is kept nowhere."""
    email = clean_email(email)
    faults = _why_not_member(email, role, organisation)
    if not faults and not may_invite(by, role):
        faults.append(Fault("role", reason("user.role_above_yours")))
    _check(faults)
    assert organisation is not None
    token, machine_now = new_token(), by.machine_now()
    _withdraw_earlier(session, email, role, machine_now)
    invitation = Invitation(
        email=email,
        organisation_id=organisation.id,
        role=role,
        site_ids=None if site_ids is None else sorted(str(one) for one in site_ids),
        token_hash=digest(token),
        created_at=machine_now,
        created_by=by.id,
        expires_at=machine_now + INVITATION_LASTS,
    )
    session.add(invitation)
    record(invitation, "invite", by=by, now=now, session=session)
    return token, invitation


def _withdraw_earlier(session: Session, email: str, role: str, at: datetime) -> None:
    earlier = select(Invitation).where(Invitation.email == email, Invitation.role == role)
    for one in session.scalars(earlier.where(Invitation.accepted_at.is_(None))):
        one.withdrawn_at = one.withdrawn_at or at


def open_invitations(session: Session, machine_now: datetime) -> Sequence[Invitation]:
    """Return the invitations that still wait, newest first."""
    waiting = select(Invitation).where(
        Invitation.accepted_at.is_(None),
        Invitation.withdrawn_at.is_(None),
        Invitation.expires_at > machine_now,
    )
    return session.scalars(waiting.order_by(Invitation.created_at.desc())).all()


def find_invitation(session: Session, token: str, machine_now: datetime) -> Invitation:
    """Return the invitation of a link. Raises Missing, the same for unknown, used and old ones."""
    found = session.scalar(select(Invitation).where(Invitation.token_hash == digest(token)))
    if found is None or why_not_accept(found, machine_now):
        raise Missing("invitation")
    return found


def why_not_accept(invitation: Invitation, machine_now: datetime) -> Reason | None:
    """Say why an invitation lets nobody in any more."""
    if invitation.accepted_at is not None:
        return reason("invitation.used")
    if invitation.withdrawn_at is not None:
        return reason("invitation.withdrawn")
    if invitation.expires_at <= machine_now:
        return reason("invitation.expired")
    return None


def withdraw(session: Session, invitation: Invitation, *, by: Actor, now: datetime) -> None:
    """Make a link useless."""
    why = why_not_accept(invitation, by.machine_now())
    if why:
        raise Refusal(why)
    invitation.withdrawn_at = by.machine_now()
    record(invitation, "withdraw", by=by, now=now, session=session)


def accept(
    session: Session, invitation: Invitation, *, name: str, password_hash: str | None, now: datetime
) -> User:
    """Let the invited person in: account, password, membership. The link works this once.

    Whoever has the link proves the address only for an account that has no password yet; one
    that has keeps its own, and gains the role.
    """
    machine_now = _claim(session, invitation)
    organisation = session.get_one(Organisation, invitation.organisation_id)
    user = find_user(session, invitation.email)
    actor = Actor("person", user.id if user else None, name, via="page")
    site_ids = invitation.site_ids
    return add_user(
        session,
        email=invitation.email,
        name=name,
        password_hash=password_hash if user is None or user.password_hash is None else None,
        role=invitation.role,
        organisation=organisation,
        site_ids=None if site_ids is None else [uuid.UUID(one) for one in site_ids],
        by=actor,
        now=now,
        since=machine_now,
    )


def _claim(session: Session, invitation: Invitation) -> datetime:
    """Use the link up; of two who try at once exactly one wins."""
    machine_now = Actor("system").machine_now()
    won = session.execute(
        update(Invitation)
        .where(Invitation.id == invitation.id, Invitation.accepted_at.is_(None))
        .values(accepted_at=machine_now, version=Invitation.version + 1)
        .returning(Invitation.id)
    )
    if won.first() is None:
        raise Refusal(reason("invitation.used"))
    return machine_now
