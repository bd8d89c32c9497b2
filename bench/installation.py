"""The thing that is measured: `ridgewatch ingest` with its database, started, killed, asked."""

import contextlib
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from sqlalchemy import func, select

from bench.figures import BUILD
from bench.meter import Cost, cost
from bench.registry import fill, sqlite_copy
from models.base import Base
from models.clock import ClockStart, machine_now, site_now, start_clock
from models.reading import WaitingReading
from models.store import Store
from models.times import to_ms
from tests.harness.postgres import Postgres
from tests.harness.processes import Process, Processes, free_port
from tests.ingest import publisher as mqtt
from tests.roles import RIDGEWATCH

STARTS_WITHIN_S, GREETINGS, CLOCK_READ_S = 900.0, 20, 3.0
_TABLES = ("reading", "reading_recent")  # where readings lie, as far as this version has them


@dataclass
class Installation:
    """An ingester, what it writes to, and the port where it or its broker takes messages."""

    store: Store
    folder: Path
    processes: Processes
    port: int
    environ: dict[str, str]
    process: Process | None = None
    started_in_s: float = 0.0

    @property
    def pid(self) -> int:
        """The ingester's process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start the ingester and wait until it has committed a first message.

        It listens before it has read its sensors, which with a million of them is not the same.
        The message is of a device that nobody knows, so that no reading is stored.
        """
        begun, greeted = time.perf_counter(), self._greeted()
        self.process = self.processes.start("ingest", RIDGEWATCH, "ingest", env=self.environ)
        if "RIDGEWATCH_MQTT_URL" in self.environ:
            self.process.wait_for_text("role=ingest")
        else:
            self.process.wait_for_port(self.port)
        publisher = _greet(self.port)
        self.process.wait_until(
            lambda: self._greeted() > greeted, "took a message in", STARTS_WITHIN_S
        )
        publisher.close()
        self.started_in_s = time.perf_counter() - begun

    def _greeted(self) -> int:
        with self.store.reading() as session:
            return session.scalar(select(func.count()).select_from(WaitingReading)) or 0

    def set_before_the_hour(self, seconds: float) -> int:
        """Let a full hour be that far away in site time; return the ms that its clock is ahead."""
        now = machine_now()
        hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
        with self.store.writing() as session:
            start_clock(session, ClockStart(hour - timedelta(seconds=seconds + CLOCK_READ_S), 1.0))
        time.sleep(CLOCK_READ_S)  # the ingester reads its clock every second
        with self.store.reading() as session:
            return to_ms(site_now(session)) - to_ms(machine_now())

    def cost(self) -> Cost:
        """Return what the ingester has cost so far."""
        return cost(self.pid)

    def expect(self, acknowledged: int) -> None:
        """Raise where the database has not exactly what was acknowledged."""
        stored = self.stored()
        if stored != acknowledged:
            raise AssertionError(f"{acknowledged} acknowledged, {stored} stored")

    def stored(self) -> int:
        """Return how many readings are in the database."""
        with self.store.reading() as session:
            counts = [session.scalar(select(func.count()).select_from(t)) for t in tables()]
        return sum(count or 0 for count in counts)

    def wait_for(self, count: int, within_s: float = 300.0) -> None:
        """Wait until so many readings are stored. Raises TimeoutError."""
        until = time.monotonic() + within_s
        while (stored := self.stored()) < count:
            if time.monotonic() > until:
                raise TimeoutError(f"{stored} of {count} stored")
            time.sleep(0.1)  # counting costs the machine something too


def tables() -> list:
    """Return the tables in which readings lie."""
    return [Base.metadata.tables[name] for name in _TABLES if name in Base.metadata.tables]


def _greet(port: int) -> mqtt.Publisher:
    """Publish a reading; after a kill thousands of others want to come in at the same time."""
    for _ in range(GREETINGS):
        with contextlib.suppress(OSError):
            publisher = mqtt.Publisher(port, mqtt.connect("greeter"))
            reading = b'[{"bn":"hello:","bt":%.3f,"n":"hello","v":1}]' % time.time()
            publisher.say(mqtt.publish("ridgewatch/hello/hello/senml", reading, 1))
            return publisher
    raise TimeoutError("nobody answers the greeting")


@contextmanager
def ingester(
    sites: int,
    sensors: int,
    channels: int,
    *,
    broker: int | None = None,
    postgres: "Server | None" = None,
) -> Iterator[Installation]:
    """Run an ingester over a fresh database; its own receiver, or the `broker` on a port."""
    allow_connections()
    with scratch() as folder:
        url = _database(folder, (sites, sensors, channels), postgres)
        store, port = Store(url, folder), free_port() if broker is None else broker
        environ = {"RIDGEWATCH_DATA_DIR": str(folder), "RIDGEWATCH_DATABASE_URL": url}
        if broker is None:
            environ["RIDGEWATCH_MQTT_LISTEN"] = f"127.0.0.1:{port}"
        else:
            environ["RIDGEWATCH_MQTT_URL"] = f"mqtt://127.0.0.1:{broker}"
        processes = Processes(folder)
        installation = Installation(store, folder, processes, port, environ)
        try:
            installation.start()
            yield installation
        except BaseException:
            print(processes.report()[-4000:])
            raise
        finally:
            processes.end_all()
            store.close()


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder on the disk of the checkout, where fsync costs what it costs here."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=BUILD) as folder:
        yield Path(folder)


def allow_connections() -> None:
    """Let this process and its children hold the nation's connections open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _database(folder: Path, size: tuple[int, int, int], postgres: "Server | None") -> str:
    if postgres is None:
        return sqlite_copy(folder, *size)
    url = postgres.url(postgres.create())
    store = Store(url, folder)
    fill(store, *size)
    store.close()
    return url


class Server(Postgres):
    """A PostgreSQL that survives a power cut, with the settings of its packages else."""

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [f"-p{self.port}", f"-k{self.folder}", "-clisten_addresses=127.0.0.1"]
        program = self.binaries / "postgres"
        self.server = self.processes.start(
            "postgres", program, "-D", self.data, *options, user=self.user, cwd=Path("/")
        )
        self.server.wait_until(self._accepts, "accepts connections")

    def ask(self, database_url: str, question: str) -> int:
        """Return the one number that a question has for an answer."""
        where = database_url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(where, autocommit=True) as connection:
            row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def server() -> Iterator[Server]:
    """Run a PostgreSQL with fsync on. Its user can't enter the checkout: it lives in /var/tmp."""
    cluster = Server(Path(tempfile.mkdtemp(prefix="ridgewatch-bench-pg-", dir="/var/tmp")))
    try:
        cluster.initialise()
        cluster.start()
        yield cluster
    finally:
        cluster.end()
