"""API tokens: a membership with fewer rights, for programs; kept by their hash."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errors import BadInput, Fault
from models.people import Actor, ApiToken, Grant
from models.reasons import reason
from models.signin import digest, new_token

PREFIX = "rw_"
# What a token may do is what these roles may; its acts are never a signature.
ROLES_OF = {
    "read": ("viewer",),
    "write": ("viewer", "duty", "manager"),
    "admin": ("viewer", "duty", "manager", "admin"),
}


def issue_token(
    session: Session, name: str, scope: str, now: datetime, *, expires_at: datetime | None = None
) -> tuple[str, ApiToken]:
    """Make a token for the whole authority; return its text, which is kept nowhere."""
    faults = []
    if not name.strip():
        faults.append(Fault("name", reason("token.no_name")))
    if scope not in ROLES_OF:
        faults.append(Fault("scope", reason("token.bad_scope", scope=scope[:40])))
    if faults:
        raise BadInput(faults)
    text = PREFIX + new_token()
    row = ApiToken(
        name=name.strip(),
        token_hash=digest(text),
        prefix=text[: len(PREFIX) + 6],
        scope=scope,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    return text, row


def find_token(session: Session, text: str, now: datetime) -> ApiToken | None:
    """Return the token that still holds; None for an unknown, old or revoked one."""
    return session.scalar(
        select(ApiToken).where(
            ApiToken.token_hash == digest(text),
            ApiToken.revoked_at.is_(None),
            ApiToken.expires_at.is_(None) | (ApiToken.expires_at > now),
        )
    )


def token_actor(token: ApiToken, request_id: str = "") -> Actor:
    """Return what a token may do."""
    grants = tuple(Grant(token.organisation_id, role) for role in ROLES_OF[token.scope])
    return Actor("token", token.id, token.name, grants, via="api", request_id=request_id)
