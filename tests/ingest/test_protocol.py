"""What publishers' packets say; and whatever comes, nothing but ProtocolError is raised."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.receiver import protocol, replies
from ingest.receiver.packets import (
    Connect,
    Disconnect,
    Packet,
    Ping,
    Publish,
    Release,
    Subscribe,
    Unsubscribe,
    Will,
)
from ingest.receiver.wire import Code, ProtocolError
from ingest.topics import covers, is_filter, without_overlaps
from tests.ingest.publisher import V5, V311, connect, packet, publish, text


def parsed(raw: bytes, version: int = V311) -> Packet:
    head = protocol.frame(raw, 0)
    assert head is not None
    start, end = head
    assert end == len(raw)
    return protocol.parse(raw[0], raw[start:end], version)


def refused(raw: bytes, version: int = V311) -> Code:
    with pytest.raises(ProtocolError) as caught:
        parsed(raw, version)
    return caught.value.code


def test_connect_of_both_versions():
    old = parsed(connect("n1", clean=False, keep_alive_s=30, user=("u", "p"), will=("t", b"gone")))
    new = parsed(connect("n1", V5, will=("t", b"x"), properties=b"\x11\0\0\0\x3c\x26\0\1a\0\1b",
                         will_properties=b"\x18\0\0\0\x05"))  # fmt: skip

    will = Will("t", b"gone", 0, False)
    assert old == Connect(V311, "n1", False, 30, None, "u", b"p", will)
    assert isinstance(new, Connect)
    assert (new.expiry_s, new.clean_start) == (60, True)
    assert new.will == Will("t", b"x", 0, False, 5)


def test_a_session_for_ever_has_no_end():
    new = parsed(connect("n1", V5, properties=b"\x11\xff\xff\xff\xff"))

    assert isinstance(new, Connect) and new.expiry_s is None


def test_a_password_is_not_shown_in_logs():
    assert "secret" not in repr(parsed(connect(user=("u", "secret"))))


def test_publish_of_both_versions():
    old = parsed(publish("a/b", b"17", 5, flags=0x09))
    new = parsed(publish("a/b", b"17", 5, V5, properties=b"\x26\0\1a\0\1b\x01\x01"), V5)

    assert old == Publish("a/b", b"17", 1, True, True, 5)
    assert new == Publish("a/b", b"17", 1, False, False, 5)


def test_the_smaller_packets():
    assert parsed(packet(0x82, b"\0\1" + text("a/#") + b"\0")) == Subscribe(1, ("a/#",))
    assert parsed(packet(0xA2, b"\0\2\0" + text("a/#")), V5) == Unsubscribe(2, ("a/#",))
    assert parsed(packet(0x62, b"\0\3")) == Release(3)
    assert parsed(packet(0xC0, b"")) == Ping()
    assert parsed(packet(0xE0, b"")) == Disconnect()
    assert parsed(packet(0xE0, b"\x04"), V5) == Disconnect(with_will=True)
    assert parsed(packet(0xE0, b"\0\5\x11\0\0\0\7"), V5) == Disconnect(False, 7)


@pytest.mark.parametrize(
    "raw, version, code",
    [
        (packet(0x10, text("MQIsdp") + b"\3\2\0\0" + text("x")), V311, Code.UNSUPPORTED_VERSION),
        (packet(0x10, text("MQTT") + b"\6\2\0\0" + text("x")), V311, Code.UNSUPPORTED_VERSION),
        (connect(flags=0x01), V311, Code.MALFORMED_PACKET),
        (connect(flags=0x40), V311, Code.MALFORMED_PACKET),
        (connect(flags=0x18, will=("t", b"")), V311, Code.MALFORMED_PACKET),
        (connect(flags=0x20), V311, Code.MALFORMED_PACKET),
        (connect("a\0b"), V311, Code.MALFORMED_PACKET),
        (connect() + b"", V5, None),
        (connect(version=V5, flags=0x20, will=("t", b"")), V5, Code.NO_RETAIN),
        (connect(version=V5, flags=0x10, will=("t", b"")), V5, Code.QOS_NOT_SUPPORTED),
        (connect(version=V5, properties=b"\x15\0\1x"), V5, Code.BAD_AUTHENTICATION_METHOD),
        (connect(version=V5, properties=b"\x21\0\0"), V5, Code.PROTOCOL_ERROR),
        (connect(version=V5, properties=b"\x21\0\1\x21\0\1"), V5, Code.PROTOCOL_ERROR),
        (connect(version=V5, properties=b"\x7e"), V5, Code.MALFORMED_PACKET),
        (publish("a/#"), V311, Code.BAD_TOPIC),
        (publish(""), V311, Code.BAD_TOPIC),
        (publish(b"\xff"), V311, Code.MALFORMED_PACKET),
        (publish(b"\xed\xa0\x80"), V311, Code.MALFORMED_PACKET),
        (publish("a", flags=0x02), V311, Code.MALFORMED_PACKET),
        (publish("a", b"xy", flags=0x04, version=V5), V5, Code.QOS_NOT_SUPPORTED),
        (publish("a", b"\0\0", flags=0x04), V311, Code.MALFORMED_PACKET),
        (packet(0x62, b"\0\1"), V5, Code.PROTOCOL_ERROR),
        (packet(0x60, b"\0\1"), V311, Code.MALFORMED_PACKET),
        (packet(0x62, b"\0\0"), V311, Code.MALFORMED_PACKET),
        (packet(0x62, b"\0\1\0"), V311, Code.MALFORMED_PACKET),
        (packet(0x50, b"\0\1"), V311, Code.PROTOCOL_ERROR),
        (publish("a", b"xy", flags=0x06), V311, Code.MALFORMED_PACKET),
        (publish("a", flags=0x08), V311, Code.MALFORMED_PACKET),
        (packet(0x30, b"\0\5a"), V311, Code.MALFORMED_PACKET),
        (publish("a", version=V5, flags=0x01), V5, Code.NO_RETAIN),
        (publish("", version=V5, properties=b"\x23\0\1"), V5, Code.BAD_TOPIC_ALIAS),
        (publish("a", version=V5, properties=b"\x0b\1"), V5, Code.PROTOCOL_ERROR),
        (packet(0x82, b"\0\1"), V311, Code.MALFORMED_PACKET),
        (packet(0x82, b"\0\1" + text("a") + b"\3"), V311, Code.MALFORMED_PACKET),
        (packet(0x80, b"\0\1" + text("a") + b"\0"), V311, Code.MALFORMED_PACKET),
        (packet(0x40, b"\0\1"), V311, Code.PROTOCOL_ERROR),
        (packet(0xF0, b""), V5, Code.PROTOCOL_ERROR),
        (packet(0xC0, b"x"), V311, Code.MALFORMED_PACKET),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason(raw, version, code):
    if code is None:
        assert parsed(raw, version)
    else:
        assert refused(raw, version) is code


def test_a_length_of_five_bytes_is_malformed():
    with pytest.raises(ProtocolError):
        protocol.frame(b"\x30\xff\xff\xff\xff\x01", 0)


def test_a_frame_whose_header_is_partial_is_not_there_yet():
    assert protocol.frame(b"", 0) is None
    assert protocol.frame(b"\x30\xff", 0) is None
    assert protocol.frame(b"\x30\xff\x7f", 0) == (3, 3 + 16383)


@given(st.binary(max_size=300), st.sampled_from([V311, V5]), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_garbage_raises_nothing_but_protocol_errors(body, version, first):
    try:
        protocol.parse(first, body, version)
    except ProtocolError as fault:
        assert replies.goodbye(version, fault.code) == (
            b"" if version == V311 else bytes((0xE0, 1, fault.code))
        )


VALID = [
    connect("n", V5, user=("u", "p"), will=("t", b"x"), properties=b"\x11\0\0\0\x3c"),
    connect("n", user=("u", "p"), will=("t", b"x")),
    publish("a/b", b"payload", 5, V5, properties=b"\x26\0\1a\0\1b"),
    publish("a/b", b"payload", 5),
    packet(0x82, b"\0\1\0" + text("a/#") + b"\0"),
    packet(0xE0, b"\0\5\x11\0\0\0\7"),
]


@given(st.sampled_from(VALID), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_packets_raise_nothing_but_protocol_errors(raw, data):
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = damaged[: data.draw(st.integers(2, len(raw)))]
    for version in (V311, V5):
        try:
            head = protocol.frame(cut, 0)
            if head:
                protocol.parse(cut[0], bytes(cut[head[0] : head[1]]), version)
        except ProtocolError:
            continue


@given(st.text(max_size=20), st.binary(max_size=50), st.integers(1, 65535))
@settings(max_examples=100, deadline=None)
def test_a_message_arrives_as_it_was_sent(topic, payload, packet_id):
    sent = "t" + "".join(c for c in topic if c not in "+#\0" and not "\ud800" <= c <= "\udfff")

    for version in (V311, V5):
        assert parsed(publish(sent, payload, packet_id, version), version) == Publish(
            sent, payload, 1, False, False, packet_id
        )


def test_topic_filters_cover_topics_and_narrower_filters():
    assert covers("ridgewatch/#", "ridgewatch/a/b/senml")
    assert covers("ridgewatch/#", "ridgewatch")
    assert covers("ridgewatch/+/x", "ridgewatch/a/x")
    assert not covers("ridgewatch/+", "ridgewatch/a/b")
    assert not covers("a/b/c", "a/b")
    assert not covers("#", "$SYS/x")
    assert covers("a/#", "a/+/b") and not covers("a/+", "a/#")
    assert (
        is_filter("a/+/#") and not is_filter("a/#/b") and not is_filter("a+") and not is_filter("")
    )
    assert without_overlaps(["ridgewatch/#", "v3/#", "ridgewatch/+/x", "v3/#"]) == [
        "ridgewatch/#",
        "v3/#",
    ]
