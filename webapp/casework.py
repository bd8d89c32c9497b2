"""What the pages of a case share: finding the row, the version seen, and what happened to it."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from flask import g, request
from sqlalchemy import select

from models.errors import Missing, Stale
from models.event import Event
from models.inputs import whole_number
from models.people import User
from models.reasons import Reason
from models.words.render import catalogue
from webapp.db import db
from webapp.filters import sentence, t
from webapp.reader import current_reader, read_in_zone

Row = TypeVar("Row")
# Steps whose reason is a whole sentence: the word before it would say the same again.
SAYS_ITSELF = ("confirm_clear", "link", "issue", "lift", "call")


def find(noun: type[Row], key: str, *options: Any) -> Row:
    """Return the thing of an address, by id or code. Raises Missing, also for what is hidden."""
    return found_by(noun, _matches(noun, key), key, *options)


def found_by(noun: Any, match: Any, key: str, *options: Any) -> Any:
    """Return the one thing that matches and that the actor may see; times are then its site's."""
    mine = select(noun).where(match, noun.visible_to(g.actor)).options(*options)
    row = db.session.scalars(mine).first()
    if row is None:
        raise Missing(noun.__tablename__, key)
    read_in_zone(row.timezone if noun.__tablename__ == "site" else row.site.timezone)
    return row


def _matches(noun: Any, key: str) -> Any:
    try:
        return noun.id == uuid.UUID(key)
    except ValueError:
        return noun.code == key


def seen(row: Any, events: Sequence[Event]) -> str:
    """Return what a form says of the row that its reader saw: version, and last event."""
    return f"{row.version}-{max((event.number for event in events), default=0)}"


def require_unchanged(row: Any) -> None:
    """Refuse a form about an older version than there is, or about none. Raises Stale."""
    version = whole_number(request.form.get("version", "").partition("-")[0])
    if version != row.version:
        raise Stale(row.__tablename__, row.code, row.version)


def meanwhile(events: Iterable[Event]) -> list["Line"]:
    """Return what happened since the form was shown, where it was refused for that."""
    refilled = g.get("refilled")
    if refilled is None or not isinstance(refilled.why, Stale):
        return []
    since = whole_number(request.form.get("version", "").partition("-")[2]) or 0
    return told([event for event in events if event.number > since])


@dataclass(frozen=True)
class Line:
    """One line of a timeline."""

    number: int
    at: datetime
    kind: str
    code: str
    action: str
    text: str
    by: str


def names_of(ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, str]:
    """Return the names of people; one whose name was blanked is told by nothing."""
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    found = db.session.execute(select(User.id, User.name, User.email).where(User.id.in_(wanted)))
    return {person: name or email for person, name, email in found}


def told(events: Sequence[Event]) -> list[Line]:
    """Return events as lines in the reader's language, the newest first."""
    names = names_of([*(event.by_id for event in events), *map(_sent, events)])
    return [_line(event, names) for event in sorted(events, key=lambda one: -one.number)]


def _sent(event: Event) -> uuid.UUID | None:
    values = (event.reason or {}).get("values", {})
    return uuid.UUID(values["person"]) if values.get("person") else None


def _line(event: Event, names: dict[uuid.UUID, str]) -> Line:
    by = names.get(event.by_id, "") if event.by_id else ""
    return Line(
        event.number,
        event.at,
        event.kind,
        event.subject_code,
        event.action,
        _words(event, names),
        by or (t(f"casework.by_{event.by_kind}") if event.by_kind != "person" else ""),
    )


def _words(event: Event, names: dict[uuid.UUID, str]) -> str:
    known = catalogue(current_reader().language)
    codes = (f"{event.kind}.action.{event.action}", f"{event.kind}_step.{event.action}")
    word = next((t(code) for code in codes if code in known), "")
    word = "" if event.reason and event.action in SAYS_ITSELF else word
    why = Reason.from_json(event.reason) if event.reason else None
    more = sentence(why) if why and why.code in known else ""
    person = _sent(event)
    if person is not None:
        more = " ".join(
            part for part in (names.get(person, ""), why.values.get("note", "")) if part
        )
    return t("shell.colon").join(part for part in (word, more.strip()) if part)


def history_of(*rows: Any) -> list[Event]:
    """Return the events of things, the oldest first."""
    ids = [row.id for row in rows]
    mine = select(Event).where(Event.subject_id.in_(ids)).order_by(Event.number)
    return list(db.session.scalars(mine))
