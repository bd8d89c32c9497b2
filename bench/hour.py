"""The nation's load while a full hour passes: every sensor's hour is written within a minute.

The site's clock is set so that the hour lies in the middle of the run, with a whole round of all
sensors before and after it.
"""

from collections.abc import Iterator

from bench.figures import Figure
from bench.generator import sized
from bench.nation import SENSORS, SITES, figures, run
from bench.options import Options

SECONDS = 140


def measure(options: Options) -> Iterator[Figure]:
    """Yield the nation's figures."""
    size = sized(options, SITES, SENSORS)
    yield from figures(run(size, options.seconds or SECONDS, over_the_hour=True))
