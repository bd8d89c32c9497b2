"""The load generator of the measurements sends what it says: readings, each one once."""

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from bench.generator import Load, begin, result
from ingest.formats.decode import decode
from ingest.formats.memory import Memory
from ingest.inbox import Inbox
from ingest.message import Message
from ingest.receiver.door import Door
from ingest.receiver.listener import Receiver
from tests.ingest.publisher import take

LOAD = Load(connections=3, sensors=8, channels=4, messages=120, window=5)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(1000)


@pytest.fixture
def receiver(inbox: Inbox) -> Iterator[Receiver]:
    receiver = Receiver([Door("127.0.0.1", 0, anonymous=True)], inbox, _now_ms)
    receiver.start()
    yield receiver
    receiver.stop()


# `make test` promises to need no C compiler, which the generator does.
@pytest.mark.bench
def test_the_load_generators_messages_decode_to_what_it_says_it_sent(
    receiver: Receiver, inbox: Inbox, tmp_path: Path
) -> None:
    said, heard = tmp_path / "sent", tmp_path / "acknowledged"
    sending = begin(receiver.port, LOAD, sent=said, acknowledged=heard)
    messages: list[Message] = []

    def acknowledge_all() -> None:
        while len(messages) < LOAD.messages:
            delivery = take(inbox, 1)
            messages.append(delivery[0].message)
            receiver.acknowledge(delivery)

    worker = Thread(target=acknowledge_all)
    worker.start()
    sent = result(sending)
    worker.join()

    assert sent.acknowledged == LOAD.messages
    decoded = [_reading(message) for message in messages]
    assert sorted(decoded) == sorted(_recorded(said)) == sorted(_recorded(heard))
    assert len(set(decoded)) == LOAD.messages
    assert {sensor for sensor, _ in decoded} == set(range(LOAD.all_sensors))


def _now_ms() -> int:
    return int(time.time() * 1000)


def _reading(message: Message) -> tuple[int, int]:
    """Return (sensor, ms) as the generator counts them; the device's name must agree."""
    outcome = decode(message, Memory())
    (measurement,) = outcome.measurements
    site, channel = int(message.topic.split("/")[1][1:]), int(measurement.channel[1:])
    assert outcome.outcome == "accept"
    assert measurement.device == f"d-{site:05d}-{channel // LOAD.channels:03d}"
    assert (measurement.unit, measurement.fault) == ("mm", "")
    assert measurement.value is not None and 0.5 <= measurement.value < 0.6
    return site * LOAD.sensors + channel, measurement.at_ms


def _recorded(path: Path) -> list[tuple[int, int]]:
    return [(sensor, ms) for sensor, ms in struct.iter_unpack("<IQ", path.read_bytes())]
