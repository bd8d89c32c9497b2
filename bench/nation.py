"""Every nationally protected site of China: 17,000 messages a second, a million sensors.

5,058 connections of 200 sensors, each sensor read once a minute, three rules for each, SQLite with
`synchronous=FULL`. A shorter run than the ten minutes of `--seconds 600` says less about what
grows: tables, log and memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.figures import Figure
from bench.generator import Load, Sent, Size, begin, result, sized
from bench.installation import ingester
from bench.meter import Cost
from bench.options import Options

SITES, SENSORS = 5058, 200
# Eight unanswered are more than two seconds of a gateway: what is late waits, and is counted.
PER_SECOND, SECONDS, WINDOW = 17_000, 60, 8
MOST_CORES, MOST_P99_MS, MOST_MB, MOST_BYTES = 0.6, 250, 1024, 300


@dataclass(frozen=True)
class Run:
    """What the nation's load did to an ingester."""

    sent: Sent
    spent: Cost
    stored: int
    started_in_s: float


def measure(options: Options) -> Iterator[Figure]:
    """Yield rate, waits, processor, memory and bytes written."""
    yield from figures(run(sized(options, SITES, SENSORS), options.seconds or SECONDS))


def run(size: Size, seconds: int, *, over_the_hour: bool = False) -> Run:
    """Send the nation's messages for a while, or so that a full hour lies in the middle."""
    with ingester(*size) as installation:
        took_s = installation.started_in_s
        print(f"  {size[0] * size[1]:,} sensors, read in {took_s:.0f} s", flush=True)
        ahead_ms = installation.set_before_the_hour(seconds / 2) if over_the_hour else 0
        load = Load(*size, PER_SECOND * seconds, PER_SECOND, WINDOW, seconds, ahead_ms)
        before = installation.cost()
        sent = result(begin(installation.port, load))
        spent = installation.cost().since(before)
        print(f"  {sent}")
        return Run(sent, spent, installation.stored(), took_s)


def figures(run: Run) -> Iterator[Figure]:
    """Yield what the issue asks of a run. A rate that is held leaves no backlog at the end."""
    sent, spent = run.sent, run.spent
    rate, written = sent.per_second, spent.written_bytes / sent.acknowledged
    lost = sent.acknowledged - run.stored
    yield Figure("messages acknowledged", rate, "/s", at_least=0.99 * PER_SECOND)
    yield Figure("publish → acknowledged, p50", sent.p50_ms, "ms")
    yield Figure("publish → acknowledged, p99", sent.p99_ms, "ms", at_most=MOST_P99_MS)
    yield Figure("processor", spent.cpu_s / sent.seconds, "cores", at_most=MOST_CORES)
    yield Figure("memory, the most", spent.peak_mb, "MiB", at_most=MOST_MB)
    yield Figure("written to the disk a reading", written, "bytes", at_most=MOST_BYTES)
    yield Figure("acknowledged and not stored", lost, "readings", at_most=0)
    yield Figure("from start to the first reading committed", run.started_in_s, "s")
