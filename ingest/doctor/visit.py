"""One connection of the doctor's to a broker: comes, subscribes, publishes, counts and leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from models.settings_text import Remote

WITHIN_S = 10.0
QUIET_S = 1.0


@dataclass
class Visit:
    """One connection, from CONNECT to DISCONNECT; every wait has an end."""

    broker: Remote
    name: str
    why: str = ""
    session_was_there: bool = False
    kept_s: int = 0  # so long the broker keeps the session, as far as it says
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
        self.client, self.kept_s = self._client(), keep_s
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

    def leaves(self, *, for_ever: bool = False) -> None:
        """Disconnect in good order; `for_ever` ends the session too."""
        last_word = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        if for_ever:
            last_word.SessionExpiryInterval = 0
        self.client.disconnect(properties=last_word)
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

    def _on_connect(self, _c: Any, _u: Any, flags: Any, why: Any, told: Any) -> None:
        if why.is_failure:
            self.why = str(why)
            self.client.disconnect()
        self.session_was_there = flags.session_present
        self.kept_s = getattr(told, "SessionExpiryInterval", self.kept_s)
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
