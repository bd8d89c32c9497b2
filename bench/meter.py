"""What a process has cost so far, as the kernel counted it (`/proc`; Linux alone)."""

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Processor seconds of all threads, resident MB now and at most, MB that went to the disk."""

    cpu_s: float
    rss_mb: float
    peak_mb: float
    written_bytes: int

    def since(self, before: "Cost") -> "Cost":
        """Return what was spent since; memory is as it is now."""
        return Cost(
            self.cpu_s - before.cpu_s,
            self.rss_mb,
            self.peak_mb,
            self.written_bytes - before.written_bytes,
        )


def cost(pid: int) -> Cost:
    """Return what a process has cost since its start. Raises FileNotFoundError when it is gone."""
    folder = Path("/proc") / str(pid)
    after_name = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks = int(after_name[11]) + int(after_name[12])
    status = (folder / "status").read_text()
    return Cost(
        ticks / os.sysconf("SC_CLK_TCK"),
        _number("VmRSS", status) / 1024,
        _number("VmHWM", status) / 1024,
        _number("write_bytes", (folder / "io").read_text()),
    )


def costs(*pids: int) -> Cost:
    """Return what several have cost together."""
    each = [cost(pid) for pid in pids]
    return Cost(
        sum(one.cpu_s for one in each),
        sum(one.rss_mb for one in each),
        sum(one.peak_mb for one in each),
        sum(one.written_bytes for one in each),
    )


def _number(name: str, text: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0
