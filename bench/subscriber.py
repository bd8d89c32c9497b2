"""Single readings through mosquitto and the paho subscriber, until the last is committed."""

import time
from collections.abc import Iterator

from bench.figures import Figure, middle
from bench.flat_out import Turn, broker
from bench.generator import Load, Size, begin, result, town
from bench.installation import ingester
from bench.options import Options

READINGS, ROUNDS = 100_000, 3


def measure(options: Options) -> Iterator[Figure]:
    """Yield the rate and its cost."""
    readings = options.readings or READINGS
    turns = [turn(town(options), readings) for _ in range(options.rounds or ROUNDS)]
    rate = middle(one.per_second for one in turns)
    yield Figure("through mosquitto and the subscriber", rate, "/s", at_least=17_000)
    cpu = middle(one.cpu_ms for one in turns)
    yield Figure("processor for 1,000 readings, without the broker's", cpu, "ms")


def turn(size: Size, readings: int) -> Turn:
    """Send to the broker; timed from the first message to the last committed reading."""
    with broker() as place, ingester(*size, broker=place.broker.port) as installation:
        before, begun = installation.cost(), time.perf_counter()
        sending = begin(place.broker.port, Load(*size, readings))
        installation.wait_for(readings)
        seconds = time.perf_counter() - begun
        spent = installation.cost().since(before)
        result(sending)
        installation.expect(readings)
    found = Turn.of(readings, seconds, spent.cpu_s)
    print(f"  {found.per_second:,.0f}/s, {found.cpu_ms:.1f} ms of processor for 1,000", flush=True)
    return found
