"""What is cut out of a broker's bytes, and what is left to paho: in any pieces, whatever comes."""

import socket
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import broker_stream
from ingest.broker_stream import BrokerStream, Came
from ingest.receiver.wire import ProtocolError
from tests.ingest.publisher import packet, text, varint

PINGRESP, SUBACK = b"\xd0\x00", packet(0x90, b"\0\1\0\1")


def message(topic=b"a/b", payload=b"[]", number=7, first=0x32, properties=b""):
    owed = number.to_bytes(2, "big") if first & 6 else b""
    return packet(first, text(topic) + owed + varint(len(properties)) + properties + payload)


def fed(*pieces, most=1000):
    """Return the messages, paho's bytes and our answers, for a stream that comes in pieces."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        stream, came, others = BrokerStream(ours), [], b""
        for piece in pieces:
            theirs.sendall(piece)
            stream.fill()
            while True:
                if some := stream.messages(most):
                    assert len(some) <= most
                    came += some
                elif stream.pass_on():
                    with suppress(BlockingIOError):
                        others += stream.recv(1)
                        others += stream.recv(100_000)
                else:
                    break
        try:
            answers = theirs.recv(4096)
        except BlockingIOError:
            answers = b""
    return came, others, answers


@given(
    st.lists(
        st.one_of(
            st.builds(
                message,
                topic=st.binary(max_size=5),
                payload=st.binary(max_size=300),
                number=st.integers(1, 0xFFFF),
                first=st.sampled_from([0x30, 0x31, 0x32, 0x33, 0x3A, 0x34]),
                properties=st.binary(max_size=200),
            ),
            st.sampled_from([PINGRESP, SUBACK]),
        ),
        max_size=8,
    ),
    st.lists(st.integers(1, 400), max_size=12),
    st.integers(1, 3),
)
def test_in_whatever_pieces_it_comes_it_says_the_same(packets, sizes, most):
    whole, pieces = b"".join(packets), []
    rest = whole
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    pieces = [piece for piece in (*pieces, rest) if piece]

    came, others, _ = fed(*pieces, most=most)

    assert [rebuilt(one) for one in came] == [
        (one[0], bodies(one)) for one in packets if one[0] >> 4 == 3
    ]
    assert others == b"".join(one for one in packets if one[0] >> 4 != 3)


def rebuilt(came):
    return came.first, (came.topic, came.packet_id, came.payload)


def bodies(one):
    """Read a packet the slow and simple way."""
    at = 1
    while one[at] > 0x7F:
        at += 1
    body = one[at + 1 :]
    size = int.from_bytes(body[:2], "big")
    topic, body = body[2 : 2 + size], body[2 + size :]
    number = 0
    if one[0] & 6:
        number, body = int.from_bytes(body[:2], "big"), body[2:]
    length, shift = 0, 0
    while True:
        byte, body = body[0], body[1:]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return topic, number, body[length:]


@given(st.binary(max_size=400))
def test_noise_is_refused_or_waited_for_and_nothing_else(noise):
    try:
        came, others, _ = fed(noise)
    except ProtocolError:
        return
    assert sum(len(one.payload) for one in came) + len(others) <= len(noise)


@pytest.mark.parametrize(
    "malformed",
    [
        b"\x32\x00",
        b"\x32\x04\x00\x09ab",
        b"\x32\x06\x00\x01a\x00\x00\x00",  # no number
        b"\x30\x04\x00\x01a\x05",  # properties beyond its end
        b"\x30\x08\x00\x01a\xff\xff\xff\xff\x00",
        b"\xd0\xff\xff\xff\xff\x01",
        b"\x90\xff\xff\xff\x7f",
    ],
)
def test_what_is_no_mqtt_is_refused(malformed):
    with pytest.raises(ProtocolError):
        fed(malformed)


def test_a_message_too_large_goes_by_and_is_told_when_all_of_it_has(monkeypatch):
    monkeypatch.setattr(broker_stream, "LARGEST_PACKET_BYTES", 100_000)
    large, small = message(payload=b"x" * 150_000), message(payload=b"small", number=8)

    came, others, _ = fed(large[:20], large[20:90_000], large[90_000:149_000])
    assert (came, others) == ([], b"")

    came, others, _ = fed(large[:90_000], large[90_000:] + PINGRESP + small, most=1)
    assert came == [
        Came(0x32, b"a/b", 7, b"", oversize_bytes=150_000),
        Came(0x32, b"a/b", 8, b"small"),
    ]
    assert others == PINGRESP


def test_the_second_half_of_a_qos_2_delivery_is_answered_whenever_it_comes():
    came, others, answers = fed(packet(0x62, b"\x01\x02") + packet(0x62, b"\x01\x02\x00\x00"))

    assert (came, others) == ([], b"")
    assert answers == 2 * b"\x70\x02\x01\x02"


def test_what_came_before_the_end_of_the_connection_is_still_told():
    ours, theirs = socket.socketpair()
    stream = BrokerStream(ours)
    stream.setblocking(False)
    theirs.sendall(message())
    theirs.close()
    stream.fill()
    stream.fill()

    assert stream.ended
    assert [one.payload for one in stream.messages(9)] == [b"[]"]
    with pytest.raises(ConnectionResetError):
        stream.recv(1)
    stream.close()


def test_what_a_slow_broker_does_not_take_now_leaves_later_and_in_order():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = BrokerStream(ours)
        stream.setblocking(False)
        said, heard = bytes(range(256)) * 8192, b""
        assert stream.send(said) == len(said)
        assert stream.unsent
        while len(heard) < len(said):
            heard += theirs.recv(1 << 20)
            stream.flush()

    assert heard == said and not stream.unsent
