"""What a broker has acknowledged and lost while we were away: every loss is told, and no other."""

import json
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select

from models.gap import DeviceCount, Gap
from models.reading import WaitingReading
from models.store import Store
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Processes, wait_until
from tests.roles import House

NODES, EACH, KEPT = 5, 200, 300


@pytest.fixture
def house(sqlite_store: Store, processes: Processes) -> House:
    return House(sqlite_store, processes)


def publish(port: int, numbers: range) -> None:
    """Send packs of all nodes in turn at QoS 1, and wait until the broker has acknowledged each."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    began_s = int(time.time()) - 10_000
    for number in numbers:
        for node in range(NODES):
            pack = [
                {"bn": f"n{node}:", "bt": began_s + number, "n": "crack", "v": number},
                {"n": "seq", "u": "count", "v": number},
                {"n": "boot", "vs": "one"},
            ]
            topic = f"ridgewatch/hill/n{node}/senml"
            client.publish(topic, json.dumps(pack), qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def stored(store: Store) -> set[tuple[str, int]]:
    with store.reading() as session:
        rows = session.execute(select(WaitingReading.device, WaitingReading.value))
        return {(device, int(value or 0)) for device, value in rows}


def counted_to(store: Store) -> dict[str, int]:
    with store.reading() as session:
        rows = session.execute(select(DeviceCount.source, DeviceCount.number))
        return {source: number for source, number in rows}


def test_every_message_that_a_broker_lost_is_told_and_no_other(
    house: House, start_mosquitto: Callable[..., Mosquitto]
) -> None:
    broker = start_mosquitto(f"max_queued_messages {KEPT}")
    house.more["RIDGEWATCH_MQTT_URL"] = broker.url
    ingester = house.start("ingest")
    ingester.wait_until(lambda: house.beats("ingest"), "beats")
    publish(broker.port, range(1, 3))
    wait_until(lambda: len(stored(house.store)) == 2 * NODES, "all is stored while we listen")

    ingester.stop(within_s=10)
    publish(broker.port, range(3, EACH))  # all acknowledged, most dropped: the queue is full
    house.start("ingest")
    publish_last(broker.port, house)

    sent = {(f"n{node}", number) for node in range(NODES) for number in range(1, EACH + 1)}
    lost = sent - stored(house.store)
    with house.store.reading() as session:
        told = {
            (g.source, n) for g in session.scalars(select(Gap)) for n in range(g.first, g.last + 1)
        }
    assert len(lost) > NODES * EACH // 4
    assert told == lost


def publish_last(port: int, house: House) -> None:
    """Send one more of each once the backlog is in: a loss shows when a number follows."""
    backlog = 2 * NODES + KEPT
    wait_until(lambda: len(stored(house.store)) >= backlog, "the backlog is in")
    publish(port, range(EACH, EACH + 1))
    wait_until(
        lambda: set(counted_to(house.store).values()) == {EACH},
        "the last of each is counted",
        within_s=10,  # B3: every loss is shown within ten seconds
    )
