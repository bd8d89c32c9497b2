"""What happened, who did it and why: the append-only record behind every timeline."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import DDL, BigInteger, ForeignKey, Index, Integer, event, select
from sqlalchemy.orm import Mapped, Session, mapped_column, object_session

from models.base import Base
from models.pulse import bump
from models.reasons import Reason

if TYPE_CHECKING:
    from models.people import Actor

APPEND_ONLY_SQLITE = tuple(
    f"CREATE TRIGGER event_no_{verb} BEFORE {verb.upper()} ON event "
    "BEGIN SELECT RAISE(ABORT, 'events are only appended'); END"
    for verb in ("update", "delete")
)
APPEND_ONLY_POSTGRESQL = (
    "CREATE FUNCTION event_append_only() RETURNS trigger AS $$ BEGIN "
    "RAISE EXCEPTION 'events are only appended'; END $$ LANGUAGE plpgsql",
    "CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event "
    "FOR EACH ROW EXECUTE FUNCTION event_append_only()",
)


class Event(Base):
    """One thing that happened. Names people by id: their names live where they can be blanked."""

    __tablename__ = "event"

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    id: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4, unique=True)
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("site.id"))
    incident_id: Mapped[uuid.UUID | None]
    kind: Mapped[str]
    subject_id: Mapped[uuid.UUID | None]
    subject_code: Mapped[str] = mapped_column(default="")
    action: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str | None]
    reason: Mapped[dict[str, Any] | None]
    by_kind: Mapped[str]
    by_id: Mapped[uuid.UUID | None]
    on_behalf_of: Mapped[uuid.UUID | None]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    via: Mapped[str]
    request_id: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        Index("ix_event_subject", "kind", "subject_id", "number"),
        Index("ix_event_incident", "incident_id", "number"),
        Index("ix_event_site", "site_id", "number"),
        {"sqlite_autoincrement": True},
    )


def _when_made(statement: str, dialect: str) -> None:
    ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
    event.listen(Event.__table__, "after_create", ddl.execute_if(dialect=dialect))


for _statement in APPEND_ONLY_SQLITE:
    _when_made(_statement, "sqlite")
for _statement in APPEND_ONLY_POSTGRESQL:
    _when_made(_statement, "postgresql")


def record(
    noun: Any,
    action: str,
    *,
    by: "Actor",
    now: datetime,
    before: str | None = None,
    after: str | None = None,
    why: Reason | None = None,
    session: Session | None = None,
    site_id: uuid.UUID | None = None,
) -> Event:
    """Append what `by` did to a noun; the caller commits. A new noun must be in the session.

    The noun tells its `site_id`, `incident_id` and `code` where it has them; `site_id` tells the
    site of a noun, such as an element, that knows none itself.
    """
    session = session or object_session(noun)
    if session is None:
        raise ValueError(f"{noun!r} is in no session, so its history would be lost")
    session.flush()  # the noun's id is a default; the event needs it
    row = Event(
        site_id=noun.id if noun.__tablename__ == "site" else getattr(noun, "site_id", site_id),
        incident_id=(
            noun.id if noun.__tablename__ == "incident" else getattr(noun, "incident_id", None)
        ),
        kind=noun.__tablename__,
        subject_id=noun.id,
        subject_code=getattr(noun, "code", None) or "",
        action=action,
        before=before,
        after=after,
        reason=why.to_json() if why else None,
        by_kind=by.kind,
        by_id=by.id,
        on_behalf_of=by.on_behalf_of,
        at=now,
        recorded_at=by.machine_now(),
        via=by.via,
        request_id=by.request_id,
    )
    session.add(row)
    bump(session)
    return row


def history(session: Session, kind: str, subject_id: uuid.UUID) -> Sequence[Event]:
    """Return what happened to one thing, oldest first."""
    mine = select(Event).where(Event.kind == kind, Event.subject_id == subject_id)
    return session.scalars(mine.order_by(Event.number)).all()
