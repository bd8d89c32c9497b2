"""Doctor tries a real mosquitto, and reads configurations: what loses messages is found."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from ingest.doctor.broker import DROPPED, _asks_for_ever, _told, facts_of_broker, look_at_broker
from ingest.doctor.broker_config import look_at_config
from models.settings_text import Remote
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import free_port, wait_until

GOOD = """
persistence true
autosave_on_changes true
autosave_interval 1
max_queued_messages 1000000
max_inflight_messages 1000
"""
Start = Callable[..., Mosquitto]


def tried(broker: Mosquitto, user: str | None = None) -> list[str]:
    where = Remote("127.0.0.1", broker.port, username=user, password=user and "x")
    return [one.what.code.removeprefix("doctor.") for one in look_at_broker(where)]


def read(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    return [one.what.code.removeprefix("doctor.") for one in look_at_config(path)]


def test_a_broker_that_keeps_what_it_acknowledges(start_mosquitto: Start) -> None:
    broker = start_mosquitto("max_queued_messages 100000")

    assert tried(broker) == []
    assert tried(broker) == []  # and the trial left nothing behind


def test_a_stock_queue_drops_what_it_has_acknowledged(start_mosquitto: Start) -> None:
    assert tried(start_mosquitto("max_queued_messages 1000")) == ["broker_drops"]


def test_what_a_broker_has_dropped_is_its_own_word(start_mosquitto: Start) -> None:
    broker = start_mosquitto("max_queued_messages 1000", "sys_interval 1")
    where = Remote("127.0.0.1", broker.port)
    assert tried(broker) == ["broker_drops"]

    wait_until(lambda: int(_told(where, DROPPED) or 0) >= 400, "the broker has counted")

    assert tried(broker) == ["broker_has_dropped", "broker_drops"]
    assert [one.values["version"] for one in facts_of_broker(where)][0].startswith("mosquitto")


@contextmanager
def greeter(told: bytes) -> Iterator[tuple[Remote, list[bytes]]]:
    """Answer CONNECT with properties of ours; yield what it is told after that too."""
    heard: list[bytes] = []

    def greet() -> None:
        with door.accept()[0] as guest:
            guest.recv(1000)
            guest.sendall(bytes([0x20, 3 + len(told), 0, 0, len(told)]) + told)
            while said := guest.recv(1000):
                heard.append(said)

    with socket.create_server(("127.0.0.1", free_port())) as door:
        thread = Thread(target=greet)
        thread.start()
        yield Remote("127.0.0.1", door.getsockname()[1]), heard
        thread.join()


@pytest.mark.parametrize(("days", "found"), [(None, []), (7, []), (1, [86_400])])
def test_a_broker_that_keeps_sessions_for_a_shorter_time_than_asked(
    days: int | None, found: list[int]
) -> None:
    told = b"" if days is None else b"\x11" + (days * 86_400).to_bytes(4, "big")

    with greeter(told) as (where, heard):
        assert [one.what.values["s"] for one in _asks_for_ever(where)] == found

    assert heard == [b"\xe0\x07\x00\x05\x11\0\0\0\0"]  # it ends its session when it leaves


def test_a_broker_that_lets_anyone_in(start_mosquitto: Start) -> None:
    broker = start_mosquitto("max_queued_messages 100000")

    assert tried(broker, user="ridgewatch") == ["broker_lets_in_anyone"]


def test_a_broker_that_is_away(start_mosquitto: Start) -> None:
    broker = start_mosquitto()
    broker.port = free_port()

    assert tried(broker) == ["broker_unreachable"]


def test_a_broker_that_refuses_the_trial(start_mosquitto: Start, tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite ridgewatch/#\n")

    assert tried(start_mosquitto(f"acl_file {rules}")) == ["broker_refuses_trial"]


def test_a_good_configuration_has_no_findings(tmp_path: Path) -> None:
    assert read(tmp_path / "mosquitto.conf", GOOD) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("persistence false", "broker_forgets"),
        ("autosave_on_changes false\nautosave_interval 1800", "broker_saves_seldom"),
        ("max_queued_messages 0", "broker_queue_nought"),
        ("max_queued_messages 1000", "broker_queue_short"),
        ("max_inflight_messages 0", "broker_inflight_nought"),
        ("max_inflight_messages 20", "broker_inflight_small"),
        ("persistent_client_expiration 1d", "broker_expires"),
        ("listener 1883\nallow_anonymous true", "broker_anonymous"),
    ],
)
def test_a_setting_that_loses_data(line: str, found: str, tmp_path: Path) -> None:
    assert read(tmp_path / "mosquitto.conf", GOOD + line + "\n") == [found]


def test_an_anonymous_listener_on_the_loopback_is_fine(tmp_path: Path) -> None:
    lines = "listener 1883 127.0.0.1\nallow_anonymous true\n"

    assert read(tmp_path / "mosquitto.conf", GOOD + lines) == []


def test_stock_settings_of_debian_and_included_files(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "ours.conf").write_text(GOOD)
    stock = "# a comment\npersistence true\n"

    assert read(tmp_path / "stock.conf", stock) == [
        "broker_saves_seldom",
        "broker_queue_short",
        "broker_inflight_small",
    ]
    assert read(tmp_path / "with.conf", f"{stock}include_dir {tmp_path}/conf.d\n") == []
