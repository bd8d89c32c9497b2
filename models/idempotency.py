"""First answers of a program's calls: a repeat under the same key gets the same for 30 days."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import LargeBinary, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base

KEPT_FOR = timedelta(days=30)


class FirstAnswer(Base):
    """What a call was answered the first time. Its time is machine time.

    The row is inserted before the call is carried out, in the same transaction: of two repeats at
    once the second waits for the first, and then finds its answer.
    """

    __tablename__ = "first_answer"

    call: Mapped[str] = mapped_column(primary_key=True)  # digest of token, key, method and path
    content: Mapped[str]  # digest of what was sent
    at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True, slots=True)
class Call:
    """A call under a key: which one it is, and what it asks for."""

    call: str
    content: str


def call_of(token: str, key: str, method: str, path: str, content: bytes) -> Call:
    """Return a call by its digests; keys and tokens themselves are not kept."""
    named = "\0".join((token, key, method, path)).encode()
    return Call(sha256(named).hexdigest(), sha256(content).hexdigest())


def begin_call(session: Session, call: Call, machine_now: datetime) -> FirstAnswer | None:
    """Return the answer of the same call before, or note that it is being carried out now.

    The caller carries it out, then says `keep_answer` and commits; or rolls back.
    """
    forgotten = delete(FirstAnswer).where(
        FirstAnswer.call == call.call, FirstAnswer.at < machine_now - KEPT_FOR
    )
    session.execute(forgotten.execution_options(synchronize_session=False))
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    begun = session.scalar(
        dialect.insert(FirstAnswer.__table__)
        .values(
            call=call.call, content=call.content, at=machine_now, status=0, headers={}, body=b""
        )
        .on_conflict_do_nothing(index_elements=["call"])
        .returning(FirstAnswer.__table__.c.call)
    )
    return session.get_one(FirstAnswer, call.call) if begun is None else None


def keep_answer(
    session: Session, call: Call, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Keep what the call was answered; the caller commits."""
    row = session.get_one(FirstAnswer, call.call)
    row.status, row.headers, row.body = status, headers, body


def forget_call(session: Session, call: Call) -> None:
    """Keep nothing: the call was not carried out and may be sent again under its key."""
    session.execute(delete(FirstAnswer).where(FirstAnswer.call == call.call))


def forget_old_answers(session: Session, machine_now: datetime) -> None:
    """Delete answers that are past their time; the caller commits."""
    old = delete(FirstAnswer).where(FirstAnswer.at < machine_now - KEPT_FOR)
    session.execute(old.execution_options(synchronize_session=False))
