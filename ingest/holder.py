"""The name under which a process holds leases, and whether the process behind a name has ended."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_UNTOLD = "untold"  # where machines can't be told apart, nobody is certainly gone


def new_holder() -> str:
    """Return a name that no other process has ever had."""
    return f"{_machine()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def is_gone(holder: str) -> bool:
    """Whether that process has certainly ended: it ran on this machine, and runs no more.

    So a start after kill -9 needs not wait for a lease to end. A stopped process is not gone.
    """
    machine, _, rest = holder.rpartition(":")[0].rpartition(":")
    if machine != _machine() or machine.endswith(_UNTOLD) or not rest.isdecimal():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _machine() -> str:
    """Tell machines apart, and containers that count their processes each for itself."""
    try:
        return f"{_BOOT.read_text().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()}/{_UNTOLD}"
