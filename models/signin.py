"""Signing in: sessions kept by their hash, and attempts that are slowed down in the database."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from models.people import Actor, Grant, LoginAttempt, Membership, User, WebSession

LONGEST_SESSION = timedelta(days=7)
ATTEMPTS_COUNT_FOR = timedelta(hours=1)
FREE_ATTEMPTS = 5  # an account's, before the first wait
FREE_ATTEMPTS_FROM_ADDRESS = 20  # an office behind one address signs in too
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=15)


def digest(token: str) -> str:
    """Return what is kept of a secret that we made: it is long, so a plain hash is enough."""
    return sha256(token.encode()).hexdigest()


def new_token() -> str:
    """Return 256 bits of chance, fit for a cookie or an address."""
    return secrets.token_urlsafe(32)


def wait_until(
    session: Session, account: str, address: str, now: datetime, *, known_device: bool
) -> datetime | None:
    """Return until when nobody may try this account from here; None when he may now.

    A browser that has signed in to the account before is not kept waiting by others' guesses.
    """
    waits = [_wait(session, LoginAttempt.address == address, FREE_ATTEMPTS_FROM_ADDRESS, now)]
    if not known_device:
        waits.append(_wait(session, LoginAttempt.account == account, FREE_ATTEMPTS, now))
    return max((wait for wait in waits if wait and wait > now), default=None)


def _wait(
    session: Session, whose: ColumnElement[bool], free: int, now: datetime
) -> datetime | None:
    recent = select(func.count(), func.max(LoginAttempt.at)).where(
        whose, LoginAttempt.at > now - ATTEMPTS_COUNT_FOR
    )
    tries, last = session.execute(recent).one()
    if tries < free or last is None:
        return None
    growing = FIRST_WAIT * 2 ** min(tries - free, 10)
    return last + min(growing, LONGEST_WAIT)


def note_attempt(session: Session, account: str, address: str, now: datetime) -> None:
    """Count an attempt before its password is looked at, so that parallel ones count too."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.at < now - 24 * ATTEMPTS_COUNT_FOR))
    session.add(LoginAttempt(account=account, address=address, at=now))


def forget_attempts(session: Session, account: str, address: str) -> None:
    """Forget an account's failed attempts from an address, after the right password."""
    session.execute(
        delete(LoginAttempt).where(LoginAttempt.account == account, LoginAttempt.address == address)
    )


def open_session(session: Session, user: User, now: datetime) -> tuple[str, WebSession]:
    """Begin a session of a browser; return the text for its cookie, which is kept nowhere."""
    token = new_token()
    row = WebSession(
        token_hash=digest(token),
        user_id=user.id,
        created_at=now,
        seen_at=now,
        expires_at=now + LONGEST_SESSION,
        csrf=new_token(),
    )
    session.add(row)
    return token, row


def close_session(session: Session, token: str) -> None:
    """End one session."""
    session.execute(delete(WebSession).where(WebSession.token_hash == digest(token)))


def close_all_sessions(session: Session, user: User) -> None:
    """End every session of a person: disabled, or a new password."""
    session.execute(delete(WebSession).where(WebSession.user_id == user.id))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a cookie stands for."""

    web_session: WebSession
    user: User


def who_is(session: Session, token: str, now: datetime) -> SignedIn | None:
    """Return whose session a cookie is; None when it has ended or he has been disabled."""
    found = session.execute(
        select(WebSession, User)
        .join(User, User.id == WebSession.user_id)
        .where(
            WebSession.token_hash == digest(token),
            WebSession.expires_at > now,
            User.disabled_at.is_(None),
        )
    ).first()
    return SignedIn(*found) if found else None


def site_ids_of(stored: list[str] | None) -> frozenset[uuid.UUID] | None:
    """Return the sites of a membership as ids; None means every site."""
    return None if stored is None else frozenset(uuid.UUID(one) for one in stored)


def actor_for(
    session: Session, user: User, now: datetime, *, via: str = "page", request_id: str = ""
) -> Actor:
    """Return what a person may do now: his memberships that hold. `now` is machine time."""
    mine = select(Membership).where(
        Membership.user_id == user.id,
        Membership.since <= now,
        Membership.until.is_(None) | (Membership.until > now),
    )
    grants = tuple(
        Grant(row.organisation_id, row.role, site_ids_of(row.site_ids))
        for row in session.scalars(mine.order_by(Membership.since, Membership.id))
    )
    return Actor("person", user.id, user.name, grants, via=via, request_id=request_id)
