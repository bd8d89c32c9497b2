"""A mosquitto of the test's own: on its own port and folder, restarted and killed at will."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.needs import program
from tests.harness.processes import Process, Processes, free_port


class Mosquitto:
    """A broker. `lines` are added to its configuration (mosquitto.conf's own words)."""

    def __init__(self, processes: Processes, folder: Path, lines: tuple[str, ...] = ()) -> None:
        self.processes = processes
        self.folder = folder
        self.port = free_port()
        self.child: Process | None = None
        folder.mkdir(parents=True)
        self.configuration = folder / "mosquitto.conf"
        self.configuration.write_text("\n".join(self._lines() + lines) + "\n")

    def _lines(self) -> tuple[str, ...]:
        # As root mosquitto would change to a user that can't write here.
        user = ("user root",) if os.geteuid() == 0 else ()
        return user + (
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {self.folder}/",
            "max_queued_messages 0",
            "max_inflight_messages 100",
            "log_dest stderr",
        )

    @property
    def url(self) -> str:
        """What RIDGEWATCH_MQTT_URL takes."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it on its port, with what its last stop kept."""
        argv = (program("mosquitto") or "mosquitto", "-c", self.configuration)
        self.child = self.processes.start(f"mosquitto-{self.port}", *argv)
        self.child.wait_for_port(self.port)

    def stop(self) -> None:
        """Stop it in order: it writes down sessions and queues."""
        assert self.child is not None
        self.child.stop()

    def kill(self) -> None:
        """kill -9: what it had not written down is lost."""
        assert self.child is not None
        self.child.kill()

    def restart(self) -> None:
        """Stop it and start it again on the same port."""
        self.stop()
        self.start()


@pytest.fixture
def start_mosquitto(processes: Processes, tmp_path: Path) -> Callable[..., Mosquitto]:
    """Start a broker with extra lines of configuration: `start_mosquitto("persistence false")`."""

    def start(*lines: str) -> Mosquitto:
        port_less_name = f"mosquitto-{len(list(tmp_path.glob('mosquitto-*')))}"
        broker = Mosquitto(processes, tmp_path / port_less_name, lines)
        broker.start()
        return broker

    return start


@pytest.fixture
def mosquitto(start_mosquitto: Callable[..., Mosquitto]) -> Iterator[Mosquitto]:
    """A running broker that takes everyone."""
    yield start_mosquitto()
