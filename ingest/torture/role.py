"""Runs a role whose machine clock torture may set: `python -m ingest.torture.role ROLE`.

The clock of the machine itself is left alone, which only root could set, for all its programs.
What is stepped is what Ridgewatch reads as the machine's time, in `models.clock.machine_now`.
"""

from __future__ import annotations

import os
import runpy
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import models.clock


def step(offset: Path) -> None:
    """Let `machine_now` be off by the seconds that a file holds, from the next reading on."""

    def machine_now() -> datetime:
        try:
            seconds = float(offset.read_text(encoding="ascii"))
        except (OSError, ValueError):
            seconds = 0.0
        return datetime.now(UTC) + timedelta(seconds=seconds)

    models.clock.machine_now = machine_now


if __name__ == "__main__":
    if offset := os.environ.pop("RIDGEWATCH_TORTURE_CLOCK", ""):
        step(Path(offset))
    sys.argv = ["ridgewatch", *sys.argv[1:]]
    runpy.run_module("webapp", run_name="__main__", alter_sys=True)
