"""The broker, as it behaves: a session is left alone and filled, and what comes back is counted.

What a configuration says can be read; what a broker does must be tried. The trial uses a client id
and topics of its own and takes them away again; the ingester's session is not touched.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from ingest.broker import FOR_EVER
from ingest.doctor.finding import Finding, fault, warning
from ingest.doctor.visit import Visit
from models.reasons import Reason, reason
from models.settings_text import Remote

TRIED = 1_500  # more than the 1,000 that stock brokers keep for a client that is away
KEPT_FOR_S = 600
SHORTEST_KEPT_S = 7 * 86_400  # a machine that dies over the holidays is replaced by then
DROPPED, VERSION = "$SYS/broker/publish/messages/dropped", "$SYS/broker/version"
TOPIC = "ridgewatch-doctor/"  # outside of what an ingester subscribes to


def facts_of_broker(broker: Remote) -> Iterator[Reason]:
    """Say which broker it is, where it tells."""
    if version := _told(broker, VERSION):
        yield reason("doctor.is.broker", version=version)


def look_at_broker(broker: Remote) -> Iterator[Finding]:
    """Connect, leave, have it keep messages, come back, and count."""
    name = f"ridgewatch-doctor-{secrets.token_hex(4)}"
    first = Visit(broker, name)
    if not first.arrives(keep_s=KEPT_FOR_S):
        yield fault("broker_unreachable", host=broker.host, port=broker.port, why=first.why)
        return
    yield from _asks_for_ever(broker)
    topic = TOPIC + name
    granted = first.subscribes(topic)
    first.leaves()
    dropped = _told(broker, DROPPED)  # before the trial adds to it
    if dropped.isdigit() and int(dropped):
        yield warning("broker_has_dropped", n=int(dropped))
    if not granted:
        yield warning("broker_refuses_trial", topic=topic)
        return
    yield from _fills_and_counts(broker, name, topic)
    if broker.username is not None and _lets_in_anyone(broker):
        yield fault("broker_lets_in_anyone", host=broker.host)


def _told(broker: Remote, topic: str) -> str:
    """Return what mosquitto keeps under a topic of its own; nothing where it doesn't tell us."""
    asker = Visit(broker, f"ridgewatch-doctor-{secrets.token_hex(4)}")
    if not asker.arrives(keep_s=0):
        return ""
    if asker.subscribes(topic):
        asker.counts(1)
    asker.leaves()
    return asker.last


def _fills_and_counts(broker: Remote, name: str, topic: str) -> Iterator[Finding]:
    publisher = Visit(broker, f"{name}-p")
    acknowledged = publisher.publishes(topic, TRIED) if publisher.arrives(keep_s=0) else 0
    publisher.leaves()
    if not acknowledged:
        yield warning("broker_refuses_trial", topic=topic)
    second = Visit(broker, name)
    if not second.arrives(keep_s=KEPT_FOR_S):
        yield fault("broker_unreachable", host=broker.host, port=broker.port, why=second.why)
        return
    if not second.session_was_there:
        yield fault("broker_drops_sessions", host=broker.host)
    else:
        came = second.counts(acknowledged)
        if came < acknowledged:
            yield fault("broker_drops", acknowledged=acknowledged, lost=acknowledged - came)
    second.leaves()
    last = Visit(broker, name)  # a clean start without expiry takes the session away
    if last.arrives(keep_s=0):
        last.leaves()


def _asks_for_ever(broker: Remote) -> Iterator[Finding]:
    """Ask for the session that the ingester asks for; a broker of MQTT 5 says if it gives less."""
    asker = Visit(broker, f"ridgewatch-doctor-{secrets.token_hex(4)}")
    if asker.arrives(keep_s=FOR_EVER) and asker.kept_s < SHORTEST_KEPT_S:
        yield fault("broker_shortens_sessions", host=broker.host, s=asker.kept_s)
    asker.leaves(for_ever=True)


def _lets_in_anyone(broker: Remote) -> bool:
    stranger = Visit(Remote(broker.host, broker.port, broker.tls), "ridgewatch-doctor-nobody")
    came_in = stranger.arrives(keep_s=0)
    stranger.leaves()
    return came_in
