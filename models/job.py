"""Work that a page asks for: a row with its progress and result, taken by a role under a lease."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, or_, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, Noun
from models.errors import Refusal
from models.event import record
from models.people import Actor
from models.pulse import bump
from models.reasons import Reason, reason

STATES = ("queued", "running", "done", "failed", "cancelled")
OVER = ("done", "failed", "cancelled")
LEASE = timedelta(seconds=30)  # a worker that hasn't reported for this long has died
MOST_TRIES = 3  # a job that kills its worker must not kill all of them for ever


class Job(Noun, Base):
    """One piece of work. All its times but `asked_at` are machine time."""

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_waiting", "state", "kind", "leased_until"),)

    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(unique=True)  # asking twice is asking once
    state: Mapped[str] = mapped_column(default="queued")
    progress: Mapped[float] = mapped_column(default=0.0)  # 0..1
    result: Mapped[dict[str, Any] | None]
    failure: Mapped[dict[str, Any] | None]  # the reason of a failure
    cancel_asked: Mapped[bool] = mapped_column(default=False)
    tries: Mapped[int] = mapped_column(default=0)
    holder: Mapped[str] = mapped_column(default="")
    leased_until: Mapped[datetime | None]
    asked_at: Mapped[datetime]  # site time
    asked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"), index=True)
    queued_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """One's own; an admin and Ridgewatch itself see all."""
        if actor.is_machine or actor.has_role("admin"):
            return true()
        return cls.asked_by == actor.id

    @property
    def code(self) -> str:
        """What people call it."""
        return f"{self.kind}-{str(self.id)[:8]}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in OVER

    def cancel(self, *, by: Actor, now: datetime) -> None:
        """Stop it; one that runs stops at its next report. Raises Refusal; the caller commits."""
        if self.is_over:
            raise Refusal(reason("job.over", state=self.state))
        before = self.state
        if self.state == "queued":
            self._end("cancelled", by.machine_now())
        else:
            self.cancel_asked = True
        record(self, "cancel", by=by, now=now, before=before, after=self.state)

    def report(self, progress: float, machine_now: datetime) -> None:
        """Say how far it is, and go on holding it."""
        self.progress = min(max(progress, 0.0), 1.0)
        self.leased_until = machine_now + LEASE

    def finish(self, result: Mapping[str, Any], machine_now: datetime) -> None:
        """End it with what it found or made."""
        self.result, self.progress = dict(result), 1.0
        self._end("done", machine_now)

    def fail(self, why: Reason, machine_now: datetime) -> None:
        """End it with the reason why it could not be done."""
        self.failure = why.to_json()
        self._end("failed", machine_now)

    def stop_cancelled(self, machine_now: datetime) -> None:
        """End it because somebody asked for that."""
        self._end("cancelled", machine_now)

    def _end(self, state: str, machine_now: datetime) -> None:
        self.state, self.ended_at = state, machine_now
        self.holder, self.leased_until = "", None


def ask(
    session: Session,
    kind: str,
    arguments: Mapping[str, Any],
    *,
    by: Actor,
    now: datetime,
    key: str | None = None,
) -> Job:
    """Queue a piece of work, or return the one that was asked for under the same key."""
    if key is not None:
        known = session.scalar(select(Job).where(Job.key == key))
        if known is not None:
            return known
    job = Job(
        id=uuid.uuid4(),
        kind=kind,
        arguments=dict(arguments),
        key=key,
        state="queued",
        asked_at=now,
        asked_by=by.id if by.kind == "person" else None,
        queued_at=by.machine_now(),
    )
    session.add(job)
    record(job, "ask", by=by, now=now, after="queued")
    return job


def take_job(
    session: Session, kinds: Iterable[str], holder: str, machine_now: datetime
) -> Job | None:
    """Lease the oldest job that waits, or whose worker died; the caller commits, then works."""
    free = or_(Job.state == "queued", (Job.state == "running") & (Job.leased_until < machine_now))
    job = session.scalars(
        select(Job)
        .where(Job.kind.in_(list(kinds)), free)
        .order_by(Job.queued_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if job is None:
        return None
    if job.cancel_asked:
        job.stop_cancelled(machine_now)
        return None
    if job.tries >= MOST_TRIES:
        job.fail(reason("job.died", n=job.tries), machine_now)
        return None
    job.state, job.holder, job.tries = "running", holder, job.tries + 1
    job.leased_until = machine_now + LEASE
    bump(session)
    return job
