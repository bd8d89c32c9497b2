"""The receiver, spoken to byte by byte: acknowledged means committed, and nobody can break it."""

import random
import threading
import time
from contextlib import contextmanager

import pytest

from ingest.inbox import MOST_BYTES, Inbox
from ingest.message import LARGEST_PACKET_BYTES
from ingest.receiver import listener, sessions
from ingest.receiver.door import Door
from ingest.receiver.keys import Grant
from ingest.receiver.listener import Receiver
from ingest.receiver.wire import Code
from tests.ingest.publisher import (
    NOW_MS,
    V5,
    V311,
    Publisher,
    connect,
    eventually,
    messages,
    packet,
    puback,
    publish,
    take,
    text,
)

PING, PONG, GOODBYE = b"\xc0\0", b"\xd0\0", b"\xe0\0"


class Keys:
    """A key book of two devices' keys and one of a network."""

    def __init__(self):
        self.revoked = set()

    def holds(self, username, grant):
        return username not in self.revoked

    def check(self, client_id, username, password):
        if password == b"broken":
            raise RuntimeError("the database is away")
        return {
            ("node-1", b"right"): Grant("node-1", ("ridgewatch/tianning/node-1/#",)),
            ("node-2", b"right"): Grant("node-2", ("ridgewatch/tianning/node-2/#",)),
            ("network", b"right"): Grant(None, ("application/#",)),
        }.get((username, password))


@contextmanager
def receiving(limit=1000, limit_of_pace=None, most_bytes=MOST_BYTES, **options):
    inbox = Inbox(limit, most_bytes=most_bytes)
    door = Door("127.0.0.1", 0, anonymous="keys" not in options, limit=limit_of_pace)
    receiver = Receiver([door], inbox, lambda: NOW_MS, **options)
    receiver.start()
    try:
        yield receiver, inbox
    finally:
        receiver.stop()


def reason(goodbye: bytes) -> Code:
    assert goodbye[:2] == b"\xe0\x01"
    return Code(goodbye[2])


def test_a_message_is_handed_over_as_it_came():
    with receiving(timezone="Asia/Shanghai") as (receiver, inbox):
        node = Publisher(receiver.port, connect("node-1"))
        node.say(publish("ridgewatch/t/n/senml", b"[]", 7, flags=0x09))
        (delivery,) = take(inbox, 1)

    message = delivery.message
    assert node.connack == b"\x20\x02\0\0"
    assert (message.topic, message.payload, message.qos) == ("ridgewatch/t/n/senml", b"[]", 1)
    assert (message.retain, message.dup, message.resumed) == (True, True, False)
    assert (message.client, message.device, message.source) == ("node-1", None, "receiver")
    assert (message.received_ms, message.timezone) == (NOW_MS, "Asia/Shanghai")


@pytest.mark.parametrize("version", [V311, V5])
def test_puback_comes_after_acknowledge_and_not_before(version):
    with receiving() as (receiver, inbox):
        node = Publisher(receiver.port, connect(version=version))
        node.say(*(publish("t", b"x", n, version) for n in range(1, 6)))
        deliveries = take(inbox, 5)

        assert node.hears_nothing()
        receiver.acknowledge(deliveries[:2])
        assert node.hear(8) == puback(1) + puback(2)
        assert node.hears_nothing()
        receiver.acknowledge(deliveries[2:])
        assert node.hear(12) == puback(3) + puback(4) + puback(5)


def test_mqtt_5_is_told_what_is_offered():
    with receiving() as (receiver, _):
        connack = Publisher(receiver.port, connect("", V5)).connack

    assert connack[2:4] == b"\0\0"
    for offered in (b"\x24\x01", b"\x25\x00", b"\x27\x00\x40\x00\x00", b"\x21\x03\xe8"):
        assert offered in connack[5:]
    assert b"\x12\0\x25auto-" in connack


def test_a_dead_connections_receipt_is_dropped_and_the_redelivery_accepted():
    with receiving() as (receiver, inbox):
        first = Publisher(receiver.port, connect("n", clean=False))
        first.say(publish("t", b"one", 1))
        held = take(inbox, 1)
        first.close()
        assert eventually(lambda: receiver.connections == 0)

        again = Publisher(receiver.port, connect("n", clean=False))
        again.say(publish("t", b"two", 1), publish("t", b"one", 2, flags=0x08))
        receiver.acknowledge(held)  # the old connection's number 1 is not the new one's

        assert again.connack == b"\x20\x02\x01\0"
        assert again.hears_nothing()
        redelivered = take(inbox, 2)
        assert [(m.payload, m.dup, m.resumed) for m in messages(redelivered)] == [
            (b"two", False, True),
            (b"one", True, False),
        ]
        receiver.acknowledge(redelivered)
        assert again.hear(8) == puback(1) + puback(2)


def test_a_lasting_session_is_remembered_across_a_restart(tmp_path):
    file = tmp_path / "sessions"
    lasting = connect("n", V5, clean=False, properties=b"\x11\xff\xff\xff\xff")
    with receiving(sessions_file=file) as (receiver, _):
        assert Publisher(receiver.port, lasting).connack[2] == 0
        Publisher(receiver.port, connect("brief", V5, clean=False))
    with file.open("a") as torn:
        torn.write('+"half')

    with receiving(sessions_file=file) as (receiver, inbox):
        node = Publisher(receiver.port, lasting)
        assert node.connack[2] == 1
        assert Publisher(receiver.port, connect("brief", V5, clean=False)).connack[2] == 0
        node.say(publish("t", b"x", 1, V5))
        assert take(inbox, 1)[0].message.resumed
        assert Publisher(receiver.port, connect("n", V5, clean=True)).connack[2] == 0

    with receiving(sessions_file=file) as (receiver, _):
        assert Publisher(receiver.port, lasting).connack[2] == 0


def test_the_will_of_a_connection_that_dies_is_published_and_its_end_told():
    with receiving() as (receiver, inbox):
        Publisher(receiver.port, connect("n", will=("ridgewatch/t/n/will", b"gone"))).close()
        will, gone = messages(take(inbox, 2))

        assert (will.topic, will.payload, will.client) == ("ridgewatch/t/n/will", b"gone", "n")
        assert will.qos == 1  # it was safe with us: its device is not one that may lose messages
        assert gone.topic == "$ridgewatch/gone/n"

        polite = Publisher(receiver.port, connect("p", will=("t", b"gone")))
        polite.say(GOODBYE)
        assert polite.is_closed()
        hinting = Publisher(receiver.port, connect("h", V5, will=("t", b"h")))
        hinting.say(b"\xe0\x01\x04")
        assert [m.client for m in messages(take(inbox, 2))] == ["h", "h"]
        assert len(inbox) == 0


def test_a_delayed_will_is_dropped_when_the_client_is_back_in_time():
    delayed = {"properties": b"\x11\0\0\0\x3c", "will_properties": b"\x18\0\0\0\x01"}
    with receiving() as (receiver, inbox):
        greeting = connect("n", V5, clean=False, will=("t", b"gone"), **delayed)
        Publisher(receiver.port, greeting).close()
        assert eventually(lambda: receiver.connections == 0)
        back = Publisher(receiver.port, greeting)
        assert back.connack[2] == 1
        assert inbox.take(1, 0.2) == []

        back.close()
        assert eventually(lambda: receiver.connections == 0)
        Publisher(receiver.port, connect("n", V5, clean=True))  # ends the session, and the delay
        assert messages(take(inbox, 2))[0].payload == b"gone"


def test_a_second_connection_with_the_same_client_id_takes_over():
    with receiving() as (receiver, inbox):
        old = Publisher(receiver.port, connect("n", V5, will=("t", b"gone")))
        new = Publisher(receiver.port, connect("n", V5))

        assert reason(old.hear_packet()) is Code.TAKEN_OVER
        assert old.is_closed()
        new.say(publish("t", b"here", 1, V5))
        came = take(inbox, 3)
        assert [m.payload for m in messages(came)] == [b"gone", b"", b"here"]
        receiver.acknowledge(came)
        assert new.hear(4) == puback(1)
        assert receiver.connections == 1


@pytest.mark.parametrize(
    "greeting, connack",
    [
        (connect("n"), b"\x20\x02\0\x05"),
        (connect("n", V5), b"\x20\x03\0\x87\0"),
        (connect("n", user=("node-1", "wrong")), b"\x20\x02\0\x04"),
        (connect("n", V5, user=("node-1", "wrong")), b"\x20\x03\0\x86\0"),
        (connect("n", user=("node-1", "broken")), b"\x20\x02\0\x03"),
        (connect("n", user=("node-1", "right"), will=("other", b"")), b"\x20\x02\0\x05"),
        (connect("", clean=False), b"\x20\x02\0\x02"),
        (connect("n" * 300), b"\x20\x02\0\x02"),
        (packet(0x10, text("MQIsdp") + b"\3\2\0\0\0\1n"), b"\x20\x02\0\x01"),
        (connect("n", V5, properties=b"\x15\0\1x"), b"\x20\x03\0\x8c\0"),
    ],
)
def test_who_may_not_come_in_is_told_so(greeting, connack):
    with receiving(keys=Keys()) as (receiver, inbox):
        node = Publisher(receiver.port, greeting)

        assert node.connack == connack
        assert node.is_closed()
        assert receiver.connections == 0 and len(inbox) == 0


def test_a_device_key_publishes_as_its_device_under_its_topics_only():
    own, other = "ridgewatch/tianning/node-1/senml", "ridgewatch/tianning/node-2/senml"
    with receiving(keys=Keys()) as (receiver, inbox):
        node = Publisher(receiver.port, connect("n", V5, user=("node-1", "right")))
        node.say(publish(own, b"a", 1, V5), publish(other, b"b", 2, V5), publish(own, b"c", 3, V5))
        came = take(inbox, 2)

        assert {m.device for m in messages(came)} == {"node-1"}
        assert node.hears_nothing()  # also the refusal waits for its turn
        receiver.acknowledge(came)
        assert node.hear(13) == puback(1) + b"\x40\x03\0\x02\x87" + puback(3)
        assert receiver.counts.refused == 1


def test_an_old_client_is_never_told_success_for_a_refused_message():
    with receiving(keys=Keys()) as (receiver, inbox):
        node = Publisher(receiver.port, connect("n", user=("network", "right")))
        node.say(publish("application/1/up", b"a", 1), publish("$SYS/x", b"b", 2))

        assert node.is_closed()
        assert messages(take(inbox, 1))[0].device is None


@pytest.mark.parametrize("victim", ["node-1", "network"])
def test_one_key_does_not_push_out_anothers_connection(victim):
    with receiving(keys=Keys()) as (receiver, _):
        first = Publisher(receiver.port, connect("n", user=(victim, "right")))
        second = Publisher(receiver.port, connect("n", V5, user=("node-2", "right")))

        assert second.connack == b"\x20\x03\0\x85\0"
        first.say(PING)
        assert first.hear(2) == PONG
        Publisher(receiver.port, connect("n", user=(victim, "right")))
        assert first.is_closed()  # its own key may: the device has started again


def test_who_comes_under_a_strangers_client_id_does_not_silence_its_will():
    delayed = {"properties": b"\x11\0\0\0\x3c", "will_properties": b"\x18\0\0\0\x30"}
    topic = "ridgewatch/tianning/node-1/will"
    with receiving(keys=Keys()) as (receiver, inbox):
        greeting = connect("n", V5, user=("node-1", "right"), will=(topic, b"gone"), **delayed)
        Publisher(receiver.port, greeting).close()
        assert eventually(lambda: receiver.connections == 0)

        Publisher(receiver.port, connect("n", V5, clean=False, user=("node-2", "right")))

        assert messages(take(inbox, 2))[0].payload == b"gone"


def test_a_revoked_key_ends_the_connection_that_it_opened(monkeypatch):
    monkeypatch.setattr(listener, "LOOK_AFTER_EVERY_S", 0.05)
    monkeypatch.setattr(listener, "CHECK_KEYS_EVERY_S", 0.05)
    keys = Keys()
    with receiving(keys=keys) as (receiver, _):
        revoked = Publisher(receiver.port, connect("n", V5, user=("node-1", "right")))
        other = Publisher(receiver.port, connect("m", V5, user=("node-2", "right")))
        keys.revoked.add("node-1")

        assert reason(revoked.hear_packet()) is Code.NOT_AUTHORISED
        other.say(PING)
        assert other.hear(2) == PONG


@pytest.mark.parametrize("kept_bytes", [0, 3])
def test_an_oversize_message_is_drained_recorded_and_acknowledged(kept_bytes):
    body = b"x" * (LARGEST_PACKET_BYTES + kept_bytes)
    huge = publish("ridgewatch/t/n/photo", body, 9)
    with receiving() as (receiver, inbox):
        node = Publisher(receiver.port, connect("n"))
        node.say(publish("t", b"before", 8), huge, publish("t", b"after", 10))
        before, oversize, after = came = take(inbox, 3)

        assert (before.message.payload, after.message.payload) == (b"before", b"after")
        assert (oversize.message.topic, oversize.message.payload) == ("ridgewatch/t/n/photo", b"")
        assert oversize.message.oversize_bytes == len(huge)
        receiver.acknowledge(came)
        assert node.hear(12) == puback(8) + puback(9) + puback(10)


def test_what_an_oversize_message_holds_is_no_message_of_its_own():
    inner = publish("t", b"inner", 2)
    outer = publish("t", bytes(LARGEST_PACKET_BYTES) + inner + bytes(100), 1)
    with receiving() as (receiver, inbox):
        node = Publisher(receiver.port, connect("n"))
        at = outer.index(inner)
        for part in (outer[:at], inner, outer[at + len(inner) :], publish("t", b"after", 3)):
            node.say(part)
            time.sleep(0.05)  # each in a read of its own
        came = take(inbox, 2)
        receiver.acknowledge(came)
        assert [(m.payload, bool(m.oversize_bytes)) for m in messages(came)] == [
            (b"", True),
            (b"after", False),
        ]
        assert node.hear(8) == puback(1) + puback(3)


def test_the_largest_packet_that_is_offered_is_taken():
    head = len(publish("t", b"", 1)) + 3
    with receiving() as (receiver, inbox):
        node = Publisher(receiver.port, connect("n"))
        node.say(publish("t", b"x" * (LARGEST_PACKET_BYTES - head), 1))

        (message,) = messages(take(inbox, 1))
        assert len(message.payload) == LARGEST_PACKET_BYTES - head
        assert not message.oversize_bytes


def test_a_full_inbox_stops_the_reading_and_loses_nothing():
    with receiving(limit=10) as (receiver, inbox):
        nodes = [Publisher(receiver.port, connect(f"n{n}")) for n in range(2)]
        sent = [publish("t", b"%d" % n, n) for n in range(1, 501)]
        for node in nodes:
            node.say(*sent)

        longest, came = 0, []
        while len(came) < 1000:
            time.sleep(0.001)
            longest = max(longest, len(inbox))
            taken = inbox.take(7, 2)
            assert taken
            came += taken
            receiver.acknowledge(taken)

        assert longest <= 10
        for number in range(2):
            payloads = [m.payload for m in messages(came) if m.client == f"n{number}"]
            assert payloads == [b"%d" % n for n in range(1, 501)]
            assert nodes[number].hear(2000) == b"".join(puback(n) for n in range(1, 501))


def test_mqtt_5_may_not_have_more_under_way_than_it_was_told():
    with receiving(limit=5000) as (receiver, inbox):
        node = Publisher(receiver.port, connect("n", V5))
        node.say(*(publish("t", b"", n, V5) for n in range(1, 1002)))

        assert reason(node.hear_packet()) is Code.TOO_MANY_UNACKNOWLEDGED
        take(inbox, 1000)


@pytest.mark.parametrize(
    "said, code",
    [
        (publish("t", b"xy", version=V5, flags=0x04), Code.QOS_NOT_SUPPORTED),
        (publish("t", version=V5, flags=0x01), Code.NO_RETAIN),
        (publish("", version=V5, properties=b"\x23\0\1"), Code.BAD_TOPIC_ALIAS),
        (publish("a/+", version=V5), Code.BAD_TOPIC),
        (b"\x30\xff\xff\xff\xff\xff", Code.MALFORMED_PACKET),
        (connect("n", V5), Code.PROTOCOL_ERROR),
        (b"\x82\xff\xff\xff\x7f", Code.TOO_LARGE),
        (b"\xe0\x07\0\x05\x11\0\0\0\1", Code.PROTOCOL_ERROR),
    ],
)
def test_mqtt_5_is_told_why_its_connection_ends(said, code):
    with receiving() as (receiver, inbox):
        node = Publisher(receiver.port, connect("n", V5))
        node.say(publish("t", b"good", 1, V5), said)

        assert reason(node.hear_packet()) is code
        assert node.is_closed()
        assert messages(take(inbox, 1))[0].payload == b"good"


def test_subscriptions_are_granted_and_nothing_is_routed():
    with receiving() as (receiver, inbox):
        node = Publisher(receiver.port, connect("n"))
        node.say(packet(0x82, b"\0\1" + text("t/#") + b"\1" + text("a/#/b") + b"\0"))
        assert node.hear_packet() == b"\x90\x04\0\1\0\x80"
        node.say(publish("t/1", b"x"), PING, packet(0xA2, b"\0\2" + text("t/#")))
        assert node.hear(6) == PONG + b"\xb0\x02\0\2"

        new = Publisher(receiver.port, connect("m", V5))
        new.say(packet(0x82, b"\0\1\0" + text("t/#") + b"\2"), packet(0xA2, b"\0\2\0" + text("t")))
        assert new.hear(6) == b"\x90\x04\0\1\0\0"
        assert new.hear(6) == b"\xb0\x04\0\2\0\0"
        take(inbox, 1)


def test_whoever_falls_silent_is_closed_and_his_will_published(monkeypatch):
    monkeypatch.setattr(sessions, "CONNECT_WITHIN_S", 0.5)
    with receiving() as (receiver, inbox):
        mute = Publisher(receiver.port)
        half = Publisher(receiver.port)
        half.say(connect("n")[:7])
        silent = Publisher(receiver.port, connect("n", V5, keep_alive_s=1, will=("t", b"gone")))

        assert mute.is_closed() and half.is_closed()
        assert reason(silent.hear_packet()) is Code.KEEP_ALIVE_TIMEOUT
        assert messages(take(inbox, 2))[0].payload == b"gone"


def test_packets_may_come_in_any_pieces():
    with receiving() as (receiver, inbox):
        node = Publisher(receiver.port)
        for byte in connect("n") + publish("t", b"x" * 20, 1) + publish("t", b"y", 2):
            node.say(bytes((byte,)))
        assert [m.payload for m in messages(take(inbox, 2))] == [b"x" * 20, b"y"]


LONG_TOPIC = "t/" + "长" * 21_844  # 65,534 bytes, one below the most that MQTT can say


@pytest.mark.parametrize(
    "greeting, said, came",
    [
        (connect(""), publish("t", b"", 65_535), ("t", b"")),
        (connect("n"), publish(LONG_TOPIC, b"x"), (LONG_TOPIC, b"x")),
        (connect("n"), publish("/", b"x"), ("/", b"x")),
        (connect("n"), publish(" 金 刚 殿 / ", b"\xff"), (" 金 刚 殿 / ", b"\xff")),
        (connect("n", clean=False, keep_alive_s=65_535), publish("t", b"x"), ("t", b"x")),
        (connect("长" * 250), b"\x30\x84\x00\0\1tx", ("t", b"x")),  # a length in two bytes
        (connect("n", V5, user=("", "")), publish("t", b"x", version=V5), ("t", b"x")),
        (
            connect("n", V5, properties=b"\x27\0\0\0\x80\x21\0\1\x22\0\x0a\x19\1\x17\0"),
            publish("t", b"x", 1, V5, properties=b"\x02\0\0\0\1\x08\0\1r\x09\0\0\x26\0\0\0\0"),
            ("t", b"x"),
        ),
    ],
)
def test_what_is_unusual_but_legal_is_taken(greeting, said, came):
    with receiving() as (receiver, inbox):
        node = Publisher(receiver.port, greeting)
        assert node.connack[3] == 0
        node.say(said, PING)
        (message,) = messages(take(inbox, 1))
        assert (message.topic, message.payload) == came
        assert node.hear(2) == PONG


def test_mqtt_5_may_be_without_a_user_name_but_with_a_password():
    with receiving(keys=Keys()) as (receiver, _):
        greeting = connect("n", V5, flags=0x40)
        body = greeting[2:] + text("right")
        assert Publisher(receiver.port, packet(0x10, body)).connack == b"\x20\x03\0\x86\0"


def test_messages_sent_right_behind_connect_wait_for_the_key():
    with receiving(keys=Keys()) as (receiver, inbox):
        node = Publisher(receiver.port)
        hello = connect("n", user=("network", "right"))
        node.say(hello, *(publish("application/1", b"", n) for n in range(1, 51)), GOODBYE)
        assert len(take(inbox, 50)) == 50


def test_garbage_on_the_wire_harms_nobody():
    dice = random.Random(5)
    with receiving() as (receiver, inbox):
        good = Publisher(receiver.port, connect("good"))
        for number in range(150):
            node = Publisher(receiver.port)
            if number % 2:
                node.say(connect(f"n{number}", dice.choice((V311, V5))))
            node.say(dice.randbytes(dice.randrange(1, 400)))
            node.close()
        good.say(publish("t", b"still here", 1))

        assert eventually(lambda: b"still here" in drained(inbox))
        assert eventually(lambda: receiver.connections == 1)
        assert receiver.last_loop_age_s < 5


def drained(inbox):
    return [m.payload for m in messages(inbox.take(1000, 0.05))]


def test_a_client_that_reads_no_answers_is_not_read_either():
    with receiving(limit=1_000_000) as (receiver, _):
        node = Publisher(receiver.port, connect("n"))
        node.socket.setblocking(False)
        sent = 0
        with pytest.raises(BlockingIOError):
            for _ in range(5000):
                sent += node.socket.send(PING * 20_000)

        other = Publisher(receiver.port, connect("m"))
        other.say(PING)
        assert other.hear(2) == PONG


def test_a_taken_address_is_an_error_at_start():
    with receiving() as (receiver, inbox):
        with pytest.raises(OSError):
            Receiver([Door("127.0.0.1", receiver.port)], inbox, lambda: 0).start()


def test_stop_says_goodbye_without_wills_and_late_receipts_are_harmless():
    with receiving() as (receiver, inbox):
        node = Publisher(receiver.port, connect("n", V5, will=("t", b"gone")))
        node.say(publish("t", b"x", 1, V5))
        held = take(inbox, 1)

    assert reason(node.hear_packet()) is Code.SHUTTING_DOWN
    receiver.acknowledge(held)
    assert len(inbox) == 0 and not any(t.name == "receiver" for t in threading.enumerate())


def test_many_idle_connections_are_cheap():
    with receiving() as (receiver, _):
        nodes = [Publisher(receiver.port, connect(f"n{n}", keep_alive_s=60)) for n in range(400)]

        assert receiver.connections == len(nodes)
        used = time.thread_time()
        nodes[0].say(PING)
        assert nodes[0].hear(2) == PONG and time.thread_time() - used < 0.1
        for node in nodes:
            node.close()
