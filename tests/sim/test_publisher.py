"""The publisher loses nothing, keeps the order, and says how far it has got, to a real broker."""

import json
from collections.abc import Callable, Iterator
from threading import Condition, Thread
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from sensors_sim.connection import BadAddress, Connection, Refused
from sensors_sim.packet import Packet
from sensors_sim.publisher import Ahead, Publisher, run
from sensors_sim.senml import CLOCK_TOPIC
from tests.harness.mosquitto import Mosquitto

PATIENCE_S = 30.0


class Listener:
    """Hears everything on a broker, across its restarts."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._changed = Condition()
        self._subscribed = False
        self._client = Client(CallbackAPIVersion.VERSION2, "listener", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.wait(lambda: self._subscribed)

    def wait(self, fulfilled: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(fulfilled, PATIENCE_S)

    def data(self) -> list[bytes]:
        """What was heard apart from watermarks, repeats left out."""
        return list(dict.fromkeys(body for topic, body in self.heard if topic != CLOCK_TOPIC))

    def marks(self) -> list[dict[str, Any]]:
        return [json.loads(body) for topic, body in self.heard if topic == CLOCK_TOPIC]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_subscribe(self, *_: Any) -> None:
        with self._changed:
            self._subscribed = True
            self._changed.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        with self._changed:
            self.heard.append((message.topic, message.payload))
            self._changed.notify_all()


@pytest.fixture
def listen() -> Iterator[Callable[[Mosquitto], Listener]]:
    listeners: list[Listener] = []

    def start(broker: Mosquitto) -> Listener:
        listeners.append(Listener(broker.port))
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.close()


def numbered(count: int, via: str = "receiver") -> list[Packet]:
    topic = "ridgewatch/s/d/senml"
    return [Packet(n * 1000, topic, b"%d" % n, via=via) for n in range(1, count + 1)]


class Steps:
    """A pace of given steps."""

    def __init__(self, *until_ms: int) -> None:
        self._steps = iter(until_ms)

    def next_step(self) -> int | None:
        return next(self._steps, None)


def test_a_step_ends_with_its_watermark_and_keeps_the_rest(
    mosquitto: Mosquitto, listen: Callable[[Mosquitto], Listener]
) -> None:
    listener = listen(mosquitto)
    publisher = Publisher(mosquitto.url)
    packets = Ahead([Packet(500, "", b"", event="dawn"), *numbered(10)])

    assert run(publisher, packets, Steps(4_000, 6_500)) == 6
    publisher.close()

    listener.wait(lambda: len(listener.marks()) == 2)
    assert listener.data() == [b"1", b"2", b"3", b"4", b"5", b"6"]
    assert [body for _, body in listener.heard].index(b"5") == 5
    assert listener.marks()[0] == {"t": "1970-01-01T00:00:04Z", "source": 0, "of": 1}
    assert packets.at_ms == 7_000


def test_a_long_step_says_each_minute_how_far_it_has_got(
    mosquitto: Mosquitto, listen: Callable[[Mosquitto], Listener]
) -> None:
    listener = listen(mosquitto)
    publisher = Publisher(mosquitto.url, since_ms=0)
    packets = Ahead([Packet(at_ms, "t", b"%d" % at_ms) for at_ms in (1_000, 120_000, 180_001)])

    assert run(publisher, packets, Steps(150_000, 210_000)) == 3
    publisher.close()

    listener.wait(lambda: len(listener.marks()) == 5)
    heard = [json.loads(body)["t"][14:19] if topic != "t" else body.decode()
             for topic, body in listener.heard]  # fmt: skip
    assert heard == ["1000", "01:00", "120000", "02:00", "02:30", "03:00", "180001", "03:30"]


def test_two_ways_get_their_own_packets_and_both_watermarks(
    start_mosquitto: Callable[..., Mosquitto], listen: Callable[[Mosquitto], Listener]
) -> None:
    receiver, broker = start_mosquitto(), start_mosquitto()
    at_receiver, at_broker = listen(receiver), listen(broker)
    publisher = Publisher(receiver.url, broker.url)
    mixed = [numbered(2)[0], numbered(2, via="broker")[1]]

    publisher.publish_until(Ahead(mixed), 2_000)
    publisher.close()

    at_receiver.wait(lambda: bool(at_receiver.marks()))
    at_broker.wait(lambda: bool(at_broker.marks()))
    assert (at_receiver.data(), at_broker.data()) == ([b"1"], [b"2"])
    assert [mark["source"] for mark in at_receiver.marks() + at_broker.marks()] == [0, 1]
    assert {mark["of"] for mark in at_receiver.marks() + at_broker.marks()} == {2}


def test_nothing_is_lost_or_reordered_when_the_server_restarts(
    mosquitto: Mosquitto, listen: Callable[[Mosquitto], Listener]
) -> None:
    listener = listen(mosquitto)
    publisher = Publisher(mosquitto.url, in_flight=20)
    packets = numbered(4_000)
    publishing = Thread(target=publisher.publish_until, args=(Ahead(packets), 4_000_000))

    publishing.start()
    for heard in (300, 1_500):
        listener.wait(lambda heard=heard: len(listener.heard) > heard)
        mosquitto.restart()
    publishing.join(PATIENCE_S)
    assert not publishing.is_alive()
    listener.wait(lambda: bool(listener.marks()))
    publisher.close()

    assert listener.data() == [packet.payload for packet in packets]


def test_it_waits_for_a_server_that_is_not_there_yet(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    connection = Connection(mosquitto.url, "early")
    publishing = Thread(target=connection.publish, args=("a/b", b"x"))
    publishing.start()

    mosquitto.start()

    publishing.join(PATIENCE_S)
    assert not publishing.is_alive()
    assert connection.settle(PATIENCE_S)
    connection.close()


def test_a_refused_login_is_told_and_not_tried_for_ever(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    closed = start_mosquitto("allow_anonymous false")
    connection = Connection(closed.url.replace("mqtt://", "mqtt://ana:wrong@"), "stranger")

    with pytest.raises(Refused) as caught:
        connection.publish("a/b", b"x")

    assert caught.value.values["host"] == "127.0.0.1"
    connection.close()


@pytest.mark.parametrize(
    "url", ["http://h:1", "mqtt://", "mqtt://h:port", "h:1883", "mqtt://h/topic", ""]
)
def test_an_impossible_address_is_told_without_its_password(url: str) -> None:
    with pytest.raises(BadAddress):
        Connection(url, "nobody")
    with pytest.raises(BadAddress) as caught:
        Connection("ftp://ana:secret@host", "nobody")

    assert "secret" not in str(caught.value)
