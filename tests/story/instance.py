"""An instance of the story: a wet week in its database, its processes, and its site clock."""

import os
import shutil
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ingest.falling_due import Turn
from ingest.message import Message
from ingest.virtual import Runner
from models.clock import HeldClock, machine_now, site_clock
from models.heartbeat import Heartbeat
from models.installation import COMMAND, made
from models.registry_file.load import load
from models.settings import Settings
from models.store import Store
from models.times import from_ms, to_ms
from sensors_sim.catalogue import scenario
from sensors_sim.packet import Packet
from sensors_sim.stream import packets
from tests.harness.processes import Process, Processes, free_port, wait_until
from webapp import demo

RIDGEWATCH = Path(sys.executable).with_name("ridgewatch")
SCENARIO, SEED = "tianning-2022", 1
NOON = datetime.fromisoformat("2022-03-21T12:00:00+08:00")
DATABASE, ACCOUNTS = "ridgewatch.db", "accounts.txt"


def prepare(folder: Path) -> Path:
    """Make an installation with people and sensors; let the wet week pass, up to the 21st."""
    settings = Settings.read({"RIDGEWATCH_DATA_DIR": str(folder)}, secret_needed=False)
    with made(settings):
        pass
    story = scenario(SCENARIO)
    begins = from_ms(story.begins_ms)
    accounts = demo.new_accounts()
    hashes = demo.hashes_of(accounts)
    demo.keep(folder / ACCOUNTS, accounts)
    store = Store(settings.database_url, folder, durable=False)
    try:
        with store.writing() as session:
            load(session, story.registry, by=COMMAND, now=begins)
            demo.settle(session, accounts, hashes, by=COMMAND, now=begins)
        week = packets(story, SEED, until_ms=to_ms(NOON))
        Runner(store, HeldClock(begins), turn=demo.attended(Turn())).run(_messages(week), NOON)
        with store.writing() as session:
            row = site_clock(session)
            assert row is not None
            row.mode, row.site_at, row.since, row.paused = "led", NOON, machine_now(), True
        store.checkpoint()
    finally:
        store.close()
    return folder


def _messages(stream: Iterable[Packet]) -> Iterable[Message]:
    for one in stream:
        if one.event is None:
            yield Message(one.topic, one.payload, one.at_ms, qos=1, retain=one.retain, dup=one.dup)


@dataclass
class Instance:
    """Real processes on free ports over a data directory of their own."""

    processes: Processes
    folder: Path

    def __post_init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.mqtt_port = free_port()
        self.accounts = {one.role: one for one in demo.kept(self.folder / ACCOUNTS)}
        self.env = {
            **{name: text for name, text in os.environ.items() if "RIDGEWATCH" not in name},
            "RIDGEWATCH_DATA_DIR": str(self.folder),
            "RIDGEWATCH_SECRET_KEY": "a secret of the story alone, long enough",
            "RIDGEWATCH_PORT": str(port),
            "RIDGEWATCH_PUBLIC_URL": self.url,
            "RIDGEWATCH_MQTT_LISTEN": f"127.0.0.1:{self.mqtt_port}",
            "NO_PROXY": "127.0.0.1",
        }
        self.children: dict[str, Process] = {}

    @classmethod
    def of(cls, processes: Processes, template: Path, folder: Path) -> "Instance":
        """Return one on a copy of a prepared installation."""
        folder.mkdir(mode=0o700)
        for name in (DATABASE, ACCOUNTS):
            shutil.copyfile(template / name, folder / name)
        return cls(processes, folder)

    def start(self, *names: str) -> None:
        """Start roles, or `up` for all of them, and wait for the ports."""
        for name in names:
            self.children[name] = self.processes.start(name, RIDGEWATCH, name, env=self.env)
        if {"web", "up"} & set(names):
            child = self.children["up" if "up" in names else "web"]
            child.wait_for_port(int(self.url.rpartition(":")[2]), within_s=60)
        if {"ingest", "up"} & set(names):
            child = self.children["up" if "up" in names else "ingest"]
            child.wait_for_port(self.mqtt_port, within_s=60)

    def simulate(self) -> None:
        """Start the simulator, which leads the clock; it stands until `advance` moves it."""
        started = machine_now()
        argv = ("simulate", SCENARIO, "--seed", str(SEED))
        child = self.processes.start("simulate", RIDGEWATCH, *argv, env=self.env)
        self.children["simulate"] = child
        child.wait_until(lambda: self._beaten_since("simulate", started), "leads the clock", 60)

    def _beaten_since(self, role: str, moment: datetime) -> bool:
        store = self.store()
        try:
            with store.reading() as session:
                beat = session.get(Heartbeat, role)
                return beat is not None and beat.beat_at >= moment
        finally:
            store.close()

    def advance(self, duration: str, within_s: float = 600.0) -> str:
        """Move site time on; return the site's new time."""
        child = self.processes.start("advance", RIDGEWATCH, "advance", duration, env=self.env)
        assert child.wait(within_s) == 0, child.stderr
        return child.stdout.split()[-1]

    def until(self, wanted: str) -> None:
        """Move site time on to an instant such as `2022-03-21T15:00`, local time."""
        target = datetime.fromisoformat(f"{wanted}:00+08:00")
        left_s = (target - self.now()).total_seconds()
        assert left_s > 0, f"it is past {wanted} already: {self.now()}"
        self.advance(f"{left_s:g}s")

    def now(self) -> datetime:
        """Return the site's time."""
        store = self.store()
        try:
            with store.reading() as session:
                row = site_clock(session)
                assert row is not None
                return row.now(machine_now())
        finally:
            store.close()

    def store(self) -> Store:
        """Open the instance's database, to look at what pages do not say."""
        return Store(f"sqlite+pysqlite:///{self.folder / DATABASE}", self.folder)

    def wait_for_pages(self) -> None:
        """Wait until the pages answer again."""
        import httpx

        def answers() -> bool:
            try:
                return httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200
            except httpx.HTTPError:
                return False

        wait_until(answers, "the pages answer", within_s=60)

    def pid_of(self, role: str) -> int | None:
        """Return the process that plays a role under `up`."""
        up = self.children["up"].pid
        for number in Path(f"/proc/{up}/task/{up}/children").read_text().split():
            try:
                argv = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
            except OSError:  # it has just ended
                continue
            if role.encode() in argv:
                return int(number)
        return None

    def kill(self, role: str) -> None:
        """kill -9 of a role; `up` is to start it again."""
        pid = self.pid_of(role)
        assert pid is not None, f"{role} does not run"
        os.kill(pid, signal.SIGKILL)
