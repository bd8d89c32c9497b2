"""The receiver with the clients that people use: paho-mqtt in both versions, and mosquitto_pub."""

import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.inbox import Inbox
from ingest.receiver.door import Door
from ingest.receiver.listener import Receiver
from tests.ingest.publisher import NOW_MS, eventually, messages, take

DOOR = Door("127.0.0.1", 0, anonymous=True)
BOTH = pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])

# The fixture only says that mosquitto has to be installed; no broker is started here.
MOSQUITTO_PUB = pytest.mark.usefixtures("start_mosquitto")


@pytest.fixture
def house():
    inbox = Inbox(5000)
    receiver = Receiver([DOOR], inbox, lambda: NOW_MS)
    receiver.start()
    yield receiver, inbox
    receiver.stop()


@contextmanager
def paho(port, version, client_id="paho", **will):
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version)
    client.reconnect_delay_set(1, 1)
    client.max_inflight_messages_set(1000)
    if will:
        client.will_set(**will)
    lasting = None
    if version == mqtt.MQTTv5:
        lasting = Properties(PacketTypes.CONNECT)
        lasting.SessionExpiryInterval = 3600
    client.connect("127.0.0.1", port, 30, properties=lasting)
    client.loop_start()
    assert eventually(client.is_connected)
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


@BOTH
def test_paho_is_told_of_success_only_after_the_commit(house, version):
    receiver, inbox = house
    acknowledged = []
    with paho(receiver.port, version) as client:
        client.on_publish = lambda c, u, mid, reason, p: acknowledged.append((mid, reason.value))
        sent = [client.publish("ridgewatch/t/n/senml", b"%d" % n, qos=1).mid for n in range(300)]
        deliveries = take(inbox, 300)
        time.sleep(0.05)
        assert acknowledged == []

        receiver.acknowledge(deliveries[:100])
        assert eventually(lambda: len(acknowledged) == 100)
        receiver.acknowledge(deliveries[100:])
        assert eventually(lambda: len(acknowledged) == 300)

    assert acknowledged == [(mid, 0) for mid in sent]
    assert [m.payload for m in messages(deliveries)] == [b"%d" % n for n in range(300)]


@BOTH
def test_what_was_not_acknowledged_comes_again_after_a_restart(version):
    inbox = Inbox(1000)
    first = Receiver([DOOR], inbox, lambda: NOW_MS)
    first.start()
    with paho(first.port, version) as client:
        for number in range(20):
            client.publish("t", b"%d" % number, qos=1)
        first.acknowledge(take(inbox, 20)[:15])
        time.sleep(0.05)
        first.stop()

        again = Receiver([replace(DOOR, port=first.port)], inbox, lambda: NOW_MS)
        again.start()
        redelivered = take(inbox, 5, within_s=8)
        again.acknowledge(redelivered)
        time.sleep(0.05)
        again.stop()

    assert [m.payload for m in messages(redelivered)] == [b"%d" % n for n in range(15, 20)]
    assert all(m.dup for m in messages(redelivered))
    assert inbox.take(10, 0) == []


@BOTH
def test_pahos_will_is_published_when_it_dies_and_not_when_it_leaves(house, version):
    receiver, inbox = house
    with paho(receiver.port, version, topic="ridgewatch/t/n/gone", payload="bye") as client:
        assert receiver.connections == 1
        client.socket().shutdown(2)
        will, gone = messages(take(inbox, 2))
        assert (will.topic, will.payload) == ("ridgewatch/t/n/gone", b"bye")
        assert eventually(lambda: receiver.connections == 1)  # paho comes back by itself

    assert eventually(lambda: receiver.connections == 0)
    assert inbox.take(1, 0.05) == []


def test_paho_stays_when_it_subscribes(house):
    receiver, inbox = house
    granted = []
    with paho(receiver.port, mqtt.MQTTv5) as client:
        client.on_subscribe = lambda c, u, mid, reasons, p: granted.extend(r.value for r in reasons)
        client.subscribe("ridgewatch/#", qos=1)
        assert eventually(lambda: granted == [0])
        client.publish("ridgewatch/x", b"1")
        assert messages(take(inbox, 1))[0].qos == 0
        assert client.is_connected()


@MOSQUITTO_PUB
@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_pub_returns_when_its_message_is_acknowledged(house, version):
    receiver, inbox = house
    worker = threading.Thread(target=lambda: receiver.acknowledge(take(inbox, 1)))
    worker.start()
    done = publish_by_mosquitto(receiver.port, "-V", version, "-q", "1", "-m", "[]")
    worker.join()

    assert done.returncode == 0, done.stderr


@MOSQUITTO_PUB
def test_mosquitto_pub_of_many_lines_loses_none(house):
    receiver, inbox = house
    came = []

    def work():
        while len(came) < 2000 and (batch := inbox.take(500, 5)):
            came.extend(batch)
            receiver.acknowledge(batch)

    worker = threading.Thread(target=work)
    worker.start()
    lines = "".join(f"{n}\n" for n in range(2000))
    done = publish_by_mosquitto(receiver.port, "-V", "mqttv5", "-q", "1", "-l", input=lines)
    worker.join()

    assert done.returncode == 0, done.stderr
    assert sorted(int(m.payload) for m in messages(came)) == list(range(2000))


@MOSQUITTO_PUB
def test_mosquitto_pub_with_qos_2_is_turned_down(house):
    receiver, inbox = house
    done = publish_by_mosquitto(receiver.port, "-V", "mqttv5", "-q", "2", "-m", "x")

    assert "QoS not supported" in done.stderr
    assert len(inbox) == 0


def publish_by_mosquitto(port, *options, input=None):
    argv = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-t", "ridgewatch/t/n/senml"]
    return subprocess.run(
        [*argv, *options], input=input, capture_output=True, text=True, timeout=20
    )
