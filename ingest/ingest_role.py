"""The role that takes messages in: receiver, subscriber or both, and the one worker behind them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

from sqlalchemy import select

from ingest import claims, own_profiles
from ingest.disk_alarm import DiskAlarm
from ingest.full_disk import FullDisk
from ingest.inbox import Inbox
from ingest.keys import StoredKeys
from ingest.message import Source
from ingest.receiver.certificate import Certificate
from ingest.receiver.door import Door, Limit
from ingest.receiver.listener import Receiver
from ingest.reserve import Reserve
from ingest.resuming import resume_clock
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
from models.store import Store

log = logging.getLogger(__name__)

INBOX_LIMIT = 20_000
WATCH_EVERY_S, JOBS_EVERY_S = 5.0, 0.5
CONNECTS_WITHIN_S = 5.0
CLIENT_ID = "ridgewatch-ingest"


def run(settings: Settings, store: Store, stop: Event) -> None:
    """Take messages in until told to stop. Raises Refusal where the address is taken."""
    resume_clock(store)
    time = SiteTime()
    inbox = Inbox(INBOX_LIMIT)
    disk = FullDisk(
        store, DiskAlarm.of(settings, store), Reserve(settings.data_dir, settings.reserve_bytes)
    )
    worker = Worker(store, inbox, {}, time=time, stopping=stop.is_set, disk=disk)
    worker.refresh_clock()
    disk.prepare(stop.is_set)  # a full disk has no room even to say where we listen
    helpers = [
        Thread(target=_watch_the_clock, args=(store, stop), name="watch", daemon=True),
        Thread(target=_do_jobs, args=(store, stop), name="jobs", daemon=True),
    ]
    with _sources(settings, store, inbox, time) as sources:
        worker.sources = sources
        where = _say_where(settings, store, sources)
        if isinstance(receiver := sources.get("receiver"), Receiver):
            telling = Telling(store, receiver, where)
            telling.begin()
            helpers.append(Thread(target=_tell, args=(telling, stop), name="telling", daemon=True))
        for helper in helpers:
            helper.start()
        worker.run()
    for helper in helpers:
        helper.join()


@contextmanager
def _sources(
    settings: Settings, store: Store, inbox: Inbox, time: SiteTime
) -> Iterator[dict[str, Source]]:
    """Start what the settings name; stop it again, without wills, at the end."""
    running: dict[str, Receiver | Subscriber] = {}
    zone = _common_timezone(store)
    try:
        if settings.receives:
            running["receiver"] = _receiver(settings, store, inbox, time, zone)
        if settings.mqtt is not None:
            running["subscriber"] = _subscriber(settings, inbox, time, zone)
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


def _subscriber(settings: Settings, inbox: Inbox, time: SiteTime, zone: str) -> Subscriber:
    assert settings.mqtt is not None
    subscriber = Subscriber(
        settings.mqtt,
        settings.mqtt_topics,
        inbox,
        time.now_ms,
        CLIENT_ID,
        timezone=zone,
        ca=settings.mqtt_ca,
        state_dir=settings.data_dir,
    )
    subscriber.start()
    _wait_until(lambda: subscriber.connected, CONNECTS_WITHIN_S)
    return subscriber


def _wait_until(question: Callable[[], bool], within_s: float) -> None:
    """A broker keeps nothing for a session that was never there: be subscribed before we say so."""
    until_s = monotonic() + within_s
    while not question() and monotonic() < until_s:
        sleep(0.05)


def _common_timezone(store: Store) -> str:
    """Return the zone for local times without one: that of the sites, where they have one."""
    with store.reading() as session:
        zones = set(session.scalars(select(Site.timezone)))
    return zones.pop() if len(zones) == 1 else "UTC"


def _say_where(settings: Settings, store: Store, sources: dict[str, Source]) -> dict[str, Any]:
    """Leave in the heartbeat where messages are taken: a free port may have been asked for."""
    facts: dict[str, Any] = {"sources": ",".join(sorted(sources))}
    receiver = sources.get("receiver")
    if isinstance(receiver, Receiver):
        facts["listen"] = ", ".join(map(str, settings.mqtt_listeners))
    if settings.mqtt is not None:
        facts["broker"] = f"{settings.mqtt.host}:{settings.mqtt.port}"
    with store.writing() as session:
        beat(session, "ingest", pid=os.getpid(), facts=facts)
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
