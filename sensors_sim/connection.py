"""One MQTT connection that loses nothing: QoS 1, bounded in flight, resent in order."""

import logging
import os
import time
from threading import Condition
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

log = logging.getLogger(__name__)

IN_FLIGHT = 100
PORTS = {"mqtt": 1883, "mqtts": 8883}
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1, 30
"""Between two tries to connect."""
WAKES_S = 0.5
"""How often a waiting caller looks up, so that Ctrl-C and a refusal are noticed."""


class BadAddress(ValueError):
    """The address can't be used; `code` and `values` say why."""

    code = "simulator.bad_address"

    def __init__(self, url: str) -> None:
        shown = url.rpartition("@")[2]  # what stands before it is a password
        self.values = {"url": shown}
        super().__init__(f"not an address like mqtt://user:password@host:port: {shown!r}")


class Refused(Exception):
    """The other side lets us not in; trying again would not help."""

    code = "simulator.refused"

    def __init__(self, host: str, why: str) -> None:
        self.values = {"host": host, "why": why}
        super().__init__(f"{host} refuses the connection: {why}")


class Connection:
    """A publisher's connection to one server.

    paho keeps every QoS 1 message until its PUBACK and, after a reconnect, sends those again in the
    order of their first sending, byte for byte. We bound how many there are, wait for them, and
    hold new ones back until the old ones are on their way again: paho would let a message that is
    published between CONNECT and CONNACK overtake them.
    """

    def __init__(self, url: str, name: str, in_flight: int = IN_FLIGHT) -> None:
        """Connect in the background; raises BadAddress. Unreachable servers are tried again."""
        scheme, self.host, port, user, password = _parts(url)
        self._changed = Condition()
        self._outstanding = 0
        self._ready = False
        self._limit = in_flight
        self._refused: Refused | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            f"{name}-{os.getpid()}",
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        self._client.max_inflight_messages_set(in_flight)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        if user is not None:
            self._client.username_pw_set(user, password)
        if scheme == "mqtts":
            self._client.tls_set()
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.connect_async(self.host, port, keepalive=30)
        self._client.loop_start()

    @property
    def outstanding(self) -> int:
        """How many messages are handed over and not acknowledged."""
        return self._outstanding

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Hand over one message; waits for a connection, and while too many are outstanding."""
        self._wait(lambda: self._ready and self._outstanding < self._limit)
        with self._changed:
            self._outstanding += 1  # before paho has it: its PUBACK may come at once
        handed_over = self._client.publish(topic, payload, qos=1, retain=retain)
        if handed_over.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise OSError(f"paho takes no message: {handed_over.rc!r}")

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait until everything is acknowledged; False when that takes longer than `timeout_s`."""
        return self._wait(lambda: not self._outstanding, timeout_s)

    def close(self) -> None:
        """Say goodbye; what is not acknowledged then is not sent again."""
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, fulfilled: Any, timeout_s: float | None = None) -> bool:
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while not fulfilled():
                if self._refused:
                    raise self._refused
                if ends is not None and time.monotonic() >= ends:
                    return False
                self._changed.wait(WAKES_S)
        return True

    def _on_connect(self, client: Client, _data: Any, _flags: Any, why: Any, _more: Any) -> None:
        if not why.is_failure:
            log.info("connected host=%s", self.host)
            with self._changed:
                self._ready = not self._outstanding
                self._changed.notify_all()
            return
        # "Server unavailable" passes; a wrong password does not.
        if str(why) not in ("Server unavailable", "Server busy"):
            with self._changed:
                self._refused = Refused(self.host, str(why))
                self._changed.notify_all()
            client.disconnect()

    def _on_connect_fail(self, _client: Any, _data: Any) -> None:
        log.warning("unreachable host=%s; trying again", self.host)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, why: Any, _more: Any) -> None:
        with self._changed:
            self._ready = False
        if why.is_failure:
            log.warning("connection lost host=%s why=%s; trying again", self.host, why)

    def _on_publish(self, _client: Any, _data: Any, _mid: int, _why: Any, _more: Any) -> None:
        with self._changed:
            self._outstanding -= 1
            # All that was outstanding went out again right after CONNACK, before this PUBACK.
            self._ready = True
            self._changed.notify_all()


def _parts(url: str) -> tuple[str, str, int, str | None, str | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress(url) from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadAddress(url)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BadAddress(url)
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme], user, password
