"""A scaffold's tag as pages draw it: colour, words, and when it goes off by itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import g, url_for
from sqlalchemy import select

from models.scaffold import AMBER_BEFORE, Scaffold, Tag
from models.times import iso
from webapp.db import db
from webapp.filters import sentence, t

# The tag's colour in the words of the style sheet; "none" hangs at what nobody may use yet.
LOOKS = {"green": "green", "amber": "yellow", "red": "red", "none": "unknown"}
ICONS = {"green": "shield-check", "amber": "shield", "red": "shield-x", "none": "shield-x"}


@dataclass(frozen=True)
class ShownTag:
    """What macros of scaffolds/_tag.html need."""

    code: str
    name: object
    colour: str
    look: str
    icon: str
    title: str
    short: str
    why: str
    href: str
    amber_at: datetime | None
    due_at: datetime | None


def shown_tag(scaffold: Scaffold, now: datetime, href: str = "") -> ShownTag:
    """Return a scaffold's tag at an instant."""
    tag = scaffold.tag(now)
    # A page may lie open for days on a scaffold without signal; only a tag in date can go off.
    due_at = scaffold.next_due_at if tag.colour in ("green", "amber") else None
    return ShownTag(
        code=scaffold.code,
        name=scaffold.name,
        colour=tag.colour,
        look=LOOKS[tag.colour],
        icon=ICONS[tag.colour],
        title=t(f"tags.title_{tag.colour}"),
        short=t(f"tags.short_{tag.colour}"),
        why=_why(tag, scaffold.next_due_at),
        href=href,
        amber_at=due_at - AMBER_BEFORE if due_at else None,
        due_at=due_at,
    )


def _why(tag: Tag, due_at: datetime | None) -> str:
    """Return the sentence under the title; what is measured stands there in numbers."""
    if not tag.why.code.startswith("scaffold.tag_"):
        return sentence(tag.why)
    return t(f"tags.why_{tag.state}", due=iso(due_at) if due_at else None)


def pages_of(scaffolds: Iterable[Scaffold | None]) -> dict[UUID, str]:
    """Return the addresses of those scaffolds whose page the actor may open."""
    wanted = {one.id for one in scaffolds if one is not None}
    if not wanted:
        return {}
    mine = select(Scaffold.id, Scaffold.code).where(
        Scaffold.id.in_(wanted), Scaffold.visible_to(g.actor)
    )
    return {one: url_for("scaffolds.show", key=code) for one, code in db.session.execute(mine)}
