"""The short way for a plain PUBLISH gives what the long way gives, or leaves it to that."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.receiver import protocol
from ingest.receiver.keys import Grant
from ingest.receiver.publishing import Counts, Publishing
from ingest.receiver.uses import Use
from ingest.receiver.wire import ProtocolError
from tests.ingest.publisher import NOW_MS, V5, V311, packet, publish, text

KNOWN, COVERED = "ridgewatch/t/n/senml", ("ridgewatch/t/n/#",)


def publishing(version: int) -> Publishing:
    """Return a connection's messages, of which one topic is known and one is not its own."""
    mine = Publishing(
        "connection", "n", Grant("n", COVERED), version,
        counts=Counts(), timezone="Asia/Shanghai", resumed=False, use=Use(),
    )  # fmt: skip
    mine.publish(0x30, publish(KNOWN, b"", 0, version)[2:], NOW_MS)
    if version == V5:  # an older client is sent away for it
        mine.publish(0x30, publish("elsewhere", b"", 0, version)[2:], NOW_MS)
    mine.batch.clear()
    return mine


def long_way(version: int, data: bytes) -> list:
    """Return what is made of a packet that is read as always; [] of one that is none."""
    mine = publishing(version)
    try:
        head = protocol.frame(data, 0)
        if head is None or head[1] != len(data):
            return []
        mine.publish(data[0], data[head[0] :], NOW_MS)
    except ProtocolError:
        return []
    return mine.batch


@st.composite
def packets(draw: st.DrawFn) -> tuple[int, bytes]:
    """Draw a version, and a packet that is well, or nearly so."""
    version = draw(st.sampled_from([V311, V5]))
    topic = draw(st.sampled_from([KNOWN, "elsewhere", "ridgewatch/t/n/other"]))
    said = bytearray(
        publish(
            topic,
            draw(st.binary(max_size=200)),
            draw(st.integers(0, 65_535)),
            version,
            flags=draw(st.sampled_from([0, 0x01, 0x08])),
            properties=draw(st.sampled_from([b"", b"\x01\x00"])) if version == V5 else b"",
        )
    )
    for _ in range(draw(st.integers(0, 3))):
        said[draw(st.integers(0, len(said) - 1))] = draw(st.integers(0, 255))
    return version, bytes(said[: draw(st.integers(1, len(said)))])


@given(packets())
@example((V311, publish(KNOWN, b"[]", 7)))
@example((V5, publish(KNOWN, b"x" * 200, 65_535, V5)))
@example((V311, publish(KNOWN, b"", 1) + publish(KNOWN, b"", 2)))
def test_the_short_way_gives_what_the_long_way_gives(said: tuple[int, bytes]) -> None:
    version, data = said
    short = publishing(version)
    try:
        taken = short.publish_whole(data, NOW_MS)
    except ProtocolError:
        taken = False
    assert short.batch == (long_way(version, data) if taken else [])


@pytest.mark.parametrize("version", [V311, V5])
@pytest.mark.parametrize("payload", [b"", b"[]", b"x" * 200, b"x" * 20_000])
def test_a_plain_message_goes_the_short_way(version: int, payload: bytes) -> None:
    data = publish(KNOWN, payload, 513, version)
    short = publishing(version)
    assert short.publish_whole(data, NOW_MS)
    assert short.batch == long_way(version, data)
    assert short.batch[0].message.payload == payload
    assert short.batch[0].receipt.packet_id == 513
    assert len(short.owed) == len(short.batch)


@pytest.mark.parametrize(
    "data",
    [
        publish(KNOWN, b"[]", 7)[:-1],
        publish(KNOWN, b"[]", 7) + b"\0",
        publish(KNOWN, b"[]", 7, flags=0x08),
        publish("ridgewatch/t/n/other", b"[]", 7),
        publish(KNOWN, b"[]"),
        packet(0x32, text(KNOWN) + b"\0\0[]"),
        packet(0x32, text(KNOWN) + b"\0"),
        packet(0x32, b"\xff\xff" + KNOWN.encode() + b"\0\1"),
    ],
)
def test_what_is_not_one_plain_message_is_left_to_the_long_way(data: bytes) -> None:
    short = publishing(V311)
    assert not short.publish_whole(data, NOW_MS)
    assert not short.batch
