"""Whatever comes over the wire, the receiver goes on, its memory stays, and the others are served.

`make test` runs a few hundred seeded conversations; `make test-long` half a minute of them.
"""

import logging
import random
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.inbox import Inbox
from ingest.message import LARGEST_PACKET_BYTES
from ingest.receiver.door import Door
from ingest.receiver.listener import Receiver
from ingest.receiver.reception import MOST_LINES_A_SECOND
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
    varint,
)

PING, PONG, GOODBYE = b"\xc0\0", b"\xd0\0", b"\xe0\0"
MEBIBYTE = 1024 * 1024


def valid(version: int) -> list[bytes]:
    """Return one of everything that a publisher may say."""
    more = {"version": version}
    if version == V5:
        properties = b"\x01\x01\x02\0\0\0\x09\x03" + text("json") + b"\x26" + text("a") + text("b")
        return [
            connect("v5", V5, clean=False, keep_alive_s=60, user=("u", "p"), will=("t", b"gone"),
                    properties=b"\x11\0\0\0\x3c\x21\0\x0a\x26\0\1a\0\1b",
                    will_properties=b"\x18\0\0\0\x05\x08" + text("answer")),
            publish("a/b", b"payload", 5, properties=properties, **more),
            publish("a/b", b"", **more),
            packet(0x82, b"\0\1\x02\x0b\x01" + text("a/#") + b"\x2d"),
            packet(0xA2, b"\0\2\0" + text("a/#")),
            PING,
            packet(0xE0, b"\x04\x05\x11\0\0\0\7"),
        ]  # fmt: skip
    return [
        connect("v4", clean=False, keep_alive_s=60, user=("u", "p"), will=("t", b"gone")),
        publish("a/b", b"payload", 5, flags=0x09),
        publish("a/b", b""),
        packet(0x34, text("a/b") + b"\0\7twice"),
        packet(0x62, b"\0\7"),
        packet(0x82, b"\0\1" + text("a/#") + b"\1"),
        packet(0xA2, b"\0\2" + text("a/#")),
        PING,
        GOODBYE,
    ]


@contextmanager
def receiving():
    inbox = Inbox(1_000_000)
    receiver = Receiver([Door("127.0.0.1", 0, anonymous=True)], inbox, lambda: NOW_MS)
    receiver.start()
    try:
        yield receiver, inbox
    finally:
        receiver.stop()


@pytest.fixture(scope="module")
def served():
    """A receiver, and a client of good manners that has to be served all the time."""
    with receiving() as (receiver, inbox):
        yield receiver, inbox, Publisher(receiver.port, connect("good"))


def converse(port: int, said: list[bytes]) -> None:
    """Say it as one who doesn't care for answers."""
    stranger = Publisher(port)
    try:
        for each in said:
            stranger.say(each)
    except OSError:  # closed on: that is an answer too
        pass
    finally:
        stranger.close()


def check_all_is_well(receiver: Receiver, inbox: Inbox, good: Publisher) -> None:
    good.say(publish("well", b"still here", 1), PING)
    assert good.hear(2) == PONG
    while True:
        taken = inbox.take(10_000, 1)
        assert taken
        receiver.acknowledge(taken)
        if any(each.message.payload == b"still here" for each in taken):
            break
    assert good.hear(4) == puback(1)


@st.composite
def conversations(draw) -> list[bytes]:
    """Packets in any order: right, damaged, cut short, with lengths that lie, or plain noise."""
    version = draw(st.sampled_from((V311, V5)))
    right = valid(version)
    said = [right[0]] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 6))):
        raw = bytearray(draw(st.sampled_from(right)))
        match draw(st.sampled_from(("right", "damaged", "cut", "length", "noise"))):
            case "damaged":
                for _ in range(draw(st.integers(1, 4))):
                    raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
            case "cut":
                del raw[draw(st.integers(1, len(raw))) :]
            case "length":
                length = draw(st.sampled_from((0, 1, 127, 16_384, 5 * MEBIBYTE, 268_435_455)))
                raw = bytearray(raw[:1] + varint(length) + raw[2:])
            case "noise":
                raw = bytearray(draw(st.binary(min_size=1, max_size=400)))
        said.append(bytes(raw))
    return said


@given(conversations())
@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_conversation_harms_the_others(served, said):
    receiver, inbox, good = served
    converse(receiver.port, said)
    check_all_is_well(receiver, inbox, good)


@pytest.mark.parametrize("version", [V311, V5])
def test_a_conversation_may_be_cut_at_every_byte(version):
    said = b"".join(valid(version)[:-1])
    with receiving() as (receiver, inbox):
        heard = set()
        for cut in range(1, len(said)):
            node = Publisher(receiver.port)
            node.say(said[:cut])
            node.say(said[cut:], PING)
            came = take(inbox, 2 if version == V5 else 4)
            receiver.acknowledge(came)
            heard.add(tuple((m.topic, m.payload, m.qos) for m in messages(came)))
            node.say(GOODBYE)
            assert eventually(lambda: receiver.connections == 0)
        assert len(heard) == 1
        assert receiver.counts.faults == 0


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("first", [0x10, 0x30, 0x32, 0x62, 0x82, 0xA2, 0xC0, 0xE0])
def test_a_length_that_is_huge_fills_no_memory(served, first):
    receiver, inbox, good = served
    before = resident_bytes()
    liar = Publisher(receiver.port, None if first == 0x10 else connect("liar"))
    try:
        liar.say(bytes((first,)) + varint(268_435_455) + text("t") + b"\0\1")
        for _ in range(24):
            liar.say(bytes(MEBIBYTE))
    except OSError:  # most kinds of packet end the connection at once
        pass
    check_all_is_well(receiver, inbox, good)
    liar.close()
    assert resident_bytes() - before < LARGEST_PACKET_BYTES + 16 * MEBIBYTE


def test_two_hundred_who_say_half_of_something_keep_nobody_out(served):
    receiver, inbox, good = served
    half = connect("half")[:-2]
    message = publish("t", b"x" * 1000, 1)[:500]
    slow = [Publisher(receiver.port) for _ in range(200)]
    for number, one in enumerate(slow):
        one.say(half if number % 2 else connect(f"n{number}") + message)

    check_all_is_well(receiver, inbox, good)
    for number, one in enumerate(slow):
        one.say(b"l" if number % 2 else b"x")  # one more byte, as slowly as they like
    check_all_is_well(receiver, inbox, good)
    for one in slow:
        one.close()
    assert eventually(lambda: receiver.connections == 1)


def test_strangers_do_not_fill_the_log(caplog):
    with receiving() as (receiver, _):
        began = time.monotonic()
        for _ in range(300):
            converse(receiver.port, [b"GET / HTTP/1.1\r\n\r\n"])
        assert eventually(lambda: receiver.counts.faults == 300)
        seconds = time.monotonic() - began
    lines = [one for one in caplog.records if one.levelname == "WARNING"]
    assert 0 < len(lines) <= MOST_LINES_A_SECOND * (seconds + 2)


@pytest.fixture
def unlogged():
    """No log: pytest keeps every line of it in memory."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.long
@pytest.mark.usefixtures("unlogged")
def test_half_a_minute_of_noise_leaves_the_memory_flat():
    """B38: 30 s of damaged conversations; memory after half of it and at the end."""
    dice = random.Random(38)
    with receiving() as (receiver, inbox):
        good = Publisher(receiver.port, connect("good"))
        began, count, flat = time.monotonic(), 0, 0
        while (spent := time.monotonic() - began) < 30:
            right = valid(dice.choice((V311, V5)))
            said = [right[0]] if dice.random() < 0.7 else []
            for _ in range(dice.randrange(1, 8)):
                raw = bytearray(dice.choice(right))
                for _ in range(dice.randrange(4)):
                    raw[dice.randrange(len(raw))] = dice.randrange(256)
                said.append(bytes(raw) if dice.random() < 0.8 else dice.randbytes(300))
            converse(receiver.port, said)
            count += 1
            if count % 50 == 0:
                check_all_is_well(receiver, inbox, good)
            if not flat and spent > 15:
                flat = resident_bytes()
        check_all_is_well(receiver, inbox, good)
        grown = resident_bytes() - flat
        print(f"{count} conversations in 30 s, memory grew by {grown / MEBIBYTE:.1f} MiB")
        assert grown < 8 * MEBIBYTE
        assert eventually(lambda: receiver.connections == 1)
