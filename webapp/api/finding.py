"""Finds what an address or a field names, by id or by code; what is hidden is not there."""

import uuid
from typing import Any, TypeVar

from flask import g
from sqlalchemy import select

from models.clock import machine_now
from models.errors import BadInput, Fault, Missing
from models.people import STAFF, Organisation
from models.reasons import reason
from models.registry import Building, Element, Site, Zone
from models.staff import staff_at
from webapp.api.edge import Changed
from webapp.db import db

Row = TypeVar("Row")


def find(noun: type[Row], key: str, *options: Any, lock: bool = False) -> Row:
    """Return the thing of an address. Raises Missing, also for what the caller may not see."""
    row = _look(noun, key, options, lock)
    if row is None:
        raise Missing(noun.__tablename__, _shown(key))  # type: ignore[attr-defined]
    return row


def find_to_change(noun: type[Row], key: str, present: Any, *options: Any) -> Row:
    """Return the thing for a change, held until the commit. Raises Missing, Changed (412)."""
    row: Any = find(noun, key, *options, lock=True)
    wanted = g.get("wanted_version")
    if wanted is not None and wanted != row.version:
        raise Changed(row.__tablename__, row.code, row.version, present(row))
    return row


def named_in(noun: type[Row], field: str, key: str | None, *options: Any) -> Row | None:
    """Return the thing that a field names, None where it is empty. Raises BadInput."""
    if key is None:
        return None
    row = _look(noun, key, options, False)
    if row is None:
        raise nothing_called(field, key)
    return row


def site_of(field: str, key: str | None) -> Site | None:
    """Return the site that a field names."""
    return named_in(Site, field, key)


def zone_of(site: Site, key: str | None) -> Zone | None:
    """Return a zone of a site by its code or id. Raises BadInput."""
    return _within(Zone, Zone.site_id == site.id, "zone", key)


def building_of(site: Site, key: str | None) -> Building | None:
    """Return a building of a site by its code or id. Raises BadInput."""
    return _within(Building, Building.site_id == site.id, "building", key)


def element_of(site: Site, key: str | None) -> Element | None:
    """Return an element by `building/code` or its id. Raises BadInput."""
    if key is None:
        return None
    building, _, code = key.partition("/")
    mine = select(Element).join(Building).where(Building.site_id == site.id)
    match = (Building.code == building) & (Element.code == code)
    found = db.session.scalars(mine.where(_id_or(Element, key, match))).first()
    if found is None:
        raise nothing_called("element", key)
    return found


def company_of(key: str | None) -> Organisation | None:
    """Return an organisation by its code or id. Raises BadInput."""
    if key is None:
        return None
    match = _id_or(Organisation, key, Organisation.code == key)
    found = db.session.scalars(select(Organisation).where(match)).first()
    if found is None:
        raise nothing_called("company", key)
    return found


def person_at(site_id: uuid.UUID | None, field: str, wanted: str) -> uuid.UUID:
    """Return one of a site's people by id or e-mail address. Raises BadInput."""
    for user, _roles in staff_at(db.session(), site_id, machine_now()):
        if wanted.lower() in (str(user.id), user.email):
            return user.id
    raise BadInput([Fault(field, reason("api.nobody_called", key=_shown(wanted)))])


def nothing_called(field: str, key: str) -> BadInput:
    """Return the fault of a field that names nothing."""
    return BadInput([Fault(field, reason("api.nothing_called", key=_shown(key)))])


def sees_all_sites() -> bool:
    """Whether the caller sees, as staff does, what belongs to no one site."""
    actor = g.actor
    return actor.is_machine or any(
        grant.role in STAFF and grant.site_ids is None for grant in actor.grants
    )


def _within(noun: Any, inside: Any, field: str, key: str | None) -> Any:
    if key is None:
        return None
    match = _id_or(noun, key, noun.code == key)
    found = db.session.scalars(select(noun).where(inside, match, noun.retired.is_(False))).first()
    if found is None:
        raise nothing_called(field, key)
    return found


def _look(noun: Any, key: str, options: tuple[Any, ...], lock: bool) -> Any:
    if "\x00" in key:  # PostgreSQL keeps none, so nothing is called so
        return None
    match = _id_or(noun, key, noun.code == key)
    mine = select(noun).where(match, noun.visible_to(g.actor)).options(*options)
    if lock:
        # SQLite's writer is alone; on PostgreSQL a second one waits here and sees the outcome.
        mine = mine.with_for_update(of=noun)
    return db.session.scalars(mine).unique().first()


def _id_or(noun: Any, key: str, by_code: Any) -> Any:
    try:
        return noun.id == uuid.UUID(key)
    except ValueError:
        return by_code


def _shown(key: str) -> str:
    return key.replace("\x00", "\N{SYMBOL FOR NULL}")[:120]
