"""Objects of a competitor, by address: what the walk over the URL map must not find.

A module `tests/webapp/examples_<noun>.py` registers one function per noun:

    @example("tasks.show", "tasks.move")
    def a_task(session, cast):
        task = ...            # belongs to cast.competitor_id; every text says CANARY
        return {"task_id": task.id}

Every route with an argument in its address needs one; the walk then asks for it as everybody.
"""

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import add_user, invite
from models.clock import machine_now
from models.keys import add_key
from models.people import Actor, Grant, Organisation, User
from tests.webapp.cast import CANARY, SYSTEM, Cast

Example = Callable[[Session, Cast], dict[str, Any]]
EXAMPLES: dict[str, Example] = {}


def example(*endpoints: str) -> Callable[[Example], Example]:
    """Register the arguments of these routes' addresses."""

    def mark(make: Example) -> Example:
        EXAMPLES.update(dict.fromkeys(endpoints, make))
        return make

    return mark


def load_examples() -> dict[str, Example]:
    """Return every registered example."""
    for found in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if found.name.startswith("examples_"):
            importlib.import_module(f"tests.webapp.{found.name}")
    return EXAMPLES


@example("static_files.file")
def a_static_file(session: Session, cast: Cast) -> dict[str, Any]:
    """Any file of ours."""
    return {"digest": "0", "name": "css/app.css"}


@example("users.close", "users.reopen")
def a_user(session: Session, cast: Cast) -> dict[str, Any]:
    """A person of the competitor."""
    user = add_user(
        session,
        email="canary-b@example.org",
        name=CANARY,
        password_hash=None,
        role="contractor",
        organisation=session.get_one(Organisation, cast.competitor_id),
        by=SYSTEM,
        now=machine_now(),
    )
    return {"user_id": user.id}


@example("keys.rotate", "keys.retire", "keys.revoke")
def a_key(session: Session, cast: Cast) -> dict[str, Any]:
    """A key of one device."""
    _, key = add_key(session, "canary", (), device=CANARY, by=SYSTEM, now=machine_now())
    return {"key_id": key.id}


@example("users.withdraw_invitation")
def an_invitation(session: Session, cast: Cast) -> dict[str, Any]:
    """An invitation to the competitor."""
    return {"invitation_id": _invitation(session, cast)[1].id}


@example("people.invitation", "people.join")
def an_invitation_link(session: Session, cast: Cast) -> dict[str, Any]:
    """A link that nobody has been given."""
    return {"token": "no-such-link"}


def _invitation(session: Session, cast: Cast) -> tuple[str, Any]:
    user = session.scalars(select(User)).first()
    assert user is not None
    admin = Actor("person", user.id, grants=(Grant(None, "admin"),))
    return invite(
        session,
        email=f"{CANARY.lower()}-invited@example.org",
        role="contractor",
        organisation=session.get_one(Organisation, cast.competitor_id),
        site_ids=None,
        by=admin,
        now=machine_now(),
    )
