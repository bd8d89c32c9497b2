"""Where messages come from: the built-in receiver, a broker or both, as the settings name them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from time import monotonic, sleep

from sqlalchemy import select

from ingest.inbox import Inbox
from ingest.keys import StoredKeys
from ingest.message import Source
from ingest.receiver.certificate import Certificate
from ingest.receiver.door import Door, Limit
from ingest.receiver.listener import Receiver
from ingest.shares import Share, client_id_of
from ingest.subscriber import Subscriber
from ingest.worker import SiteTime
from models.errors import Refusal
from models.reasons import reason
from models.registry import Site
from models.settings import Settings
from models.store import Store

log = logging.getLogger(__name__)

INBOX_LIMIT = 20_000
CONNECTS_WITHIN_S = 5.0


@contextmanager
def sources_of(
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
    certificate = certificate_of(settings)
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


def certificate_of(settings: Settings) -> Certificate | None:
    """Return the certificate of the receiver, if it has one. Raises Refusal for a bad one."""
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


def wait_until_subscribed(sources: Mapping[str, Source], beat: Callable[[], None]) -> None:
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


def make_sessions(settings: Settings, store: Store, shares: int, stop: Event) -> bool:
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
