"""How long a message waits until it is committed, at 1,000 a second."""

import time
from collections.abc import Iterator

from bench.figures import Figure, middle, share
from bench.flat_out import broker
from bench.generator import Load, Sent, Size, send, town
from bench.installation import ingester
from bench.options import Options
from bench.tap import Tap

PER_SECOND, SECONDS, ROUNDS = 1000, 15, 3
MOST_P99_MS = 40
WARM = 2000


def measure(options: Options) -> Iterator[Figure]:
    """Yield the slow end through the receiver and through the subscriber."""
    size = town(options)
    load = Load(*size, PER_SECOND * (options.seconds or SECONDS), PER_SECOND)
    direct, brokered = [], []
    for _ in range(options.rounds or ROUNDS):
        direct.append(receiver(size, load))
        brokered.append(subscriber(size, load))
    told = "publish → committed at 1,000/s, "
    for number, name in ((0.5, "p50"), (0.99, "p99")):
        bar = MOST_P99_MS if number == 0.99 else None
        mine = middle(sent.p50_ms if number == 0.5 else sent.p99_ms for sent in direct)
        yield Figure(f"{told}receiver, {name}", mine, "ms", at_most=bar)
        waits = middle(share(each, number) for each in brokered)
        yield Figure(f"{told}mosquitto and subscriber, {name}", waits, "ms", at_most=bar)


def receiver(size: Size, load: Load) -> Sent:
    """Return what the generator saw: its PUBACK comes after the commit."""
    with ingester(*size) as installation:
        send(installation.port, Load(*size, WARM))
        return send(installation.port, load)


def subscriber(size: Size, load: Load) -> list[float]:
    """Return, in ms, how long after its sending each message was acknowledged to the broker."""
    with broker() as place:
        tap = Tap(place.broker.port)
        with ingester(*size, broker=tap.port) as installation:
            send(place.broker.port, Load(*size, WARM))
            installation.wait_for(WARM)
            time.sleep(0.5)
            warm = len(tap.waits_ms)
            send(place.broker.port, load)
            installation.wait_for(WARM + load.messages)
            time.sleep(0.5)
            waits = tap.waits_ms[warm:]
        tap.close()
    assert len(waits) == load.messages, f"{len(waits)} of {load.messages} acknowledgements seen"
    return waits
