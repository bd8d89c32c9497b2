"""The role that takes messages in: receiver, subscriber or both, and the one worker behind them."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

from sqlalchemy import select

from ingest import claims, own_profiles
from ingest.commons import Commons
from ingest.dealing import Dealer, refuse_made_up_time, wait_for_the_only
from ingest.disk_alarm import DiskAlarm
from ingest.full_disk import FullDisk
from ingest.inbox import Inbox
from ingest.keys import StoredKeys
from ingest.leader import leading
from ingest.message import Source
from ingest.pipeline import Pipeline
from ingest.receiver.certificate import Certificate
from ingest.receiver.door import Door, Limit
from ingest.receiver.listener import Receiver
from ingest.reserve import Reserve
from ingest.resharing import change_over, note_drained
from ingest.resuming import resume_clock
from ingest.shares import Share, client_id_of
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
from models.registry import Site
from models.settings import Settings
from models.share import shares_agreed
from models.store import Store

log = logging.getLogger(__name__)

INBOX_LIMIT = 20_000
WATCH_EVERY_S, JOBS_EVERY_S = 5.0, 0.5
CONNECTS_WITHIN_S = 5.0
DRAINED_AFTER_S = 3.0


def run(settings: Settings, store: Store, stop: Event) -> None:
    """Take messages in until told to stop. Raises Refusal where the address is taken."""
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
    make = partial(_make_sessions, role.settings, role.store, shares, role.stop)
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
        with _sources(self.settings, self.store, inbox, time, client_id, share) as sources:
            worker.sources = sources
            _wait_until_subscribed(sources, worker.beat)
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
        with _sources(
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


def _make_sessions(settings: Settings, store: Store, shares: int, stop: Event) -> bool:
    """Have the broker keep messages for all shares; what it sends meanwhile it will send again."""
    zone, nobody = _common_timezone(store), Inbox(INBOX_LIMIT)
    made = [
        _subscriber(settings, nobody, SiteTime(), zone, client_id_of(number, shares), None)
        for number in range(shares if settings.mqtt is not None else 0)
    ]
    try:
        until_s = monotonic() + CONNECTS_WITHIN_S
        while not all(one.connected for one in made) and monotonic() < until_s:
            stop.wait(0.05)
        return all(one.connected for one in made)
    finally:
        for one in made:
            one.stop()


@contextmanager
def _sources(
    settings: Settings,
    store: Store,
    inbox: Inbox,
    time: SiteTime,
    client_id: str,
    share: Share | None,
    *,
    drains: bool = False,
) -> Iterator[dict[str, Source]]:
    """Start what the settings name; stop it again, without wills, at the end."""
    running: dict[str, Receiver | Subscriber] = {}
    zone = _common_timezone(store)
    try:
        if settings.receives and not drains:
            running["receiver"] = _receiver(settings, store, inbox, time, zone)
        if settings.mqtt is not None:
            running["subscriber"] = _subscriber(
                settings, inbox, time, zone, client_id, share, drains=drains
            )
        yield dict(running)
    finally:
        for source in running.values():
            source.stop()


def _receiver(
    settings: Settings, store: Store, inbox: Inbox, time: SiteTime, zone: str
) -> Receiver:
    receiver = Receiver(
        _doors(settings),
        inbox,
        time.now_ms,
        keys=StoredKeys(store),
        timezone=zone,
        sessions_file=settings.data_dir / "mqtt-sessions",
    )
    try:
        receiver.start()
    except OSError as fault:
        address = ", ".join(map(str, settings.mqtt_listeners))
        why = reason("ingest.cannot_listen", address=address, why=fault.strerror or str(fault))
        raise Refusal(why) from None
    return receiver


def _doors(settings: Settings) -> list[Door]:
    certificate = _certificate(settings)
    doors = []
    for one in settings.mqtt_listeners:
        per_s, anonymous = settings.rate_at(one), settings.takes_anonymous(one)
        if not (one.tls or one.address.is_loopback):
            log.warning("listen=%s tls=0 keys_travel_in_the_clear=1", one)
        doors.append(
            Door(
                one.address.host,
                one.address.port,
                certificate=certificate if one.tls else None,
                anonymous=anonymous,
                limit=Limit(per_s) if per_s else None,
            )
        )
    return doors


def _certificate(settings: Settings) -> Certificate | None:
    files = settings.mqtt_certificate
    if files is None:
        return None
    try:
        return Certificate(files.chain, files.key)
    except OSError as fault:
        why = fault.strerror or str(fault)
        raise Refusal(
            reason("ingest.bad_certificate", file=str(files.chain), key=str(files.key), why=why)
        ) from None


def _subscriber(
    settings: Settings,
    inbox: Inbox,
    time: SiteTime,
    zone: str,
    client_id: str,
    share: Share | None,
    *,
    drains: bool = False,
) -> Subscriber:
    assert settings.mqtt is not None
    subscriber = Subscriber(
        settings.mqtt,
        settings.mqtt_topics,
        inbox,
        time.now_ms,
        client_id,
        timezone=zone,
        ca=settings.mqtt_ca,
        state_dir=settings.data_dir,
        may_connect=_always if share is None else share.is_held,
        drains=drains,
        made=share is not None and share.shares > 1 and not drains,
    )
    subscriber.start()
    return subscriber


def _always() -> bool:
    return True


def _wait_until_subscribed(sources: Mapping[str, Source], beat: Callable[[], None]) -> None:
    """A broker keeps nothing for a session that was never there: be subscribed before we say so."""
    subscriber, until_s = sources.get("subscriber"), monotonic() + CONNECTS_WITHIN_S
    while isinstance(subscriber, Subscriber) and not subscriber.connected:
        if monotonic() > until_s:
            return
        beat()  # a broker that is away must not cost us the share
        sleep(0.1)


def _common_timezone(store: Store) -> str:
    """Return the zone for local times without one: that of the sites, where they have one."""
    with store.reading() as session:
        zones = set(session.scalars(select(Site.timezone)))
    return zones.pop() if len(zones) == 1 else "UTC"


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
    """Claims and second readings are the ingester's: it alone writes readings."""
    work = Work(store, {**claims.HANDLERS, **own_profiles.HANDLERS})
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
