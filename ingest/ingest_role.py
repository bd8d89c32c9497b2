"""The role that takes messages in: receiver, subscriber or both, and the one worker behind them."""

from __future__ import annotations

import gc
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread
from typing import Any

from ingest import claims, own_profiles, recounting
from ingest.commons import Commons
from ingest.dealing import Dealer, refuse_made_up_time, wait_for_the_only
from ingest.disk_alarm import DiskAlarm
from ingest.full_disk import FullDisk
from ingest.inbox import Inbox
from ingest.leader import leading
from ingest.message import Source
from ingest.pipeline import Pipeline
from ingest.receiver.listener import Receiver
from ingest.reserve import Reserve
from ingest.resharing import change_over, note_drained
from ingest.resuming import resume_clock
from ingest.shares import Share, client_id_of
from ingest.sources import (
    INBOX_LIMIT,
    certificate_of,
    make_sessions,
    sources_of,
    wait_until_subscribed,
)
from ingest.storage_faults import give_up, is_storage_lost
from ingest.subscriber import Subscriber
from ingest.telling import TELL_EVERY_S, Telling
from ingest.watching import Watch, tell, untold
from ingest.work_role import Work
from ingest.worker import SiteTime, Worker
from models.clock import site_now
from models.errors import Refusal
from models.heartbeat import beat
from models.reasons import reason
from models.settings import Settings
from models.share import shares_agreed
from models.store import Store

log = logging.getLogger(__name__)

WATCH_EVERY_S, JOBS_EVERY_S = 5.0, 0.5
DRAINED_AFTER_S = 3.0
# Objects that are new and not yet gone when the collector looks. A batch with what waits behind it
# has a hundred thousand; at Python's own 700 it walked through all of them time and again, which
# was a fifth of the processor. No more: a TLS handshake that failed leaves a ring of few objects
# that hold 300 KB.
NEW_BEFORE_A_LOOK = 10_000


def run(settings: Settings, store: Store, stop: Event) -> None:
    """Take messages in until told to stop. Raises Refusal for what can't be listened on."""
    gc.set_threshold(NEW_BEFORE_A_LOOK, 10, 10)
    certificate_of(settings)  # told at once, and not when another has stopped
    settings.data_dir.mkdir(parents=True, exist_ok=True)  # with a database elsewhere nobody has
    reserve = Reserve(settings.data_dir, settings.reserve_bytes)
    role = _Role(settings, store, stop, FullDisk(DiskAlarm.of(settings, store), reserve))
    if store.is_sqlite:
        with leading(settings.data_dir, stop) as leads:
            if leads:
                role.work_alone(None)
                role.wait_for_helpers()
        return
    _deal_into(role, settings.shares)
    if settings.shares > 1:
        role.disk.prepare(stop.is_set, lambda: None)  # no share yet that could beat
        role.help()
        Dealer(store, settings.shares, role.work_on).run(stop)
    elif (share := wait_for_the_only(store, stop)) is not None:
        role.work_alone(share)
        with store.writing() as session:
            share.let_go(session)
    role.wait_for_helpers()


def _deal_into(role: _Role, shares: int) -> None:
    """See to it that devices are dealt into as many shares as we are set to."""
    with role.store.reading() as session:
        agreed = shares_agreed(session)
        if max(agreed, shares) > 1:
            refuse_made_up_time(session)
    if agreed > 1 and role.settings.mqtt is None:
        raise Refusal(reason("shares.broker_holds_some", there=agreed))
    make = partial(make_sessions, role.settings, role.store, shares, role.stop)
    change_over(role.store, shares, make, role.drain, role.stop)


@dataclass
class _Role:
    """What all shares of this process have in common."""

    settings: Settings
    store: Store
    stop: Event
    disk: FullDisk
    helpers: list[Thread] = field(default_factory=list)

    def help(self) -> None:
        """Start what a process does beside its messages."""
        for name, work in (("watch", _watch_the_clock), ("jobs", _do_jobs)):
            self._start(name, work, self.store)

    def wait_for_helpers(self) -> None:
        """Wait until they have seen that it is time to stop."""
        for helper in self.helpers:
            helper.join()

    def work_alone(self, share: Share | None) -> None:
        """Take in everything, from receiver and broker."""
        time, inbox = SiteTime(), Inbox(INBOX_LIMIT)
        worker = self._worker(inbox, time, Pipeline(), self.stop.is_set, share)
        self.disk.prepare(self.stop.is_set, worker.beat)  # it may have no room to say who we are
        resume_clock(self.store)
        worker.refresh_clock()
        client_id = client_id_of(0, 1)
        with sources_of(self.settings, self.store, inbox, time, client_id, share) as sources:
            worker.sources = sources
            wait_until_subscribed(sources, worker.beat)
            where = _say_where(self.settings, self.store, sources, share)
            if isinstance(receiver := sources.get("receiver"), Receiver):
                telling = Telling(self.store, receiver, where)
                telling.begin()
                self._start("telling", _tell, telling)
            self.help()
            worker.run()

    def work_on(self, share: Share, stop: Event) -> None:
        """Take in one share of several: a session, an inbox and a worker of its own."""
        self._work_on(share, stop, drains=False)

    def drain(self, share: Share, stop: Event) -> None:
        """Take in what the broker has kept of a share that will be none, and no more."""
        if self._work_on(share, stop, drains=True):
            note_drained(self.store, share.number, share.fence)
            log.warning("share=%d of=%d drained=1", share.number, share.shares)

    def _work_on(self, share: Share, stop: Event, *, drains: bool) -> bool:
        """Work until told to stop; of one that drains return whether nothing is left."""
        time, inbox = SiteTime(), Inbox(INBOX_LIMIT)
        commons = Commons(share) if share.shares > 1 else None
        worker = self._worker(inbox, time, Pipeline(commons=commons), stop.is_set, share)
        worker.refresh_clock()
        with sources_of(
            self.settings, self.store, inbox, time, share.client_id, share, drains=drains
        ) as sources:
            worker.sources = sources
            _say_where(self.settings, self.store, sources, share)
            if drains:
                session = sources["subscriber"]
                assert isinstance(session, Subscriber)
                worker.stopping = lambda: stop.is_set() or _is_drained(session, inbox)
            worker.run()
            return drains and not stop.is_set()

    def _worker(
        self,
        inbox: Inbox,
        time: SiteTime,
        pipeline: Pipeline,
        stopping: Callable[[], bool],
        share: Share | None,
    ) -> Worker:
        return Worker(
            self.store,
            inbox,
            {},
            pipeline=pipeline,
            time=time,
            stopping=stopping,
            disk=self.disk,
            share=share,
        )

    def _start(self, name: str, work: Callable[[Any, Event], None], of: Any) -> None:
        helper = Thread(target=work, args=(of, self.stop), name=name, daemon=True)
        self.helpers.append(helper)
        helper.start()


def _is_drained(session: Subscriber, inbox: Inbox) -> bool:
    """Whether the broker has sent all; it sends the next as soon as one is acknowledged."""
    return session.quiet_s > DRAINED_AFTER_S and not len(inbox)


def _say_where(
    settings: Settings, store: Store, sources: dict[str, Source], share: Share | None
) -> dict[str, Any]:
    """Leave in the heartbeat where messages are taken: a free port may have been asked for."""
    facts: dict[str, Any] = {"sources": ",".join(sorted(sources)), "host": socket.gethostname()}
    if share is not None:
        facts["share"], facts["shares"] = share.number, share.shares
    receiver = sources.get("receiver")
    if isinstance(receiver, Receiver):
        facts["listen"] = ", ".join(map(str, settings.mqtt_listeners))
    if settings.mqtt is not None:
        facts["broker"] = f"{settings.mqtt.host}:{settings.mqtt.port}"
    with store.writing() as session:
        if share is not None:
            share.fence(session)
        beat(session, share.role if share else "ingest", pid=os.getpid(), facts=facts)
    log.info("role=ingest %s", " ".join(f"{name}={value}" for name, value in facts.items()))
    return facts


def _tell(telling: Telling, stop: Event) -> None:
    """Say who is connected and what was refused; messages do not wait for it."""
    while not stop.wait(TELL_EVERY_S):
        with _surviving("telling"):
            telling.tell()


def _do_jobs(store: Store, stop: Event) -> None:
    """Claims and second readings are the ingester's: it alone writes readings, and their hours."""
    work = Work(store, {**claims.HANDLERS, **own_profiles.HANDLERS, **recounting.HANDLERS})
    wait_s = JOBS_EVERY_S
    while not stop.wait(wait_s):
        with _surviving("jobs"):
            wait_s = 0.0 if work.turn() else JOBS_EVERY_S


def _watch_the_clock(store: Store, stop: Event) -> None:
    """Escalation and notices are the clock's: that it has died must be told by another."""
    watch = Watch(("clock",))
    while not stop.wait(WATCH_EVERY_S):
        with _surviving("watch"), store.reading() as session:
            dead = watch.look(session)
            roles = untold(session, watch.roles, dead)
            if roles:
                with store.writing() as writing:
                    tell(writing, roles, dead, site_now(writing))


@contextmanager
def _surviving(helper: str) -> Iterator[None]:
    """A helper goes on after a fault: the database may be away for a moment."""
    try:
        yield
    except Exception as fault:
        if is_storage_lost(fault):
            give_up(fault)
        log.exception("helper=%s failed=1", helper)
