"""A mosquitto of the demo's own: how it is configured so that it keeps what it acknowledges."""

import os
import shutil
from pathlib import Path

from ingest.supervisor import Program


def find_mosquitto() -> str | None:
    """Return the path of mosquitto; Debian keeps it in sbin, which is not on everyone's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def mosquitto(path: str, folder: Path, port: int, log: Path) -> Program:
    """Return the broker as a child, with its configuration written into `folder`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = (
        # As root mosquitto would change to a user that can't write here.
        *(("user root",) if os.geteuid() == 0 else ()),
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        # Its defaults keep nothing over a restart, and 1,000 messages while we are away.
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 30",
        "max_queued_messages 1000000",  # never 0: some versions then drop everything
        "max_inflight_messages 1000",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    )
    configuration = folder / "mosquitto.conf"
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Program("mosquitto", (path, "-c", str(configuration)), refused=(), log=log, stage=2)
