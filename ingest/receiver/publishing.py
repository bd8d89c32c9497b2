"""The messages of one connection: checked, numbered, and made ready for the inbox."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

from ingest.message import Delivery, Message, Receipt
from ingest.receiver import protocol, replies, wire
from ingest.receiver.keys import Grant, may_publish
from ingest.receiver.owed import Owed
from ingest.receiver.packets import V5, V311
from ingest.receiver.uses import Use
from ingest.receiver.wire import Code, ProtocolError

log = logging.getLogger(__name__)

MOST_TOPICS_KNOWN = 4096


@dataclass(slots=True)
class Counts:
    """Numbers since the start, for health and metrics."""

    received: int = 0
    refused: int = 0  # messages under topics that the key does not cover
    oversize: int = 0
    turned_away: int = 0  # connections with wrong or no credentials
    faults: int = 0  # connections closed because what came is not MQTT, or not allowed
    slowed: int = 0  # times that a connection had to wait because it sent too fast


class _Oversize(NamedTuple):
    """A PUBLISH too large to keep, while the rest of it is read and thrown away."""

    first: int
    topic: bytes
    packet_id: int
    size: int


class Publishing:
    """What an admitted client publishes. `batch` fills until the connection hands it over."""

    def __init__(
        self,
        connection: object,
        client_id: str,
        grant: Grant,
        version: int,
        *,
        counts: Counts,
        timezone: str,
        resumed: bool,
        use: Use,
    ) -> None:
        self.batch: list[Delivery] = []
        self.owed = Owed()
        self.use = use
        self._counts, self._refused_before = counts, False
        self._connection, self._client_id = connection, client_id
        self._grant, self._version = grant, version
        self._timezone, self._resumed = timezone, resumed
        self._topics: dict[bytes, str] = {}
        self._drained: _Oversize | None = None
        self._to_drain = 0

    def publish(self, first: int, body: bytes, now_ms: int) -> bytes:
        """Take one PUBLISH packet in; return what has to be answered at once: a refusal, or b""."""
        raw_topic, packet_id, payload_at = protocol.publish_head(first, body, self._version)
        topic = self._topics.get(raw_topic)
        if topic is None:
            topic = self._learn(raw_topic)
        if not topic:
            return self._refuse(raw_topic, packet_id)
        self._add(topic, body[payload_at:], first, packet_id, now_ms)
        return b""

    @property
    def is_draining(self) -> bool:
        """Whether a packet too large to keep is still coming in."""
        return self._to_drain > 0

    def begin_drain(self, first: int, buffer: bytes | bytearray, start: int, size: int) -> bool:
        """Note what matters of a packet too large to keep; False: that much is not here yet."""
        topic_size = int.from_bytes(buffer[start : start + 2], "big")
        head_end = start + 2 + topic_size + 2
        if len(buffer) < head_end:
            return False
        # The head alone, read as if the packet ended there: no properties, no payload.
        head = bytes(buffer[start:head_end])
        raw_topic, packet_id, _ = protocol.publish_head(first, head, V311)
        self._drained = _Oversize(first, raw_topic, packet_id, size)
        self._to_drain = size
        return True

    def drain(self, available: int, now_ms: int) -> tuple[int, bytes]:
        """Return how many bytes to pass over, and an answer; record the packet at its end."""
        if self._drained is None:
            return 0, b""
        passed = min(self._to_drain, available)
        self._to_drain -= passed
        if self._to_drain:
            return passed, b""
        (first, raw_topic, packet_id, size), self._drained = self._drained, None
        return passed, self._record_oversize(first, raw_topic, packet_id, size, now_ms)

    def _record_oversize(
        self, first: int, raw_topic: bytes, packet_id: int, size: int, now_ms: int
    ) -> bytes:
        self._counts.oversize += 1
        log.warning("client=%r oversize_bytes=%d", self._client_id, size)
        topic = self._learn(raw_topic)
        if not topic:
            return self._refuse(raw_topic, packet_id)
        self._add(topic, b"", first, packet_id, now_ms, size)
        return b""

    def _add(
        self, topic: str, payload: bytes, first: int, packet_id: int, now_ms: int, oversize: int = 0
    ) -> None:
        if packet_id:
            self._count_owed()
        qos, once, owed = first >> 1 & 3, 0, packet_id
        if qos == 2:
            once, owed = packet_id, packet_id | replies.RECEIVED
        message = Message(
            topic, payload, now_ms, qos, bool(first & 1), bool(first & 8), self._resumed,
            self._client_id, self._grant.device, "receiver", self._timezone, oversize, once,
        )  # fmt: skip
        self._resumed = False
        # One is made for each message: not by way of the class's own `__new__`, as in `Row.of`.
        receipt = tuple.__new__(Receipt, (self._connection, owed))
        self.batch.append(Delivery(message, receipt))

    def release(self, first: int, body: bytes, now_ms: int) -> None:
        """Take PUBREL in, in its turn: its message's number may mean another one after this."""
        packet_id = protocol.release(first, body).packet_id
        self.owed.accept()
        message = Message(
            f"$ridgewatch/released/{self._client_id}",
            b"",
            now_ms,
            qos=2,
            client=self._client_id,
            device=self._grant.device,
            exactly_once=packet_id,
        )
        receipt = Receipt(self._connection, packet_id | replies.COMPLETED)
        self.batch.append(Delivery(message, receipt))

    def _count_owed(self) -> None:
        self.owed.accept()
        if self._version == V5 and len(self.owed) > replies.RECEIVE_MAXIMUM:
            raise ProtocolError(Code.TOO_MANY_UNACKNOWLEDGED, "above the Receive Maximum")

    def _learn(self, raw_topic: bytes) -> str:
        """Check a topic once per connection; "" is one that the key does not cover."""
        topic = wire.topic_name(raw_topic)
        if len(self._topics) >= MOST_TOPICS_KNOWN:
            self._topics.clear()
        self._topics[raw_topic] = topic if may_publish(self._grant, topic) else ""
        return self._topics[raw_topic]

    def _refuse(self, raw_topic: bytes, packet_id: int) -> bytes:
        """Refuse a message as MQTT 5 can; a 3.1.1 client must not be told success, so it goes."""
        self._counts.refused += 1
        self.use.refused += 1
        if not self._refused_before:  # one line per connection: devices never tire
            self._refused_before = True
            log.warning("client=%r refused_topic=%r", self._client_id, raw_topic.decode())
        if self._version != V5:
            raise ProtocolError(Code.NOT_AUTHORISED, "its key does not cover the topic")
        return self.owed.refuse(packet_id) if packet_id else b""
