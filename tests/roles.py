"""An installation for tests of its processes: set up, started, spoken to."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.heartbeat import Heartbeat
from models.people import machine
from models.registry_file.load import load
from models.store import Store
from sensors_sim.catalogue import scenario
from tests.harness.processes import Process, Processes, free_port

RIDGEWATCH = Path(sys.executable).with_name("ridgewatch")


@dataclass
class House:
    """One data folder, its ports, and the commands that run in it."""

    store: Store
    processes: Processes
    port: int = field(default_factory=free_port)
    mqtt_port: int = field(default_factory=free_port)
    more: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {
            "RIDGEWATCH_DATA_DIR": str(self.store.data_dir),
            "RIDGEWATCH_DATABASE_URL": self.store.url,
            "RIDGEWATCH_MQTT_LISTEN": f"127.0.0.1:{self.mqtt_port}",
            "RIDGEWATCH_PORT": str(self.port),
            "RIDGEWATCH_SECRET_KEY": "a-secret-for-tests-" + "x" * 24,
            "RIDGEWATCH_LANGUAGE": "en",
            **self.more,
        }

    def register(self, name: str = "tianning-2022") -> None:
        """Load the registry of a scenario."""
        found = scenario(name)
        with self.store.writing() as session:
            load(session, found.registry, by=machine("system"), now=_begins(found))

    def start(self, *arguments: str) -> Process:
        """Start a command that goes on."""
        return self.processes.start(arguments[0], RIDGEWATCH, *arguments, env=self.env)

    def run(self, *arguments: str, within_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [str(RIDGEWATCH), *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **self.env},
            timeout=within_s,
        )

    def heartbeat(self, role: str) -> Heartbeat | None:
        with self.store.reading() as session:
            return session.get(Heartbeat, role)

    def beats(self, role: str) -> bool:
        return self.heartbeat(role) is not None


def _begins(found: Any) -> Any:
    from models.times import from_ms

    return from_ms(found.begins_ms)
