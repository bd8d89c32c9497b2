"""Every nationally protected site of China: 17,000 messages a second, a million sensors.

5,058 connections of 200 sensors, each sensor read once a minute, three rules for each, SQLite with
`synchronous=FULL`. A shorter run than the ten minutes of `--seconds 600` says less about what
grows: tables, log, memory, and the hour that closes for every sensor at once.
"""

from collections.abc import Iterator

from bench.figures import Figure
from bench.generator import Load, begin, result, sized
from bench.installation import ingester
from bench.options import Options

SITES, SENSORS = 5058, 200
PER_SECOND, SECONDS, WINDOW = 17_000, 60, 64
MOST_CORES, MOST_P99_MS, MOST_MB, MOST_BYTES = 0.6, 250, 1024, 300


def measure(options: Options) -> Iterator[Figure]:
    """Yield rate, waits, processor, memory and bytes written."""
    size = sized(options, SITES, SENSORS)
    seconds = options.seconds or SECONDS
    with ingester(*size) as installation:
        took_s = installation.started_in_s
        print(f"  {size[0] * size[1]:,} sensors, read in {took_s:.0f} s", flush=True)
        load = Load(*size, PER_SECOND * seconds, PER_SECOND, WINDOW, seconds)
        before = installation.cost()
        sent = result(begin(installation.port, load))
        spent = installation.cost().since(before)
        stored = installation.stored()
    print(f"  {sent}")
    # A rate that is held ends when it should; what is late is the backlog at the end.
    yield Figure(
        "the nation: messages acknowledged", sent.per_second, "/s", at_least=0.99 * PER_SECOND
    )
    yield Figure("publish → acknowledged, p50", sent.p50_ms, "ms")
    yield Figure("publish → acknowledged, p99", sent.p99_ms, "ms", at_most=MOST_P99_MS)
    yield Figure("processor", spent.cpu_s / sent.seconds, "cores", at_most=MOST_CORES)
    yield Figure("memory, the most", spent.peak_mb, "MiB", at_most=MOST_MB)
    yield Figure(
        "written to the disk a reading",
        spent.written_bytes / sent.acknowledged,
        "bytes",
        at_most=MOST_BYTES,
    )
    yield Figure("acknowledged and not stored", sent.acknowledged - stored, "readings", at_most=0)
    yield Figure("from start to the first reading committed", took_s, "s")
