"""QoS 2 of MQTT 3.1.1: answered after the commit, stored once, over reconnects and a kill -9."""

import json
import subprocess
from dataclasses import dataclass

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import func, select

from ingest.exactly_once import ExactlyOnce
from ingest.message import Message
from models.exactly_once import Unreleased
from models.reading import Quarantined, WaitingReading
from models.store import Store
from tests.harness.processes import Processes
from tests.ingest.house import House as PipelineHouse
from tests.ingest.publisher import NOW_MS, V5, Publisher, connect, packet, publish
from tests.roles import House

TOPIC = "ridgewatch/hill/node-1/senml"
PUBREC, PUBCOMP = 0x50, 0x70


def reading(value: float) -> bytes:
    """Return a reading without a time of its own: only its number tells a repeat from news."""
    return json.dumps([{"bn": "node-1", "n": f"crack-{value}", "u": "mm", "v": value}]).encode()


def once(payload: bytes, number: int, dup: bool = False, topic: str = TOPIC) -> bytes:
    raw = topic.encode()
    body = len(raw).to_bytes(2, "big") + raw + number.to_bytes(2, "big") + payload
    return packet(0x34 | 0x08 * dup, body)


def release(number: int) -> bytes:
    return packet(0x62, number.to_bytes(2, "big"))


def answer(kind: int, number: int) -> bytes:
    return bytes((kind, 2)) + number.to_bytes(2, "big")


@dataclass
class Ingesting(House):
    """An installation whose ingester runs, and can be killed."""

    def __post_init__(self) -> None:
        self.ingester = self.start("ingest").wait_for_port(self.mqtt_port)

    def kill(self) -> None:
        """kill -9, and start it again."""
        self.ingester.kill()
        self.ingester = self.start("ingest").wait_for_port(self.mqtt_port)


@pytest.fixture
def house(sqlite_store: Store, processes: Processes) -> Ingesting:
    return Ingesting(sqlite_store, processes)


@pytest.fixture
def any_house(store: Store, processes: Processes) -> Ingesting:
    return Ingesting(store, processes)


def stored(store: Store) -> int:
    with store.reading() as session:
        waiting = session.scalar(select(func.count()).select_from(WaitingReading)) or 0
        refused = session.scalar(select(func.count()).select_from(Quarantined)) or 0
    return waiting + refused


def unreleased(store: Store) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(Unreleased)) or 0


def test_a_message_goes_through_both_steps_and_leaves_nothing_behind(house: Ingesting) -> None:
    node = Publisher(house.mqtt_port, connect("n", clean=False))

    node.say(once(reading(0.1), 7))
    assert node.hear(4) == answer(PUBREC, 7)
    assert (stored(house.store), unreleased(house.store)) == (1, 1)
    node.say(release(7))
    assert node.hear(4) == answer(PUBCOMP, 7)
    assert (stored(house.store), unreleased(house.store)) == (1, 0)

    node.say(once(reading(0.2), 7), release(7))  # the number is free again
    assert node.hear(8) == answer(PUBREC, 7) + answer(PUBCOMP, 7)
    assert stored(house.store) == 2


@pytest.mark.parametrize("killed", [False, True], ids=["reconnect", "kill -9"])
def test_what_is_sent_again_is_answered_again_and_stored_once(
    any_house: Ingesting, killed: bool
) -> None:
    house = any_house
    node = Publisher(house.mqtt_port, connect("n", clean=False))
    node.say(once(reading(0.1), 1), once(b"no reading", 2), once(reading(0.3), 3), release(3))
    assert node.hear(16)[-4:] == answer(PUBCOMP, 3)
    assert stored(house.store) == 3

    if killed:
        house.kill()
    else:
        node.close()
    again = Publisher(house.mqtt_port, connect("n", clean=False))
    assert again.connack == b"\x20\x02\x01\0"
    again.say(once(reading(0.1), 1, dup=True), once(b"no reading", 2, dup=True), release(3))
    assert again.hear(12) == answer(PUBREC, 1) + answer(PUBREC, 2) + answer(PUBCOMP, 3)
    assert stored(house.store) == 3
    again.say(release(1), release(2))
    assert again.hear(8) == answer(PUBCOMP, 1) + answer(PUBCOMP, 2)
    assert (stored(house.store), unreleased(house.store)) == (3, 0)


def test_another_message_under_a_number_that_was_never_released_is_not_swallowed(
    house: Ingesting,
) -> None:
    Publisher(house.mqtt_port, connect("n")).say(once(reading(0.1), 1))
    Publisher(house.mqtt_port, connect("probe")).close()
    forgetful = Publisher(house.mqtt_port, connect("n"))

    forgetful.say(once(reading(0.2), 1, dup=True))
    assert forgetful.hear(4) == answer(PUBREC, 1)
    forgetful.say(once(reading(0.2), 1))  # not marked: measured anew, and the same
    assert forgetful.hear(4) == answer(PUBREC, 1)
    assert stored(house.store) == 3


def test_mqtt_5_was_told_that_the_maximum_is_qos_1(house: Ingesting) -> None:
    node = Publisher(house.mqtt_port, connect("n", V5))
    node.say(once(b"\0x", 1))
    assert node.hear_packet() == b"\xe0\x01\x9b"
    node = Publisher(house.mqtt_port, connect("n", V5))
    node.say(release(1))
    assert node.hear_packet() == b"\xe0\x01\x82"


def test_qos_1_and_2_are_answered_in_the_order_they_came(house: Ingesting) -> None:
    node = Publisher(house.mqtt_port, connect("n"))
    node.say(publish(TOPIC, reading(1), 1), once(reading(2), 2), publish(TOPIC, reading(3), 3))
    assert node.hear(12) == answer(0x40, 1) + answer(PUBREC, 2) + answer(0x40, 3)


def test_paho_publishes_each_message_once_through_kills(house: Ingesting) -> None:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id="p", protocol=mqtt.MQTTv311, clean_session=False
    )
    client.reconnect_delay_set(1, 1)
    client.max_inflight_messages_set(100)
    completed: list[int] = []
    client.on_publish = lambda c, u, mid, reason, p: completed.append(mid)
    client.connect("127.0.0.1", house.mqtt_port)
    client.loop_start()
    for number in range(300):
        client.publish(TOPIC, reading(number / 1000), qos=2)
        if number in (100, 200):
            house.kill()

    house.ingester.wait_until(lambda: len(completed) >= 300, "completed")
    client.disconnect()
    client.loop_stop()
    assert (stored(house.store), unreleased(house.store)) == (300, 0)


@pytest.mark.usefixtures("start_mosquitto")
def test_mosquitto_pub_publishes_at_qos_2(house: Ingesting) -> None:
    options = ["-h", "127.0.0.1", "-p", str(house.mqtt_port), "-V", "mqttv311", "-q", "2"]
    done = subprocess.run(
        ["mosquitto_pub", *options, "-t", TOPIC, "-m", reading(0.4).decode()],
        capture_output=True,
        timeout=20,
    )
    assert (done.returncode, stored(house.store)) == (0, 1)


def test_senders_who_never_release_fill_neither_memory_nor_table(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.exactly_once.MOST", 50)
    PipelineHouse(sqlite_store)
    for _ in range(2):
        seen = ExactlyOnce()
        with sqlite_store.writing() as session:
            for number in range(1, 200):
                message = Message(TOPIC, b"x", NOW_MS, qos=2, client="n", exactly_once=number)
                assert not seen.knows(session, message)
            seen.save(session)
        assert unreleased(sqlite_store) == 50
