"""Are people out? The places of a zone, each ticked off by the one who has looked."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, Noun, bilingual
from models.errors import BadInput, Fault
from models.event import record
from models.people import Actor
from models.reasons import reason
from models.registry import Building, Zone
from models.rights import require_right
from models.scaffold import STANDING, Scaffold
from models.zoning import zone_scope

SURROUNDINGS = bilingual("警戒范围内", "Inside the cordon")


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in or round a zone where people can be."""

    key: str
    name: dict[str, Any]


class ClearCheck(Noun, Base):
    """One tick: at this place there was nobody any more."""

    __tablename__ = "clear_check"
    __table_args__ = (UniqueConstraint("subject_kind", "subject_id", "place"),)

    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    subject_kind: Mapped[str]  # alert | closure | incident
    subject_id: Mapped[uuid.UUID]
    place: Mapped[str]
    name: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))


def places(session: Session, zone: Zone) -> list[Place]:
    """Return where to look: the zone's buildings, its standing scaffolds, and round them."""
    scope = zone_scope(session, zone)
    buildings = session.scalars(
        select(Building).where(Building.site_id == zone.site_id).order_by(Building.code)
    )
    scaffolds = session.scalars(
        select(Scaffold)
        .where(Scaffold.site_id == zone.site_id, Scaffold.state.in_((*STANDING, "erecting")))
        .order_by(Scaffold.code)
    )
    found = [
        Place(f"building:{building.code}", building.name)
        for building in buildings
        if str(building.id) in scope.building_ids
    ]
    found += [
        Place(f"scaffold:{one.code}", one.name)
        for one in scaffolds
        if scope.covers(zone_id=one.zone_id, building_id=one.building_id)
    ]
    return [*found, Place("surroundings", SURROUNDINGS)]


def confirm_clear(
    session: Session, about: Any, zone: Zone, place: str, *, by: Actor, now: datetime
) -> ClearCheck:
    """Tick a place off, on an alert, a closure or an incident; a second tick changes nothing."""
    require_right("clearing", by, zone.site_id)
    named = next((one for one in places(session, zone) if one.key == place), None)
    if named is None:
        raise BadInput([Fault("place", reason("clearing.unknown_place", place=place))])
    known = clear_checks(session, [about]).get(place)
    if known is not None:
        return known
    check = ClearCheck(
        id=uuid.uuid4(),
        site_id=zone.site_id,
        subject_kind=about.__tablename__,
        subject_id=about.id,
        place=place,
        name=named.name,
        at=now,
        by_id=by.id if by.kind == "person" else None,
    )
    session.add(check)
    why = reason("clearing.confirmed", place=named.name)
    record(about, "confirm_clear", by=by, now=now, why=why)
    return check


def clear_checks(session: Session, about: Sequence[Any]) -> dict[str, ClearCheck]:
    """Return the ticks by place, of a thing and those that belong to it (its closures, alerts)."""
    ids = [thing.id for thing in about]
    mine = select(ClearCheck).where(ClearCheck.subject_id.in_(ids)).order_by(ClearCheck.at.desc())
    return {check.place: check for check in session.scalars(mine)}
