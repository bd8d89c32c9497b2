"""What anyone may read behind the QR code: what is shut and why, or since when it is open again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.closure import Closure
from models.errors import Missing
from models.inputs import filled
from models.photo import Photo
from models.reasons import Reason, reason
from models.registry import Site


@dataclass(frozen=True, slots=True)
class PublicNotice:
    """The facts of a notice for visitors: no sensor, no level, no name but the signer's.

    Texts are reasons, so that typed words and the usual ones are shown the same way.
    """

    code: str
    token: str
    standing: str  # in_force | past_end | lifted | superseded
    site: Site
    zone: Mapping[str, str]
    closed_parts: Reason
    why: Reason
    hazard: Reason
    permitted_entry: Reason
    alternative_route: Reason
    legal_basis: Reason
    issuer: Mapping[str, str] | None
    signer: Mapping[str, str] | None
    phone: str
    radius_m: float | None
    since: datetime
    until: datetime | None
    next_update_at: datetime | None
    updated_at: datetime
    ended_at: datetime | None
    rectification: Reason | None
    override: Reason | None  # stays for ever
    superseded_by: str | None  # the token of the notice that took its place
    posted_photos: tuple[Photo, ...]


_USUAL = {
    "closed_parts": "closure.usual_parts",
    "explanation": "",
    "hazard": "closure.usual_hazard",
    "permitted_entry": "closure.usual_entry",
    "alternative_route": "closure.usual_route",
    "legal_basis": "closure.usual_basis",
}


def said(closure: Closure, field: str) -> Reason:
    """Return what a notice says in a field: the typed words, else the usual ones."""
    typed = getattr(closure, field)
    if filled(typed):
        return reason("closure.as_typed", text=dict(typed))
    if field == "explanation":
        return Reason.from_json(closure.why)
    return reason(_USUAL[field], zone=closure.zone.name)


def standing(closure: Closure, now: datetime) -> str:
    """Return how the notice stands; one past its end is never called open."""
    if closure.state == "reopened":
        return "lifted"
    if closure.state == "superseded":
        return "superseded"
    past = closure.until_at is not None and closure.until_at <= now
    return "past_end" if past else "in_force"


def public_notice(session: Session, token: str, now: datetime) -> PublicNotice:
    """Return the notice of a QR code. Raises Missing for one that was never issued."""
    found = session.scalars(select(Closure).where(Closure.token == token)).first()
    if found is None or found.issued_at is None:
        raise Missing("closure", token)
    return facts(session, found, now)


def facts(session: Session, closure: Closure, now: datetime) -> PublicNotice:
    """Return what the public page, the poster and the print show."""
    changes = [amendment.at for amendment in closure.amendments]
    return PublicNotice(
        code=closure.code,
        token=closure.token,
        standing=standing(closure, now),
        site=closure.site,
        zone=closure.zone.name,
        closed_parts=said(closure, "closed_parts"),
        why=said(closure, "explanation"),
        hazard=said(closure, "hazard"),
        permitted_entry=said(closure, "permitted_entry"),
        alternative_route=said(closure, "alternative_route"),
        legal_basis=said(closure, "legal_basis"),
        issuer=closure.issuer,
        signer=closure.signer,
        phone=closure.phone,
        radius_m=closure.radius_m,
        since=closure.began_at,
        until=closure.until_at,
        next_update_at=closure.next_update_at,
        updated_at=max([closure.ended_at or closure.began_at, *changes]),
        ended_at=closure.ended_at,
        rectification=_rectification(closure),
        override=_override(closure),
        superseded_by=_successor(session, closure),
        posted_photos=_posted(session, closure),
    )


def _rectification(closure: Closure) -> Reason | None:
    if not filled(closure.rectification):
        return None
    return reason("closure.as_typed", text=dict(closure.rectification or {}))


def _override(closure: Closure) -> Reason | None:
    if closure.override is None:
        return None
    return reason("closure.public_override", **_public(closure.override))


def _public(override: Mapping[str, Any]) -> dict[str, Any]:
    return {"note": override["reason"], "at": override["at"]}


def _successor(session: Session, closure: Closure) -> str | None:
    if closure.superseded_by_id is None:
        return None
    return session.get_one(Closure, closure.superseded_by_id).token


def _posted(session: Session, closure: Closure) -> tuple[Photo, ...]:
    mine = select(Photo).where(
        Photo.subject_kind == "closure",
        Photo.subject_id == closure.id,
        Photo.stage == "posting",
    )
    return tuple(session.scalars(mine.order_by(Photo.received_at)))
