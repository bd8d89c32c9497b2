"""A feed of readings to an ingester whose disk may fail, and what must stand afterwards."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from ingest.torture.record import is_sound, stored
from models.store import Store
from models.times import to_ms
from sensors_sim import connection
from sensors_sim.connection import Connection
from tests.harness.needs import program
from tests.harness.processes import Process, Processes, free_port
from tests.ingest.house import NOW, House
from tests.ingest.poison import NATIVE
from tests.roles import RIDGEWATCH

SMALL_BYTES = 12 * 1024 * 1024
Place = tuple[str, str, int]


class Feed:
    """Readings one after the other, each sent when the one before is acknowledged."""

    def __init__(self, port: int) -> None:
        self.acknowledged: list[Place] = []
        self._over = Event()
        self._connection = Connection(f"mqtt://127.0.0.1:{port}", "feed", in_flight=1)
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        at_ms = to_ms(NOW)
        while not self._over.is_set():
            at_ms += 1
            record = b'[{"bn":"node-1:","bt":%d.%03d,"n":"crack","u":"mm","v":0.5}]'
            self._connection.publish(NATIVE, record % divmod(at_ms, 1000))
            while not self._connection.settle(timeout_s=0.1):
                if self._over.is_set():
                    return
            self.acknowledged.append(("node-1", "crack", at_ms))

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._connection.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with little room; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "ridgewatch-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.fail("only root may mount a small disk: run the long tests as root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def strace() -> str:
    """The program that lets system calls fail."""
    return program("strace") or "strace"


@pytest.fixture
def start(
    processes: Processes, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Process, int]]:
    """Start an ingester on a database in a folder, perhaps by way of another program."""
    monkeypatch.setattr(connection, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(connection, "LONGEST_PAUSE_S", 0.2)
    port = free_port()

    def start(folder: Path, *by_way_of: str, listens: bool = True) -> tuple[Process, int]:
        if not (folder / "ridgewatch.db").exists():
            shutil.copyfile(sqlite_template, folder / "ridgewatch.db")
            store = Store(url_in(folder), folder)
            House(store)
            store.checkpoint()
            store.close()
        env = {
            "RIDGEWATCH_DATA_DIR": str(folder),
            "RIDGEWATCH_MQTT_LISTEN": f"127.0.0.1:{port}",
        }
        process = processes.start("ingest", *by_way_of, RIDGEWATCH, "ingest", env=env)
        return (process.wait_for_port(port) if listens else process), port

    return start


def url_in(folder: Path) -> str:
    return f"sqlite+pysqlite:///{folder}/ridgewatch.db"


def assert_all_stored(folder: Path, copy: Path, acknowledged: list[Place]) -> None:
    """Look at a copy: a full disk has no room for a reader either."""
    shutil.copytree(folder, copy)
    store = Store(url_in(copy), copy)
    try:
        assert len(acknowledged) > 5
        assert set(acknowledged) <= {place for place, _ in stored(store)}
        assert is_sound(store)
    finally:
        store.close()


def fill(path: Path) -> None:
    """Write until nothing more goes in."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass
