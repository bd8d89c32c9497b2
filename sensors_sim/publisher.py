"""Publishes packets over MQTT in steps, each closed by a watermark on every connection."""

import json
import logging
from collections.abc import Iterable, Iterator
from typing import Protocol

from sensors_sim.connection import IN_FLIGHT, Connection
from sensors_sim.packet import Packet
from sensors_sim.senml import CLOCK_TOPIC
from sensors_sim.times import MINUTE_MS, iso

log = logging.getLogger(__name__)


class Pace(Protocol):
    """Decides how far to go next: a database clock, a test, or nothing that holds back."""

    def next_step(self) -> int | None:
        """Return up to when to publish next (ms), waiting until it is time; None ends it."""


class Ahead:
    """Packets, the next looked at beforehand, so that a step ends without losing it."""

    def __init__(self, packets: Iterable[Packet]) -> None:
        self._packets = iter(packets)
        self._next = next(self._packets, None)

    @property
    def at_ms(self) -> int | None:
        """When the next packet arrives; None after the last."""
        return self._next.at_ms if self._next else None

    def until(self, until_ms: int) -> Iterator[Packet]:
        """Yield the packets that arrive no later than `until_ms`; the rest stays."""
        while self._next is not None and self._next.at_ms <= until_ms:
            packet, self._next = self._next, next(self._packets, None)
            yield packet


class Publisher:
    """Connections to the receiver and, where packets go `via="broker"`, to an existing broker."""

    def __init__(
        self,
        receiver_url: str,
        broker_url: str | None = None,
        in_flight: int = IN_FLIGHT,
        since_ms: int | None = None,
    ) -> None:
        """Connect in the background. Without a broker everything goes to the receiver.

        With `since_ms`, all before it is out already, and a longer step is closed every minute.
        """
        self._marked_ms = since_ms
        receiver = Connection(receiver_url, "ridgewatch-sim-receiver", in_flight)
        self._connections = [receiver]
        self._ways = {"receiver": receiver, "broker": receiver}
        if broker_url:
            self._ways["broker"] = Connection(broker_url, "ridgewatch-sim-broker", in_flight)
            self._connections.append(self._ways["broker"])

    @property
    def outstanding(self) -> int:
        """How many messages are handed over and not acknowledged, on all connections."""
        return sum(connection.outstanding for connection in self._connections)

    def publish_until(self, packets: Ahead, until_ms: int) -> int:
        """Publish what arrives up to then, wait for its acknowledgement, then say "up to here".

        Returns the number of messages, watermarks not counted. Truth events are only logged.
        """
        published = 0
        for minute_ms in self._minutes(until_ms):
            published += self._publish_minute(packets, minute_ms)
        self.settle()
        return published

    def _minutes(self, until_ms: int) -> Iterator[int]:
        """Yield where to say "up to here": an instance lets its minutes pass one by one."""
        since_ms = until_ms - 1 if self._marked_ms is None else self._marked_ms
        yield from range(since_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS, until_ms, MINUTE_MS)
        yield until_ms

    def _publish_minute(self, packets: Ahead, until_ms: int) -> int:
        published = 0
        if packets.at_ms is not None and packets.at_ms <= until_ms:
            self.settle()  # what arrives next is to find the clock where the last minute ended
        for packet in packets.until(until_ms):
            if packet.event is not None:
                log.info("truth event=%s at=%s", packet.event, iso(packet.at_ms))
            else:
                self._ways[packet.via].publish(packet.topic, packet.payload, packet.retain)
                published += 1
        if published:
            self.settle()
        self._mark(until_ms)
        return published

    def settle(self) -> None:
        """Wait until every connection has acknowledged everything."""
        for connection in self._connections:
            connection.settle()

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    def _mark(self, until_ms: int) -> None:
        for number, connection in enumerate(self._connections):
            mark = {"t": iso(until_ms), "source": number, "of": len(self._connections)}
            connection.publish(CLOCK_TOPIC, json.dumps(mark, separators=(",", ":")).encode())
        self._marked_ms = until_ms


def run(publisher: Publisher, packets: Ahead, pace: Pace) -> int:
    """Publish step by step for as long as the pace says; returns the number of messages."""
    published = 0
    while (until_ms := pace.next_step()) is not None:
        published += publisher.publish_until(packets, until_ms)
    return published
