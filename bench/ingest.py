"""How fast readings get onto the disk: the ingester beside what a shell would do with mosquitto.

The reference is `mosquitto_sub | sqlite3`: each message one durable INSERT of its bytes, nothing
decoded, judged or kept from being doubled. Both have the same sender, machine and disk, one after
the other; every figure is the best of three.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.publisher import DEVICES, Pipe, readings, share
from models.migrate import upgrade
from models.people import machine
from models.registry_file.load import load
from models.store import Store
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Processes, free_port, wait_until
from tests.ingest.house import NOW
from tests.roles import RIDGEWATCH

MESSAGES = 20_000
TIMES = 3
WINDOWS = (1, 100, 4000)
PER_SECOND, SECONDS = 1000, 10


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="ridgewatch-bench-"))
    print(f"{MESSAGES} messages of one reading each from {DEVICES} devices; SQLite, fsync on")
    for window in WINDOWS:
        count = MESSAGES if window > 1 else 2000
        ours = max(_rate(folder, _ingester, count, window) for _ in range(TIMES))
        shell = max(_rate(folder, _shell, count, window) for _ in range(TIMES))
        print(
            f"  {window:5} in flight: ridgewatch {ours:7.0f}/s committed and judged, "
            f"shell {shell:7.0f}/s, ratio {ours / shell:.2f}"
        )
    for name, target in (("ridgewatch", _ingester), ("mosquitto alone", _shell)):
        waits = min((_waits(folder, target) for _ in range(TIMES)), key=lambda w: share(w, 0.99))
        print(
            f"  {PER_SECOND}/s for {SECONDS} s, {name}: publish to PUBACK "
            f"p50 {share(waits, 0.5) * 1000:.1f} ms, p99 {share(waits, 0.99) * 1000:.1f} ms"
        )


Target = Callable[[Path], Any]


def _rate(folder: Path, target: Target, count: int, window: int) -> float:
    """Return messages per second until all are on disk."""
    packets = list(readings(count))
    with target(folder) as (port, all_stored):
        pipe = Pipe(port)
        seconds = pipe.send(packets, window)
        seconds += all_stored(count)
        pipe.close()
    return count / seconds


def _waits(folder: Path, target: Target) -> list[float]:
    with target(folder) as (port, _):
        pipe = Pipe(port)
        pipe.send(list(readings(1000)), 100)  # warm
        waits = pipe.send_at(list(readings(PER_SECOND * SECONDS, first=1000)), PER_SECOND)
        pipe.close()
    return waits


@contextmanager
def _ingester(root: Path) -> Iterator[tuple[int, Callable[[int], float]]]:
    """Run `ridgewatch ingest` with a threshold rule over a hundred crack meters."""
    folder = Path(tempfile.mkdtemp(dir=root))
    store = Store(f"sqlite+pysqlite:///{folder}/ridgewatch.db", folder)
    upgrade(store)
    with store.writing() as session:
        load(session, _registry(), by=machine("system"), now=NOW)
    store.close()
    processes, port = Processes(folder), free_port()
    env = {"RIDGEWATCH_DATA_DIR": str(folder), "RIDGEWATCH_MQTT_LISTEN": f"127.0.0.1:{port}"}

    def all_stored(count: int) -> float:
        assert _count(folder / "ridgewatch.db", "reading") == count
        return 0.0  # a PUBACK says that it is on disk

    try:
        processes.start("ingest", RIDGEWATCH, "ingest", env=env).wait_for_port(port)
        yield port, all_stored
    finally:
        processes.end_all()


def _registry() -> dict[str, Any]:
    sensors = [
        {
            "code": f"C-{number}",
            "quantity": "crack_width",
            "unit": "mm",
            "interval_s": 60,
            "source": {"device": f"node-{number}", "channel": "crack"},
        }
        for number in range(DEVICES)
    ]
    name = {"zh": "山寺", "en": "Hill Temple"}
    return {"sites": [{"code": "hill", "name": name, "timezone": "UTC", "sensors": sensors}]}


@contextmanager
def _shell(root: Path) -> Iterator[tuple[int, Callable[[int], float]]]:
    """Run mosquitto and `mosquitto_sub | sqlite3`."""
    folder = Path(tempfile.mkdtemp(dir=root))
    processes, database = Processes(folder), folder / "shell.db"
    broker = Mosquitto(processes, folder / "broker")
    insert = "insert into r values('%t','%p');"
    sqlite3.connect(database).executescript("pragma journal_mode=wal; create table r(t, p);")
    line = (
        f"mosquitto_sub -p {broker.port} -q 1 -t 'ridgewatch/#' -F \"{insert}\""
        f" | sqlite3 -cmd 'pragma synchronous=full' {database}"
    )

    def all_stored(count: int) -> float:
        begun = time.perf_counter()
        wait_until(lambda: _count(database, "r") == count, "stored", within_s=300, every_s=0.01)
        return time.perf_counter() - begun

    try:
        broker.start()
        processes.start("shell", "sh", "-c", line)
        wait_until(lambda: "mosq" in broker.child.stderr, "the shell has connected")  # type: ignore[union-attr]
        time.sleep(0.5)  # and, a moment later, subscribed
        yield broker.port, all_stored
    finally:
        processes.end_all()


def _count(database: Path, table: str) -> int:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return int(connection.execute(f"select count(*) from {table}").fetchone()[0])
    finally:
        connection.close()
