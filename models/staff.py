"""Who can be sent: the people of a role at a site, for the lists that pages offer."""

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models.people import Membership, User

FIELD = ("duty", "keeper", "engineer", "manager", "supervisor")


def staff_at(
    session: Session,
    site_id: uuid.UUID | None,
    machine_now: datetime,
    roles: Collection[str] = FIELD,
) -> list[tuple[User, tuple[str, ...]]]:
    """Return people with the roles that they hold at the site, by name; one query.

    `machine_now`: memberships hold in machine time, as sessions do.
    """
    found = session.scalars(
        select(Membership)
        .join(Membership.user)
        .where(
            Membership.role.in_(list(roles)),
            Membership.since <= machine_now,
            or_(Membership.until.is_(None), Membership.until > machine_now),
            User.disabled_at.is_(None),
        )
        .options(joinedload(Membership.user))
    )
    held: dict[uuid.UUID, tuple[User, list[str]]] = {}
    for one in found:
        if one.site_ids is None or site_id is None or str(site_id) in map(str, one.site_ids):
            held.setdefault(one.user_id, (one.user, []))[1].append(one.role)
    people = [(user, tuple(sorted(set(roles)))) for user, roles in held.values()]
    return sorted(people, key=lambda one: (one[0].name, one[0].email))
