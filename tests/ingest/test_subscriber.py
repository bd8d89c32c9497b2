"""The subscriber against a real mosquitto, which is stopped, killed and made to forget."""

import ast
import json
import re
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest import subscriber as module
from ingest.inbox import Inbox
from ingest.message import LARGEST_PACKET_BYTES
from ingest.subscriber import Subscriber
from models.settings_text import Remote
from tests.harness.source import ROOT
from tests.ingest.certificates import make_certificate
from tests.ingest.publisher import NOW_MS, eventually, messages, take
from tests.roles import House

TOPIC = "ridgewatch/tianning/node-1/senml"


@pytest.fixture(autouse=True)
def quick_reconnects(monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.2)


@contextmanager
def subscribed(broker, inbox, *topics, **options):
    subscriber = Subscriber(
        Remote("127.0.0.1", broker.port), topics, inbox, lambda: NOW_MS, **options
    )
    subscriber.start()
    try:
        assert eventually(lambda: subscriber.connected, within_s=10)
        yield subscriber
    finally:
        subscriber.stop()


@contextmanager
def publishing(broker):
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def send(broker, *payloads, topic=TOPIC, retain=False):
    with publishing(broker) as client:
        for payload in payloads:
            client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)


def broker_noticed(broker, goodbyes):
    """Wait until the broker has read all that we said: it may look at a new connection first."""
    said = "Client ridgewatch-ingest disconnected"
    assert eventually(lambda: broker.child.stderr.count(said) >= goodbyes)


def payloads(deliveries):
    return [m.payload for m in messages(deliveries)]


def numbered(count, start=0):
    return [b"%d" % n for n in range(start, start + count)]


def test_a_message_is_the_same_as_the_receivers(mosquitto):
    inbox = Inbox(100)
    with subscribed(mosquitto, inbox, "v3/#", "ridgewatch/x", timezone="Asia/Shanghai"):
        send(mosquitto, b"[]")
        send(mosquitto, b"{}", topic="v3/app/up")
        send(mosquitto, b"once", topic="ridgewatch/x")
        first, second, third = messages(take(inbox, 3))

    assert (first.topic, first.payload, first.qos) == (TOPIC, b"[]", 1)
    assert (first.retain, first.dup, first.resumed) == (False, False, False)
    assert (first.received_ms, first.timezone) == (NOW_MS, "Asia/Shanghai")
    assert (first.source, first.client) == ("subscriber", "ridgewatch-ingest")
    assert (second.topic, third.payload) == ("v3/app/up", b"once")
    assert len(inbox) == 0


def test_what_was_sent_while_it_was_away_comes_after_its_restart(mosquitto):
    inbox = Inbox(1000)
    with subscribed(mosquitto, inbox) as subscriber:
        send(mosquitto, *numbered(5))
        subscriber.acknowledge(take(inbox, 5)[:3])
    broker_noticed(mosquitto, goodbyes=1)
    send(mosquitto, *numbered(200, start=5))

    with subscribed(mosquitto, inbox) as subscriber:
        came = take(inbox, 202)
        subscriber.acknowledge(came)

    assert payloads(came) == numbered(202, start=3)
    assert [m.dup for m in messages(came)][:3] == [True, True, False]
    assert [m.resumed for m in messages(came)][:3] == [True, False, False]
    broker_noticed(mosquitto, goodbyes=2)
    with subscribed(mosquitto, inbox):
        assert inbox.take(1, 0.1) == []


def test_an_old_connections_receipt_does_not_acknowledge_a_new_message(start_mosquitto):
    # Without persistence the restarted broker numbers its messages from 1 again.
    broker, inbox = start_mosquitto("persistence false"), Inbox(1000)
    with subscribed(broker, inbox) as subscriber:
        send(broker, *numbered(3))
        stale = take(inbox, 3)
        broker.kill()
        assert eventually(lambda: not subscriber.connected)
        subscriber.acknowledge(stale[:1])
        broker.start()
        assert eventually(lambda: subscriber.connected, within_s=10)
        send(broker, b"new 1", b"new 2", b"new 3")
        lost, *new = take(inbox, 4)
        subscriber.acknowledge(stale[1:])
        time.sleep(0.1)

    assert lost.message.topic == "$ridgewatch/session-lost/ridgewatch-ingest"
    assert [d.receipt.packet_id for d in new] == [d.receipt.packet_id for d in stale]
    with subscribed(broker, inbox) as subscriber:
        again = take(inbox, 3)
        assert payloads(again) == [b"new 1", b"new 2", b"new 3"]
        subscriber.acknowledge(again)


def test_a_broker_killed_in_mid_stream_costs_nothing_that_it_kept(start_mosquitto):
    broker = start_mosquitto("autosave_on_changes true", "autosave_interval 1")
    inbox, came = Inbox(50), []
    with subscribed(broker, inbox) as subscriber:
        for sent in (100, 200):
            send(broker, *numbered(100, start=sent - 100))
            came += (some := take(inbox, 40))
            subscriber.acknowledge(some)
            time.sleep(0.05)
            broker.kill()
            broker.start()
            while len(set(payloads(came))) < sent and (some := inbox.take(50, 5)):
                came += some
                subscriber.acknowledge(some)

    assert set(payloads(came)) == set(numbered(200))
    assert not any(m.topic.startswith("$") for m in messages(came))


def test_a_session_that_the_broker_lost_is_told_until_that_is_on_disk_and_not_at_the_first_start(
    mosquitto, tmp_path
):
    inbox = Inbox(100)
    with subscribed(mosquitto, inbox, state_dir=tmp_path):
        assert inbox.take(1, 0.1) == []
    forget_session(mosquitto)

    with subscribed(mosquitto, inbox, state_dir=tmp_path):
        take(inbox, 1)  # and die before it is on disk: it is told again
    with subscribed(mosquitto, inbox, state_dir=tmp_path) as subscriber:
        (lost,) = messages(deliveries := take(inbox, 1))
        subscriber.acknowledge(deliveries)
        assert eventually(lambda: not told_later(tmp_path))
    with subscribed(mosquitto, inbox, state_dir=tmp_path):
        assert inbox.take(1, 0.1) == []

    assert lost.topic == "$ridgewatch/session-lost/ridgewatch-ingest"
    assert (lost.source, lost.received_ms) == ("subscriber", NOW_MS)


def told_later(state_dir):
    (file,) = state_dir.glob("mqtt-session-*.json")
    return json.loads(file.read_text())["lost"]


def forget_session(broker):
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id="ridgewatch-ingest", protocol=mqtt.MQTTv5
    )
    client.connect("127.0.0.1", broker.port, clean_start=True)
    client.loop_start()
    assert eventually(client.is_connected)
    client.disconnect()
    client.loop_stop()


def test_topics_that_are_no_longer_wanted_are_given_up(mosquitto, tmp_path):
    inbox = Inbox(100)
    with subscribed(mosquitto, inbox, "v3/#", state_dir=tmp_path):
        pass
    with subscribed(mosquitto, inbox, state_dir=tmp_path):
        send(mosquitto, b"old", topic="v3/x")
        send(mosquitto, b"new")
        assert payloads(take(inbox, 1)) == [b"new"]
    (file,) = tmp_path.glob("mqtt-session-*.json")
    assert json.loads(file.read_text())["topics"] == ["ridgewatch/#"]


def test_retained_messages_come_once_and_marked(mosquitto):
    inbox = Inbox(100)
    send(mosquitto, b"kept", retain=True)
    with subscribed(mosquitto, inbox) as subscriber:
        (kept,) = came = take(inbox, 1)
        subscriber.acknowledge(came)
        send(mosquitto, b"live", retain=True)
        (live,) = came = take(inbox, 1)
        subscriber.acknowledge(came)
    assert (kept.message.retain, live.message.retain) == (True, False)

    with subscribed(mosquitto, inbox):
        assert inbox.take(1, 0.1) == []


def test_a_full_inbox_makes_the_broker_wait(mosquitto):
    inbox, came = Inbox(10), []
    with subscribed(mosquitto, inbox) as subscriber:
        send(mosquitto, *numbered(300))
        longest = 0
        while len(came) < 300 and (some := inbox.take(7, 5)):
            longest = max(longest, len(inbox))
            came += some
            subscriber.acknowledge(some)
            time.sleep(0.001)
        assert subscriber.connected and subscriber.last_loop_age_s < 5

    assert payloads(came) == numbered(300)
    assert longest <= 10


def test_an_oversize_payload_is_recorded_without_its_content(mosquitto):
    inbox = Inbox(100)
    with subscribed(mosquitto, inbox) as subscriber:
        send(mosquitto, b"x" * (LARGEST_PACKET_BYTES + 1))
        (came,) = deliveries = take(inbox, 1)
        subscriber.acknowledge(deliveries)

    assert (came.message.payload, came.message.oversize_bytes) == (b"", LARGEST_PACKET_BYTES + 1)


def test_a_broker_that_is_away_is_tried_until_it_is_there(mosquitto):
    inbox = Inbox(100)
    mosquitto.stop()
    subscriber = Subscriber(Remote("127.0.0.1", mosquitto.port), (), inbox, lambda: NOW_MS)
    subscriber.start()
    time.sleep(0.3)
    assert not subscriber.connected and subscriber.last_loop_age_s < 5

    mosquitto.start()
    assert eventually(lambda: subscriber.connected, within_s=10)
    send(mosquitto, b"here")
    assert payloads(take(inbox, 1)) == [b"here"]
    subscriber.stop()


def test_a_refusal_is_no_connection(start_mosquitto):
    broker = start_mosquitto("allow_anonymous false")
    subscriber = Subscriber(Remote("127.0.0.1", broker.port), (), Inbox(9), lambda: NOW_MS)
    subscriber.start()
    time.sleep(0.3)

    assert not subscriber.connected
    subscriber.stop()


def test_a_failing_callback_ends_the_process_and_the_message_stays_with_the_broker(mosquitto):
    program = textwrap.dedent(f"""
        import time
        from ingest.inbox import Inbox
        from ingest.subscriber import Subscriber
        from models.settings_text import Remote

        class FullDisk(Inbox):
            def extend(self, deliveries):
                raise MemoryError("no room")

        Subscriber(Remote("127.0.0.1", {mosquitto.port}), (), FullDisk(9), lambda: 0).start()
        time.sleep(20)
    """)
    child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    with publishing(mosquitto) as client:
        while child.poll() is None:
            client.publish(TOPIC, b"poison", qos=1)
            time.sleep(0.1)

    assert child.returncode == 70
    assert "no room" in child.stderr.read()
    with subscribed(mosquitto, inbox := Inbox(1000)):
        assert payloads(take(inbox, 1)) == [b"poison"]


def test_over_tls_the_broker_is_checked_and_the_password_given(start_mosquitto, tmp_path):
    (certificate, key), passwords = make_certificate(tmp_path), tmp_path / "passwords"
    run("mosquitto_passwd", "-b", "-c", passwords, "ridge", "w:t@h")
    broker = start_mosquitto(
        f"certfile {certificate}",
        f"keyfile {key}",
        "allow_anonymous false",
        f"password_file {passwords}",
    )
    address, inbox = ("127.0.0.1", broker.port, True), Inbox(100)

    trusted = Subscriber(
        Remote(*address, "ridge", "w:t@h"), (), inbox, lambda: NOW_MS, ca=certificate
    )
    trusted.start()
    assert eventually(lambda: trusted.connected, within_s=10)
    trusted.stop()
    for remote, ca in ((Remote(*address, "ridge", "wrong"), certificate),
                       (Remote(*address, "ridge", "w:t@h"), None)):  # fmt: skip
        doubtful = Subscriber(remote, (), inbox, lambda: NOW_MS, ca=ca)
        doubtful.start()
        time.sleep(0.3)
        assert not doubtful.connected
        doubtful.stop()


def run(*argv):
    subprocess.run([str(each) for each in argv], check=True, capture_output=True)


def test_rules_that_the_source_itself_must_keep():
    """paho's traps that no message shows: held by reading what we call (reliability of paho 2)."""
    calls = {}
    for name in ("subscriber", "broker", "subscription"):
        source = (ROOT / "ingest" / f"{name}.py").read_text()
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                calls.setdefault(node.func.attr, []).append({k.arg for k in node.keywords})
        assert "suppress_exceptions" not in source

    # Publishing or waiting inside a callback can deadlock it; its own thread can die unseen.
    assert not calls.keys() & {"publish", "wait_for_publish", "is_published", "loop_start"}
    connects = [keywords for keywords in calls["connect"] if keywords]
    assert connects == [{"clean_start", "properties"}]


def test_whatever_a_publisher_chose_it_is_delivered_at_qos_1_at_most(mosquitto):
    # QoS 2 is worse than 1 for us: paho keeps its state in memory and confirms before we see it.
    inbox = Inbox(10)
    with subscribed(mosquitto, inbox) as subscriber, publishing(mosquitto) as client:
        for qos in (0, 1, 2):
            client.publish(TOPIC, b"%d" % qos, qos=qos).wait_for_publish(5)
        came = take(inbox, 3)
        subscriber.acknowledge(came)

    assert {m.payload: m.qos for m in messages(came)} == {b"0": 0, b"1": 1, b"2": 1}


def test_acknowledgements_leave_in_the_order_of_arrival_though_the_worker_gives_them_late(
    start_mosquitto,
):
    broker = start_mosquitto("log_type all")
    inbox = Inbox(100)
    with subscribed(broker, inbox) as subscriber:
        send(broker, *numbered(20))
        came = take(inbox, 20)
        subscriber.acknowledge(came[:5])
        subscriber.acknowledge(came[5:])
        assert eventually(lambda: len(acknowledged(broker)) == 20)

    assert acknowledged(broker) == [d.receipt.packet_id for d in came]


def acknowledged(broker):
    said = broker.child.stderr
    return [int(n) for n in re.findall(r"PUBACK from ridgewatch-ingest \(Mid: (\d+)", said)]


def test_the_ingester_trusts_the_authority_that_the_settings_name(
    sqlite_store, processes, start_mosquitto, tmp_path
):
    certificate, key = make_certificate(tmp_path)
    broker = start_mosquitto(f"certfile {certificate}", f"keyfile {key}")
    house = House(sqlite_store, processes)
    house.more = {
        "RIDGEWATCH_MQTT_URL": f"mqtts://127.0.0.1:{broker.port}",
        "RIDGEWATCH_MQTT_CA": str(certificate),
    }
    house.start("ingest").wait_for_text("session=0")
