"""A figure beside what it is compared with and what was promised; the table of all of them."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "bench"
RESULTS = BUILD / "results.json"
HEAD = """
| `python -m bench …` | what | ours | beside it | ratio | promised | met |
| --- | --- | --- | --- | --- | --- | --- |
""".strip()


@dataclass(frozen=True)
class Figure:
    """One line of the table. `bar` is for the ratio where there is a reference, else for `ours`."""

    what: str
    ours: float
    unit: str
    reference: float | None = None
    beside: str = ""  # what the reference is
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours to the reference."""
        return None if not self.reference else self.ours / self.reference

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None where nothing was promised."""
        found = self.ours if self.reference is None else self.ratio
        if found is None or self.at_least is self.at_most is None:
            return None
        over = self.at_least is None or found >= self.at_least
        return over and (self.at_most is None or found <= self.at_most)

    def line(self) -> str:
        """Return it as it is told while others are still measured."""
        parts = [f"{self.what}: {_short(self.ours)} {self.unit}".rstrip()]
        if self.ratio is not None:
            parts.append(f"{_short(self.ratio)} × {self.beside}")
        if self.met is not None:
            parts.append(f"promised {self._bar()}: {'met' if self.met else 'NOT MET'}")
        return ", ".join(parts)

    def row(self, run: str) -> str:
        """Return its line of the Markdown table, after the run that found it."""
        beside = "" if self.reference is None else f"{_short(self.reference)} {self.beside}"
        ratio = "" if self.ratio is None else f"{_short(self.ratio)} ×"
        cells = (self.what, f"{_short(self.ours)} {self.unit}".strip(), beside, ratio)
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        return f"| {run} | {' | '.join(cells)} | {self._bar()} | {met} |"

    def _bar(self) -> str:
        times = "" if self.reference is None else " ×"
        bars = [f"≥ {_short(self.at_least)}{times}"] if self.at_least is not None else []
        bars += [f"≤ {_short(self.at_most)}{times}"] if self.at_most is not None else []
        return ", ".join(bars)


def _short(number: float) -> str:
    if number == 0 or abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.3g}"


def middle(values: Iterable[float]) -> float:
    """Return the median: of several rounds on a shared machine it is the least moved by others."""
    return median(values)


def share(values: Iterable[float], of: float) -> float:
    """Return the value that a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(of * len(ordered)))]


def machine() -> str:
    """Say on what this was measured."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return f"{os.cpu_count()} × {model}, {memory:.0f} GiB, {platform.system()}, Python {python}"


def keep(name: str, figures: Iterable[Figure], options: Mapping[str, Any]) -> None:
    """Keep a measurement's figures; an earlier run of the same measurement gives way."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[name] = {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine(),
        "options": {key: value for key, value in options.items() if value is not None},
        "figures": [asdict(figure) for figure in figures],
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=1, ensure_ascii=False))


def table() -> str:
    """Return all that was kept as one Markdown table, and when and on what it was found."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    rows, told = [], []
    for name, run in known.items():
        options = [f"--{key} {value}" for key, value in run["options"].items()]
        said = " ".join([name, *options])
        rows += [Figure(**one).row(f"`{said}`") for one in run["figures"]]
        told.append(f"- `{said}`: {run['at']}, {run['machine']}")
    return "\n".join([HEAD, *rows, "", *told])
