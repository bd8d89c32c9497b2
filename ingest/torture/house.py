"""A throw-away installation: its own folder, ports and processes; never a real one."""

from __future__ import annotations

import os
import resource
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.local_broker import find_mosquitto, mosquitto
from ingest.pacing import lead
from ingest.supervisor import die_with_parent
from ingest.torture.waiting import STARTS_WITHIN_S, Failed, answers, free_port, wait_until
from models.clock import machine_now, site_clock
from models.errors import BadInput, Fault
from models.heartbeat import Heartbeat
from models.installation import made
from models.migrate import current
from models.people import machine
from models.reasons import reason
from models.registry_file.load import load
from models.settings import Settings
from models.settings_text import sqlite_url
from models.store import Store
from models.times import from_ms

ROLES = ("ingest", "clock", "work", "web")
SECOND = "second-ingest"
STOPS_WITHIN_S = 15.0


@dataclass
class House:
    """One installation in `folder`. `url`: an empty PostgreSQL database instead of SQLite."""

    folder: Path
    registry: Mapping[str, Any]
    begins_ms: int
    url: str | None = None
    through_broker: bool = False
    speed: float | None = None  # the clock runs by itself, so fast; None: devices lead it
    shares: int = 1  # more: dealt to several ingesters, who live in real time
    runs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    starts: int = 0

    def __post_init__(self) -> None:
        self.port, self.web_port = free_port(), free_port()
        self.broker_port = free_port() if self.through_broker else 0
        self.data_dir = self.folder / "data"
        self.data_dir.mkdir(mode=0o700, exist_ok=True)  # a small disk may be there
        self.settings = Settings.read(self._told())
        self.store = Store(self.settings.database_url, self.data_dir)
        self.clock_offset = self.folder / "clock-offset"

    def make(self) -> None:
        """Make the database, load the registry, and let the devices lead the clock.

        Raises BadInput where the database named is not empty.
        """
        if self.url is not None and current(self.store) is not None:
            raise BadInput([Fault("--url", reason("torture.database_in_use"))])
        with made(self.settings):
            pass
        begins = from_ms(self.begins_ms)
        with self.store.writing() as session:
            if self.shares == 1:
                lead(session, begins, None, 1.0)
            if self.speed is not None:
                run_freely(session, begins, self.speed)
            load(session, self.registry, by=machine("system"), now=begins)
        self.store.checkpoint()

    @property
    def publish_port(self) -> int:
        """Where devices publish: the receiver, or the broker."""
        return self.broker_port if self.through_broker else self.port

    def _told(self) -> dict[str, str]:
        """Return the settings of this installation alone; the caller's own never leak in."""
        told = {
            "RIDGEWATCH_DATA_DIR": str(self.data_dir),
            "RIDGEWATCH_DATABASE_URL": self.url or sqlite_url(self.data_dir / "ridgewatch.db"),
            "RIDGEWATCH_SECRET_KEY": secrets.token_hex(32),
            "RIDGEWATCH_DISK_RESERVE": "4",
            "RIDGEWATCH_PORT": str(self.web_port),
            "RIDGEWATCH_MQTT_LISTEN": f"127.0.0.1:{self.port}",
            "RIDGEWATCH_SHARES": str(self.shares),
        }
        if self.through_broker:
            del told["RIDGEWATCH_MQTT_LISTEN"]
            told["RIDGEWATCH_MQTT_URL"] = f"mqtt://127.0.0.1:{self.broker_port}"
        return told

    # Processes.

    def start(self, role: str, name: str = "") -> None:
        """Start a role, or the broker; what it says goes to a file of its name."""
        if role == "broker":
            self._run("broker", self._broker())
            wait_until(lambda: answers(self.broker_port), "the broker listens")
            return
        env = {"RIDGEWATCH_TORTURE_CLOCK": str(self.clock_offset)}
        if name and self.shares > 1:  # as on another machine
            env["RIDGEWATCH_DATA_DIR"] = str(self.data_dir / name)
        argv = (sys.executable, "-m", "ingest.torture.role", role)
        self._run(name or role, argv, {**self._clean(), **self._told_again(), **env})

    def start_standing_by(self, name: str) -> None:
        """Start an ingester beside the one that works, and wait until it has seen that one."""
        log = self.folder / f"{name}.log"
        said = len(self._log(name)) if log.exists() else 0
        self.start("ingest", name=name)
        wait_until(lambda: b"standing_by=1" in self._log(name)[said:], f"{name} stands by")

    def _run(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.starts += 1
        with (self.folder / f"{name}.log").open("ab") as output:
            self.runs[name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env,
                process_group=0, preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )  # fmt: skip

    def _told_again(self) -> dict[str, str]:
        return {**self._told(), "RIDGEWATCH_SECRET_KEY": self.settings.secret_key}

    def _clean(self) -> dict[str, str]:
        return {key: text for key, text in os.environ.items() if not key.startswith("RIDGEWATCH_")}

    def _broker(self) -> tuple[str, ...]:
        program = find_mosquitto()
        assert program is not None
        folder = self.folder / "mosquitto"
        found = mosquitto(program, folder, self.broker_port, self.folder / "broker.log")
        # What docs/mqtt.md recommends; the demo's own broker is milder.
        conf = folder / "mosquitto.conf"
        lines = conf.read_text(encoding="utf-8").replace(
            "autosave_interval 30", "autosave_interval 1"
        )
        conf.write_text(lines + "autosave_on_changes true\n", encoding="utf-8")
        return found.argv

    def wait_until_listening(self) -> None:
        """Wait until messages are taken in: the port answers, or the subscription stands."""
        if self.through_broker:
            wait_until(lambda: b"role=ingest" in self._log("ingest"), "the subscription stands")
        else:
            wait_until(lambda: answers(self.port), "the receiver listens")

    def _log(self, name: str) -> bytes:
        return (self.folder / f"{name}.log").read_bytes()

    def kill(self, name: str) -> None:
        """kill -9, and nothing else: what is on disk is what is left."""
        self.signal(name, signal.SIGKILL)
        self.runs[name].wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one process."""
        if self.runs[name].poll() is None:
            self.runs[name].send_signal(number)

    def has_ended(self, name: str) -> int | None:
        """Return the exit code of a process that has ended."""
        return self.runs[name].poll()

    def wait_for_end(self, name: str, within_s: float = STARTS_WITHIN_S) -> int:
        """Wait for a process to end by itself. Raises Failed where it goes on."""
        try:
            return self.runs[name].wait(within_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"{name} did not end") from None

    def revive(self) -> dict[str, int]:
        """Start again what has ended; return the exit codes that it ended with."""
        ended = {name: run.returncode for name, run in self.runs.items() if run.poll() is not None}
        ended.pop(SECOND, None)
        for name in ended:
            self.start(name)
        return ended

    def limit_files(self, name: str, most_bytes: int | None) -> None:
        """Let no file of a process grow beyond a size; None: again as large as it likes."""
        pid = self.runs[name].pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        soft = hard if most_bytes is None else most_bytes
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))

    def stop_all(self) -> dict[str, int]:
        """Ask every process to stop; return the exit codes (-9: it would not)."""
        self.runs.pop(SECOND, None)  # it has come and gone
        for run in self.runs.values():
            if run.poll() is None:
                run.send_signal(signal.SIGCONT)
                run.send_signal(signal.SIGTERM)
        codes = {}
        for name, run in self.runs.items():
            try:
                codes[name] = run.wait(STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                run.kill()
                codes[name] = run.wait()
        return codes

    def end(self) -> None:
        """End whatever still runs, and let go of the database."""
        for run in self.runs.values():
            if run.poll() is None:
                run.kill()
                run.wait()
        self.store.close()

    def signs_of_life(self) -> dict[str, object]:
        """Return what changes when a role turns: its heartbeat; of the pages, that they answer."""
        with self.store.reading() as session:
            signs: dict[str, object] = {
                row.role: (row.beat_at, row.pid) for row in session.scalars(select(Heartbeat))
            }
        if "web" in self.runs:
            signs["web"] = monotonic() if answers(self.web_port) else None
        return signs

    def last_words(self, name: str) -> str:
        """Return the end of what a process has said, for whoever has to find out."""
        return self._log(name)[-2000:].decode("utf-8", "replace")


def run_freely(session: Session, begins: datetime, speed: float) -> None:
    """Let the clock run by itself, as the real one does, only faster."""
    row = site_clock(session)
    assert row is not None
    row.mode, row.site_at, row.since, row.speed = "running", begins, machine_now(), speed
