"""Does the work that pages ask for: takes jobs under a lease, and keeps what came of them."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import Any

from sqlalchemy.exc import DBAPIError

from ingest.storage_faults import give_up, is_storage_lost
from models.clock import machine_now, site_now
from models.errors import Refused
from models.heartbeat import beat
from models.job import LEASE, Job, take_job
from models.reasons import reason
from models.store import Store

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 0.5
BEATS_EVERY_S = 2.0
HOLDS_EVERY_S = LEASE.total_seconds() / 3


class Cancelled(Exception):
    """Somebody has asked to stop this job."""


class LostLease(Exception):
    """Another worker has taken this job for that of a dead one."""


@dataclass
class Task:
    """What a handler is given: the job's arguments, and how to say how far it is."""

    store: Store
    id: uuid.UUID
    kind: str
    arguments: Mapping[str, Any]
    asked_by: uuid.UUID | None
    holder: str

    def report(self, progress: float) -> None:
        """Say how far it is, 0 to 1. Raises Cancelled where somebody has asked to stop."""
        with self.store.writing() as session:
            job = _held(session.get(Job, self.id), self.holder)
            job.report(progress, machine_now())
            if job.cancel_asked:
                raise Cancelled


Handler = Callable[[Task], Mapping[str, Any]]
"""Does one kind of job and returns its result; opens its own transactions on `task.store`."""


@dataclass
class Work:
    """Takes jobs of the kinds that it has handlers for, one at a time."""

    store: Store
    handlers: Mapping[str, Handler]
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    role: str | None = None  # whose heartbeat goes on while a long job is done
    beats_every_s: float = BEATS_EVERY_S

    def turn(self) -> bool:
        """Do one job; false where none waits."""
        task = self._take()
        if task is None:
            return False
        log.info("job=%s kind=%s begun=1", task.id, task.kind)
        over = Event()
        keeper = Thread(target=self._keep, args=(task, over), name="lease", daemon=True)
        keeper.start()
        try:
            self._do(task)
        finally:
            over.set()
            keeper.join()
        return True

    def _take(self) -> Task | None:
        with self.store.reading() as session:
            if not any_waits(session, self.handlers):
                return None
        with self.store.writing() as session:
            job = take_job(session, self.handlers, self.holder, machine_now())
            if job is None:
                return None
            return Task(self.store, job.id, job.kind, job.arguments, job.asked_by, self.holder)

    def _do(self, task: Task) -> None:
        try:
            result = self.handlers[task.kind](task)
        except Cancelled:
            self._end(task, lambda job: job.stop_cancelled(machine_now()))
        except LostLease:
            log.warning("job=%s lost_lease=1", task.id)
        except Refused as refused:
            why = refused.reason
            self._end(task, lambda job: job.fail(why, machine_now()))
        except Exception as fault:
            if is_storage_lost(fault):
                give_up(fault)
            # One job's fault must not stop the others; whoever asked sees that it failed.
            log.exception("job=%s kind=%s", task.id, task.kind)
            told = reason("job.fault", why=type(fault).__name__)
            self._end(task, lambda job: job.fail(told, machine_now()))
        else:
            self._end(task, lambda job: job.finish(result, machine_now()))

    def _end(self, task: Task, how: Callable[[Job], None]) -> None:
        try:
            with self.store.writing() as session:
                job = _held(session.get(Job, task.id), self.holder)
                how(job)
                log.info("job=%s state=%s", task.id, job.state)
        except LostLease:
            log.warning("job=%s lost_lease=1", task.id)

    def _keep(self, task: Task, over: Event) -> None:
        """Hold the lease while the handler computes: its silence is not its death."""
        held_s = monotonic()
        while not over.wait(self.beats_every_s):
            with self.store.writing() as session:
                if self.role is not None:
                    beat(session, self.role, pid=os.getpid())
                if monotonic() - held_s < HOLDS_EVERY_S:
                    continue
                held_s = monotonic()
                job = session.get(Job, task.id)
                if job is not None and job.holder == self.holder and job.state == "running":
                    job.report(job.progress, machine_now())


def run(store: Store, handlers: Mapping[str, Handler], stop: Event, role: str = "work") -> None:
    """Do jobs until told to stop; the one under way is ended first."""
    log.info("role=%s kinds=%s", role, ",".join(sorted(handlers)))
    try:
        _run(Work(store, handlers, role=role), stop, role)
    except DBAPIError as fault:
        if is_storage_lost(fault):
            give_up(fault)
        raise


def _run(work: Work, stop: Event, role: str) -> None:
    beaten_s = -BEATS_EVERY_S
    while not stop.is_set():
        busy = work.turn()
        if monotonic() - beaten_s >= BEATS_EVERY_S:
            beaten_s = monotonic()
            with work.store.writing() as session:
                beat(session, role, done_until=site_now(session), pid=os.getpid())
        if not busy:
            stop.wait(LOOKS_EVERY_S)


def any_waits(session: Any, kinds: Mapping[str, Handler]) -> bool:
    """Whether a look under the write lock is worth it."""
    waiting = session.query(Job.id).filter(
        Job.kind.in_(list(kinds)), Job.state.in_(["queued", "running"])
    )
    return waiting.first() is not None


def _held(job: Job | None, holder: str) -> Job:
    if job is None or job.holder != holder or job.state != "running":
        raise LostLease
    return job
