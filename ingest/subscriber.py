"""The second source: an MQTT 5 subscription to an existing broker, acknowledged after the commit.

paho-mqtt's own thread is not used. It acknowledges from whatever thread asks, and so may send the
number of an old message on a new connection, where it destroys somebody else's; and when a callback
fails it dies while it says that it is connected. Here one thread of ours does everything with the
client, through its interface for other event loops.
"""

from __future__ import annotations

import logging
import os
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from ingest import broker as to_broker
from ingest.broker_stream import BrokerStream, Came
from ingest.inbox import Inbox
from ingest.message import Delivery, Message, Receipt
from ingest.polling import Wake
from ingest.receiver import replies
from ingest.receiver.wire import Code, ProtocolError
from ingest.subscription import Subscription
from ingest.topics import without_overlaps
from models.settings_text import Remote

log = logging.getLogger(__name__)

TOPIC = "ridgewatch/#"
MOST_TOPICS_KNOWN = 16_384
TOLD = -1  # the receipt of the message that tells of a lost session
ASKS_EVERY_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S, SETTLED_AFTER_S = 0.5, 30.0, 10.0


class _Epoch:
    """One connection to the broker; what came over another one is not acknowledged on it."""


class Subscriber:
    """Puts what the broker delivers into the inbox; `acknowledge` answers for it, in order.

    `state_dir` remembers the subscription over restarts, so that a session which the broker has
    lost is told from one that never was. While it `may_connect` not, it stays away: with the same
    client id it would push out another ingester that has taken its share over. One that `drains`
    takes what the broker has kept for its session, and asks for nothing more. `made`: the session
    is there, though another machine may have made it.
    """

    def __init__(
        self,
        broker: Remote,
        topics: Iterable[str],
        inbox: Inbox,
        now_ms: Callable[[], int],
        client_id: str = "ridgewatch-ingest",
        *,
        timezone: str = "UTC",
        ca: Path | None = None,
        state_dir: Path | None = None,
        may_connect: Callable[[], bool] = lambda: True,
        drains: bool = False,
        made: bool = False,
    ) -> None:
        self._may_connect, self._drains = may_connect, drains
        self._broker, self._inbox, self._now_ms = broker, inbox, now_ms
        self._client_id, self._timezone = client_id, timezone
        wanted = without_overlaps((TOPIC, *topics))
        self._unwanted = wanted if drains else []
        self._subscription = Subscription(
            f"{broker.host}:{broker.port}",
            [] if drains else wanted,
            client_id,
            state_dir,
            made=made,
        )
        self._epoch: _Epoch | None = None
        self._resumed = self._subscribed = self._waits_for_room = False
        self._owed: deque[Receipt] = deque()
        self._topics = _Topics()
        self._stopping = Event()
        self._wake = Wake()
        self._looped_at = self._stirred_s = self._answered_s = self._asked_s = monotonic()
        self._client = self._new_client(broker, ca)
        self._thread = Thread(target=self._run, name="subscriber", daemon=True)

    def start(self) -> None:
        """Begin to connect; a broker that is away is tried again until it is there."""
        self._thread.start()

    def stop(self) -> None:
        """Leave; the broker keeps what comes from now on for the next start."""
        self._stopping.set()
        self._wake.call()
        self._thread.join()
        self._wake.close()

    @property
    def connected(self) -> bool:
        """Whether every topic is subscribed to on a connection that stands; drained, none is."""
        return self._epoch is not None and self._subscribed

    @property
    def quiet_s(self) -> float:
        """How long after the last message, or its acknowledgement, a broker answered that is left.

        A broker that hangs answers nothing, and so says nothing of what it still holds.
        """
        return self._answered_s - self._stirred_s if self.connected else 0.0

    @property
    def last_loop_age_s(self) -> float:
        """How long ago the network thread last went round; more than 10 seconds is a fault."""
        return monotonic() - self._looped_at

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Answer for committed messages, in the order given. May be called from any thread."""
        self._owed.extend(
            delivery.receipt
            for delivery in deliveries
            if isinstance(delivery.receipt.connection, _Epoch)
        )
        self._wake.call()

    # The thread.

    def _run(self) -> None:
        try:
            self._stay_connected()
            self._say_goodbye()
        except Exception:
            # A callback that failed, or a fault in the client. Without this thread the process
            # would look alive and take nothing in; the supervisor starts it again, and the broker
            # still has everything that is not acknowledged.
            log.exception("subscriber=died")
            os._exit(70)

    def _stay_connected(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = monotonic()
            if self._connect():
                self._serve()
            if monotonic() - began > SETTLED_AFTER_S:
                pause_s = FIRST_PAUSE_S
            # Jitter, lest two ingesters with one client id push each other out in step.
            self._pause(pause_s * random.uniform(0.5, 1))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _pause(self, seconds: float) -> None:
        until = monotonic() + seconds
        while (left_s := until - monotonic()) > 0 and not self._stopping.is_set():
            self._looped_at = monotonic()
            self._stopping.wait(min(left_s, 1))

    def _connect(self) -> bool:
        if not self._may_connect():
            return False
        try:
            to_broker.connect(self._client, self._broker)
        except OSError as error:  # also ssl.SSLError and socket.gaierror
            log.warning("broker=%s connected=0 why=%r", self._subscription.broker, str(error))
            return False
        return True

    def _serve(self) -> None:
        """Read, write and look after the connection until it ends."""
        while not self._stopping.is_set() and (stream := self._stream()) is not None:
            self._looped_at = monotonic()
            if self._drains and self._subscribed and monotonic() - self._asked_s > ASKS_EVERY_S:
                self._leave()
            if self._client.want_write():
                self._client.loop_write()
            readable, _ = self._wake.wait(stream, read=self._may_read(), write=stream.unsent > 0)
            stream.flush()
            self._send_acknowledgements(stream)
            if readable:
                stream.fill()
            try:
                self._take_in(stream)
            except ProtocolError as fault:
                log.error("broker=%s fault=%r", self._subscription.broker, str(fault))
                stream.end()
                self._client.loop_read()
            self._client.loop_misc()

    def _stream(self) -> BrokerStream | None:
        """Return the connection, while paho has one."""
        return self._client.stream if self._client.socket() is not None else None

    def _may_read(self) -> bool:
        """While the inbox is full the broker waits; the answer to CONNECT is read all the same."""
        if self._epoch is None or self._inbox.room():
            return True
        if not self._waits_for_room:
            self._waits_for_room = True
            self._inbox.when_room(self._room)
        return False

    def _room(self) -> None:
        self._waits_for_room = False
        self._wake.call()

    def _take_in(self, stream: BrokerStream) -> None:
        """Act on what was read, in its order, as far as the inbox has room."""
        while self._may_read():
            if came := stream.messages(self._inbox.room()):
                self._hand_over(came)
            elif stream.pass_on() or stream.ended:
                self._client.loop_read()
                if self._client.socket() is None:
                    return
            else:
                return

    def _hand_over(self, came: Sequence[Came]) -> None:
        epoch, now_ms, topics = self._epoch, self._now_ms(), self._topics
        if epoch is None:
            raise ProtocolError(Code.PROTOCOL_ERROR, "a message before CONNACK")
        deliveries = []
        for first, raw_topic, packet_id, payload, oversize_bytes in came:
            message = Message(
                topics[raw_topic], payload, now_ms, first >> 1 & 3, bool(first & 1),
                bool(first & 8), self._resumed, self._client_id, None, "subscriber",
                self._timezone, oversize_bytes,
            )  # fmt: skip
            self._resumed = False
            owed = packet_id | replies.RECEIVED if first & 4 else packet_id
            deliveries.append(Delivery(message, Receipt(epoch, owed)))
        self._stirred_s = monotonic()
        self._inbox.extend(deliveries)

    def _send_acknowledgements(self, stream: BrokerStream) -> None:
        """Answer for all that was committed, in one write; never on another connection."""
        owed = []
        while self._owed:
            self._stirred_s = monotonic()
            receipt = self._owed.popleft()
            if receipt.packet_id == TOLD:
                self._subscription.note_told()
            elif receipt.connection is self._epoch and receipt.packet_id:
                owed.append(receipt.packet_id)
        if owed:
            stream.send(replies.acknowledgements(owed))

    def _say_goodbye(self) -> None:
        if (stream := self._stream()) is None:
            return
        self._send_acknowledgements(stream)
        until = monotonic() + 1
        while stream.unsent and not stream.ended and monotonic() < until:
            self._wake.wait(stream, read=False, write=True)
            stream.flush()
        self._client.disconnect()
        self._client.loop_write()

    # What paho calls, in the thread. A failure here ends the process; see _run.

    def _new_client(self, broker: Remote, ca: Path | None) -> to_broker.Client:
        client = to_broker.new_client(broker, self._client_id, ca)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(
        self, client: mqtt.Client, _: object, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        if reason.is_failure:
            log.error("broker=%s refused=%r", self._subscription.broker, str(reason))
            return
        self._epoch = _Epoch()
        self._resumed = flags.session_present
        log.info("broker=%s session=%d", self._subscription.broker, flags.session_present)
        if not flags.session_present and self._subscription.existed:
            log.error("broker=%s session=lost", self._subscription.broker)
            self._subscription.note_lost()
        if self._subscription.lost:  # also if we died before it was on disk
            topic = f"$ridgewatch/session-lost/{self._client_id}"
            lost = Message(topic, b"", self._now_ms(), client=self._client_id, source="subscriber")
            self._put(lost, TOLD)
        if self._drains:
            self._stirred_s = monotonic()
            self._leave()
            return
        client.subscribe([(t, to_broker.SUBSCRIBE_OPTIONS) for t in self._subscription.topics])
        if unwanted := self._subscription.unwanted:
            client.unsubscribe(unwanted)

    def _on_subscribe(
        self, client: mqtt.Client, _: object, mid: int, reasons: list[ReasonCode], properties: Any
    ) -> None:
        for topic, reason in zip(self._subscription.topics, reasons, strict=True):
            if reason.is_failure:
                log.error("topic=%r refused=%r", topic, str(reason))
        self._subscribed = not any(reason.is_failure for reason in reasons)
        if self._subscribed:
            self._subscription.remember()

    def _on_unsubscribe(
        self, client: mqtt.Client, _: object, mid: int, reasons: list[ReasonCode], properties: Any
    ) -> None:
        if not self._drains:
            return
        # That there was no such subscription is as good as that there is none now.
        self._subscribed = not any(reason.is_failure for reason in reasons)
        self._answered_s = monotonic()
        if self._subscribed:
            self._subscription.remember()

    def _leave(self) -> None:
        """Ask for nothing more; asked again, it shows that the broker still turns."""
        self._asked_s = monotonic()
        self._client.unsubscribe([*self._unwanted, *self._subscription.unwanted])

    def _on_disconnect(
        self, client: mqtt.Client, _: object, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        self._epoch, self._subscribed = None, False
        log.warning("broker=%s connected=0 why=%r", self._subscription.broker, str(reason))

    def _put(self, message: Message, packet_id: int) -> None:
        self._inbox.extend([Delivery(message, Receipt(self._epoch, packet_id))])


class _Topics(dict[bytes, str]):
    """Decoded topics; the same ones come again and again."""

    def __missing__(self, raw: bytes) -> str:
        if len(self) >= MOST_TOPICS_KNOWN:
            self.clear()
        try:
            topic = raw.decode()
        except UnicodeDecodeError:  # a broker should not let it pass; the quarantine will show it
            return "\ufffd"
        self[raw] = topic
        return topic
