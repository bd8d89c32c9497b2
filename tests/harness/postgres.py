"""A PostgreSQL cluster of the test run's own, and a fresh migrated database for each test."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness.needs import postgres_bin
from tests.harness.processes import Process, Processes, free_port

_OWNER = "ridgewatch"

# Nothing here must outlive a power cut, and a cluster zone other than UTC shows naive times up.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "timezone": "Asia/Shanghai",
    "listen_addresses": "127.0.0.1",
    "jit": "off",
}


def _server_user() -> str | None:
    """Return whom to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Postgres:
    """One cluster in a folder of its own; `stop`, `kill` and `start` it as a test likes."""

    def __init__(self, folder: Path) -> None:
        binaries = postgres_bin()
        assert binaries is not None, "tests.harness.selection should have stopped the run"
        self.binaries = binaries
        self.folder = folder
        self.data = folder / "data"
        self.user = _server_user()
        self.port = free_port()
        self.processes = Processes(folder)
        self.server: Process | None = None
        self._numbers = itertools.count(1)

    def initialise(self) -> None:
        """Make the cluster with initdb."""
        if self.user:
            shutil.chown(self.folder, self.user)
        subprocess.run(
            [self.binaries / "initdb", "-D", self.data, "-U", _OWNER, "-A", "trust", "-N"]
            + ["-E", "UTF8", "--locale=C.UTF-8"],
            check=True,
            capture_output=True,
            cwd="/",
            user=self.user,
            extra_groups=[] if self.user else None,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        options += [f"-p{self.port}", f"-k{self.folder}"]
        argv = (self.binaries / "postgres", "-D", self.data, *options)
        self.server = self.processes.start("postgres", *argv, user=self.user, cwd=Path("/"))
        self.server.wait_until(self._accepts, "accepts connections")

    def _accepts(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def end(self) -> None:
        """End the server and throw everything away."""
        self.processes.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, statement: str) -> None:
        """Run one statement on the maintenance database."""
        where = f"host=127.0.0.1 port={self.port} user={_OWNER} dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def url(self, database: str) -> str:
        """Return what RIDGEWATCH_DATABASE_URL takes for a database of this cluster."""
        return f"postgresql+psycopg://{_OWNER}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template1") -> str:
        """Make a database after a template and return its name."""
        name = f"test_{next(self._numbers)}"
        # Through the log, as is usual since PostgreSQL 15, a small one takes twice as long.
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, database: str) -> None:
        """Throw a database away, with whoever is still connected."""
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def _roomy_memory() -> str | None:
    """Return a folder in memory: a new database takes 50 ms there and 250 ms on a disk.

    Never pytest's own folder: that one is closed to the server's user.
    """
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 * 1024**3
    return str(memory) if roomy else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running cluster; each process of xdist has its own."""
    cluster = Postgres(Path(tempfile.mkdtemp(prefix="ridgewatch-pg-", dir=_roomy_memory())))
    try:
        cluster.initialise()
        cluster.start()
        yield cluster
    finally:
        cluster.end()
