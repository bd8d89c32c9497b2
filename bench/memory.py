"""What the ingester holds in memory with 20,000 sensors, and whether that stays so."""

import time
from collections.abc import Iterator

from bench.figures import Figure, share
from bench.generator import Load, begin, result, town
from bench.installation import ingester
from bench.options import Options

PER_SECOND, SECONDS = 2000, 60
MOST_MB = 200


def measure(options: Options) -> Iterator[Figure]:
    """Yield the most, and how much it grew in the second half."""
    seconds, size = options.seconds or SECONDS, town(options)
    with ingester(*size) as installation:
        sending = begin(installation.port, Load(*size, PER_SECOND * seconds, PER_SECOND))
        sizes = []
        while sending.poll() is None:
            sizes.append(installation.cost().rss_mb)
            time.sleep(1)
        result(sending)
        peak = installation.cost().peak_mb
    half = len(sizes) // 2
    grown = share(sizes[half:][-half // 2 :], 0.5) - share(sizes[half:][: half // 2], 0.5)
    yield Figure("memory at 20,000 sensors, the most", peak, "MB", at_most=MOST_MB)
    yield Figure(f"grown from the third to the last quarter of {seconds} s", grown, "MB")
