"""What a pipeline behind a broker shows of itself, whoever has built it."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.meter import Cost
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Processes


@dataclass(frozen=True)
class Place:
    """Where a peer lives for a run: its processes, its folder, its broker."""

    processes: Processes
    folder: Path
    broker: Mosquitto


class Peer(Protocol):
    """A pipeline that has subscribed, and is about to be sent `messages`."""

    def stored(self) -> int:
        """Return how many rows are in its database, as another process sees them."""

    def cost(self) -> Cost:
        """Return what its processes have cost so far, without the broker."""


def rows(database: Path) -> int:
    """Return how many rows a peer's table has, without holding it up: rows are never deleted."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        newest = connection.execute("select coalesce(max(rowid), 0) from readings").fetchone()
        return int(newest[0])
    finally:
        connection.close()
