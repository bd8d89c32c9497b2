"""The receiver with TLS: the same promises, and renewal without a restart."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest.inbox import Inbox
from ingest.receiver import listener
from ingest.receiver.certificate import Certificate
from ingest.receiver.door import Door
from ingest.receiver.listener import Receiver
from tests.ingest.certificates import make_certificate
from tests.ingest.publisher import (
    NOW_MS,
    Publisher,
    connect,
    eventually,
    messages,
    puback,
    publish,
    take,
)
from tests.roles import House


@pytest.fixture
def files(tmp_path):
    return make_certificate(tmp_path)


@contextmanager
def receiving(files, *more, limit=1000):
    inbox = Inbox(limit)
    doors = [Door("127.0.0.1", 0, certificate=Certificate(*files), anonymous=True), *more]
    receiver = Receiver(doors, inbox, lambda: NOW_MS)
    receiver.start()
    try:
        yield receiver, inbox
    finally:
        receiver.stop()


class Secured(Publisher):
    """A publisher over TLS that trusts one file."""

    def __init__(self, port, ca, greeting=None):
        context = ssl.create_default_context(cafile=str(ca))
        plain = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.connack = b""
        if greeting:
            self.say(greeting)
            self.connack = self.hear_packet()

    @property
    def name(self):
        (((_, name),),) = self.socket.getpeercert()["subject"]
        return name


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_paho_publishes_over_tls(files, version):
    with receiving(files) as (receiver, inbox):
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="p", protocol=version)
        client.tls_set(ca_certs=str(files[0]))
        client.max_inflight_messages_set(1000)
        acknowledged = []
        client.on_publish = lambda c, u, mid, reason, p: acknowledged.append(mid)
        client.connect("127.0.0.1", receiver.port)
        client.loop_start()
        for number in range(200):
            client.publish("t", b"%d" % number * 100, qos=1)
        came = take(inbox, 200, within_s=10)
        assert acknowledged == []
        receiver.acknowledge(came)
        assert eventually(lambda: len(acknowledged) == 200)
        client.disconnect()
        client.loop_stop()
        assert eventually(lambda: receiver.connections == 0)


@pytest.mark.usefixtures("start_mosquitto")
def test_mosquitto_pub_publishes_over_tls_and_an_unknown_authority_is_not_trusted(files, tmp_path):
    other = make_certificate(tmp_path, "other")
    with receiving(files) as (receiver, inbox):
        for ca, is_trusted in ((files[0], True), (other[0], False)):
            options = ["-h", "127.0.0.1", "-p", str(receiver.port), "--cafile", str(ca)]
            argv = ["mosquitto_pub", *options, "-q", "0", "-t", "t", "-m", "x"]
            done = subprocess.run(argv, capture_output=True, timeout=20)
            assert (done.returncode == 0) == is_trusted
        assert [m.payload for m in messages(take(inbox, 1))] == [b"x"]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_1_1_and_plain_mqtt_are_turned_down(files):
    with receiving(files) as (receiver, inbox):
        plain = Publisher(receiver.port)
        plain.say(connect("n"))
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as raw:
            with pytest.raises(OSError):
                old.wrap_socket(raw)

        assert plain.hear(100)[:1] in (b"", b"\x15")  # at most a TLS alert, never a CONNACK
        assert plain.is_closed()
        node = Secured(receiver.port, files[0], connect("n"))
        assert node.connack == b"\x20\x02\0\0"
        assert receiver.connections == 1 and len(inbox) == 0


def test_one_receiver_listens_in_the_clear_and_with_tls(files):
    with receiving(files, Door("127.0.0.1", 0, anonymous=False)) as (receiver, inbox):
        tls, clear = receiver.ports
        secured = Secured(tls, files[0], connect("a"))
        refused = Publisher(clear, connect("b"))
        assert refused.connack == b"\x20\x02\0\x05"  # each door has its own rules
        secured.say(publish("t", b"x" * 100_000, 1))
        came = take(inbox, 1)
        receiver.acknowledge(came)
        assert secured.hear(4) == puback(1)


def test_a_renewed_certificate_is_taken_up_and_connections_stay(files, tmp_path, monkeypatch):
    monkeypatch.setattr(listener, "LOOK_AFTER_EVERY_S", 0.05)
    monkeypatch.setattr(listener, "CHECK_KEYS_EVERY_S", 0.05)
    renewed = make_certificate(tmp_path, "renewed", common_name="renewed")
    with receiving(files) as (receiver, inbox):
        before = Secured(receiver.port, files[0], connect("before"))
        first_ca = shutil.copy(files[0], tmp_path / "first-ca.pem")

        # Half of a renewal: the new chain is there, its key is not yet.
        os.replace(shutil.copy(renewed[0], tmp_path / "half"), files[0])
        wait_for_a_look(receiver)
        assert Secured(receiver.port, first_ca, connect("between")).name == "receiver"
        os.replace(shutil.copy(renewed[1], tmp_path / "half"), files[1])

        assert eventually(lambda: named(receiver.port, renewed[0]) == "renewed")
        before.say(publish("t", b"x", 1))
        receiver.acknowledge(take(inbox, 1))
        assert before.hear(4) == puback(1)


def wait_for_a_look(receiver):
    """Two rounds of the loop have seen the files."""
    for _ in range(2):
        looked = receiver._looped_at
        assert eventually(lambda at=looked: receiver._looped_at > at)


def named(port, ca):
    try:
        return Secured(port, ca).name
    except ssl.SSLError:
        return ""


def test_over_tls_too_a_full_inbox_stops_the_reading_and_loses_nothing(files):
    with receiving(files, limit=10) as (receiver, inbox):
        node = Secured(receiver.port, files[0], connect("n"))
        sent = [publish("t", b"%d" % n + b"x" * 500, n) for n in range(1, 1001)]
        sending = threading.Thread(target=node.say, args=sent, daemon=True)
        sending.start()
        longest, came = 0, []
        while len(came) < 1000:
            longest = max(longest, len(inbox))
            taken = inbox.take(7, 5)
            assert taken
            came += taken
            receiver.acknowledge(taken)
        sending.join()

        assert longest <= 10
        assert [m.payload.rstrip(b"x") for m in messages(came)] == [
            b"%d" % n for n in range(1, 1001)
        ]
        assert node.hear(4000) == b"".join(puback(n) for n in range(1, 1001))


def test_two_hundred_handshakes_that_never_end_keep_nobody_out(files):
    with receiving(files) as (receiver, _):
        slow = [Publisher(receiver.port) for _ in range(200)]
        for number, one in enumerate(slow):
            one.say(b"\x16\x03\x01\x02\x00\x01"[: number % 6])

        assert Secured(receiver.port, files[0], connect("n")).connack == b"\x20\x02\0\0"
        for one in slow:
            one.close()


def test_the_ingester_listens_with_tls_and_says_what_is_wrong_with_a_certificate(
    sqlite_store, processes, files, tmp_path
):
    house = House(sqlite_store, processes)
    house.more = {
        "RIDGEWATCH_MQTT_LISTEN": f"mqtts://127.0.0.1:{house.mqtt_port}",
        "RIDGEWATCH_MQTT_TLS_CERT": str(files[0]),
        "RIDGEWATCH_MQTT_TLS_KEY": str(files[1]),
    }
    house.start("ingest").wait_for_text("role=ingest")
    node = Secured(house.mqtt_port, files[0], connect("n"))
    node.say(publish("t", b"x", 1))
    assert node.hear(4) == puback(1)

    house.more["RIDGEWATCH_MQTT_TLS_KEY"] = str(make_certificate(tmp_path, "other")[1])
    refused = house.run("ingest")
    assert refused.returncode == 2
    assert "belong together" in refused.stderr and "Traceback" not in refused.stderr
