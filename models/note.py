"""Notes and daily log lines on tasks: appended once, from a phone that may try again."""

import uuid
from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.errors import Refusal
from models.event import record
from models.inputs import Faults, need_text
from models.people import Actor
from models.reasons import reason
from models.task import Task

KINDS = ("note", "log")


class TaskNote(Noun, Base):
    """A line that somebody wrote on a task; never changed, a correction is another line."""

    __tablename__ = "task_note"

    client_key: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    task_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("task.id"), index=True)
    kind: Mapped[str]  # note, or a line of the daily log
    text: Mapped[str]
    written_at: Mapped[datetime]  # when it was written, which offline is before it arrived
    at: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    task: Mapped[Task] = relationship()

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Whoever may see the task."""
        return cls.task_id.in_(select(Task.id).where(Task.visible_to(actor)))


def write_note(
    session: Session,
    task: Task,
    text: str,
    *,
    client_key: str,
    by: Actor,
    now: datetime,
    kind: str = "note",
    written_at: datetime | None = None,
) -> TaskNote:
    """Write a line on a task, once per client key. Raises BadInput; the caller commits."""
    faults = Faults()
    faults.one_of("kind", kind, KINDS)
    faults.need("client_key", client_key)
    faults.stop()
    text = need_text("text", text)
    known = session.scalars(select(TaskNote).where(TaskNote.client_key == client_key)).first()
    if known is not None:
        if known.task_id != task.id or known.text != text:
            raise Refusal(reason("note.key_taken"))
        return known
    note = TaskNote(
        id=uuid.uuid4(),
        client_key=client_key,
        site_id=task.site_id,
        task=task,
        kind=kind,
        text=text,
        written_at=min(written_at or now, now),
        at=now,
        by_id=by.id if by.kind == "person" else None,
    )
    session.add(note)
    record(task, kind, by=by, now=now, why=reason("task.noted", note=text))
    return note


def notes_of(session: Session, task: Task) -> list[TaskNote]:
    """Return what was written on a task, the oldest first."""
    mine = select(TaskNote).where(TaskNote.task_id == task.id)
    return list(session.scalars(mine.order_by(TaskNote.written_at, TaskNote.id)))
