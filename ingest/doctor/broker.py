"""The broker, as it behaves: a session is left alone and filled, and what comes back is counted.

What a configuration says can be read; what a broker does must be tried. The trial uses a client id
and topics of its own and takes them away again; the ingester's session is not touched.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.doctor.finding import Finding, fault, warning
from models.reasons import Reason, reason
from models.settings_text import Remote

WITHIN_S = 10.0
QUIET_S = 1.0
TRIED = 1_500  # more than the 1,000 that stock brokers keep for a client that is away
KEPT_FOR_S = 600
DROPPED, VERSION = "$SYS/broker/publish/messages/dropped", "$SYS/broker/version"
TOPIC = "ridgewatch-doctor/"  # outside of what an ingester subscribes to


def facts_of_broker(broker: Remote) -> Iterator[Reason]:
    """Say which broker it is, where it tells."""
    if version := _told(broker, VERSION):
        yield reason("doctor.is.broker", version=version)


def look_at_broker(broker: Remote) -> Iterator[Finding]:
    """Connect, leave, have it keep messages, come back, and count."""
    name = f"ridgewatch-doctor-{secrets.token_hex(4)}"
    first = _Visit(broker, name)
    if not first.arrives(keep_s=KEPT_FOR_S):
        yield fault("broker_unreachable", host=broker.host, port=broker.port, why=first.why)
        return
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
    asker = _Visit(broker, f"ridgewatch-doctor-{secrets.token_hex(4)}")
    if not asker.arrives(keep_s=0):
        return ""
    if asker.subscribes(topic):
        asker.counts(1)
    asker.leaves()
    return asker.last


def _fills_and_counts(broker: Remote, name: str, topic: str) -> Iterator[Finding]:
    publisher = _Visit(broker, f"{name}-p")
    acknowledged = publisher.publishes(topic, TRIED) if publisher.arrives(keep_s=0) else 0
    publisher.leaves()
    if not acknowledged:
        yield warning("broker_refuses_trial", topic=topic)
    second = _Visit(broker, name)
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
    last = _Visit(broker, name)  # a clean start without expiry takes the session away
    if last.arrives(keep_s=0):
        last.leaves()


def _lets_in_anyone(broker: Remote) -> bool:
    stranger = _Visit(Remote(broker.host, broker.port, broker.tls), "ridgewatch-doctor-nobody")
    came_in = stranger.arrives(keep_s=0)
    stranger.leaves()
    return came_in


@dataclass
class _Visit:
    """One connection, from CONNECT to DISCONNECT; every wait has an end."""

    broker: Remote
    name: str
    why: str = ""
    session_was_there: bool = False
    came: int = 0
    last: str = ""
    _in: Event = field(default_factory=Event)
    _done: Event = field(default_factory=Event)
    _more: Event = field(default_factory=Event)
    _granted: bool = False
    _answered: int = 0
    _acknowledged: int = 0
    _wanted: int = 0

    def arrives(self, *, keep_s: int) -> bool:
        """Connect; with `keep_s` the session outlives us. False, and `why`, where it fails."""
        self.client = self._client()
        lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        lasting.SessionExpiryInterval = keep_s
        lasting.ReceiveMaximum = 1000
        try:
            self.client.connect(
                self.broker.host, self.broker.port, 30, clean_start=not keep_s, properties=lasting
            )
        except OSError as fault:
            self.why = str(fault)[:200]
            return False
        self.client.loop_start()
        if not self._in.wait(WITHIN_S):
            self.why = self.why or "no answer to CONNECT"
        return not self.why

    def subscribes(self, topic: str) -> bool:
        """Subscribe at QoS 1; false where the broker does not grant it."""
        self.client.subscribe(topic, 1)
        return self._done.wait(WITHIN_S) and self._granted

    def publishes(self, topic: str, count: int) -> int:
        """Publish so many messages of QoS 1; return how many were acknowledged."""
        self._wanted = count
        for _ in range(count):
            self.client.publish(topic, b"doctor", qos=1)
        self._done.wait(WITHIN_S)
        return self._acknowledged

    def counts(self, at_most: int) -> int:
        """Count what comes until all is there, or nothing more comes."""
        while self.came < at_most and self._more.wait(QUIET_S):
            self._more.clear()
        return self.came

    def leaves(self) -> None:
        """Disconnect in good order."""
        self.client.disconnect()
        self.client.loop_stop()

    def _client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, self.name, protocol=mqtt.MQTTv5)
        client.max_queued_messages_set(0)
        client.max_inflight_messages_set(100)
        client.connect_timeout = WITHIN_S
        if self.broker.username is not None:
            client.username_pw_set(self.broker.username, self.broker.password)
        if self.broker.tls:
            client.tls_set()
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(self, _c: Any, _u: Any, flags: Any, why: Any, _p: Any) -> None:
        if why.is_failure:
            self.why = str(why)
            self.client.disconnect()
        self.session_was_there = flags.session_present
        self._in.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._done.set()  # some brokers hang up on a topic that is not allowed

    def _on_subscribe(self, _c: Any, _u: Any, _mid: int, reasons: Any, _p: Any) -> None:
        self._granted = not any(one.is_failure for one in reasons)
        self._done.set()

    def _on_publish(self, _c: Any, _u: Any, _mid: int, why: Any, _p: Any) -> None:
        self._answered += 1
        self._acknowledged += not why.is_failure
        if self._answered >= self._wanted:
            self._done.set()

    def _on_message(self, _c: Any, _u: Any, message: Any) -> None:
        self.came += 1
        self.last = message.payload[:100].decode("utf-8", "replace")
        self._more.set()
