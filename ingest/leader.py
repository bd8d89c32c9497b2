"""On SQLite there is one ingester: who holds a lock on a file works, the others stand by."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

log = logging.getLogger(__name__)

LOCK_NAME = "ingest.lock"
LOOKS_EVERY_S = 0.2


@contextmanager
def leading(data_dir: Path, stop: Event) -> Iterator[bool]:
    """Wait until no other ingester works on this folder; False where told to stop before.

    The kernel lets go when the process ends, however it ends. One that is only stopped keeps the
    lock: it may stand within a transaction, and nothing could fence it off there.
    """
    lock = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _wait(lock, stop)
    finally:
        os.close(lock)


def _wait(lock: int, stop: Event) -> bool:
    standing_by = False
    while not stop.is_set():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not standing_by:
                other = os.pread(lock, 20, 0).decode("ascii", "replace")
                log.warning("role=ingest standing_by=1 working_pid=%s", other)
            standing_by = True
            stop.wait(LOOKS_EVERY_S)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)  # whom to look at
            return True
    return False
