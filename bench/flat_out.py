"""How many readings a second, and at what cost: beside what others do with the same messages.

In each round every pipeline has its turn, on fresh databases, with the same generator. The
receiver has acknowledged only what is committed; the others are timed until the last row is there.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.figures import Figure, middle
from bench.generator import Load, Size, begin, result, send, town
from bench.installation import ingester, scratch
from bench.options import Options
from bench.peers.node_red import NodeRed, installed
from bench.peers.peer import Peer, Place
from bench.peers.shell import Shell
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Processes

READINGS, ROUNDS = 200_000, 3
LONGEST_S = 600.0
BARS = {
    "Node-RED": 15.0,
    "Node-RED, batched by hand": 2.5,
    "mosquitto_sub piped into sqlite3": 1.0,
}


@dataclass(frozen=True)
class Turn:
    """One pipeline's turn: readings a second, and processor ms for a thousand of them."""

    per_second: float
    cpu_ms: float

    @classmethod
    def of(cls, readings: int, seconds: float, cpu_s: float) -> "Turn":
        """Return a turn."""
        return cls(readings / seconds, cpu_s * 1e6 / readings)


def measure(options: Options) -> Iterator[Figure]:
    """Yield rates and costs."""
    installed()
    most, size = options.readings or READINGS, town(options)
    pipelines: dict[str, Callable[[], Turn]] = {
        "ridgewatch": lambda: receiver(size, most),
        # The slow ones are sent less: each turn takes some seconds.
        "Node-RED": lambda: behind_a_broker(_node_red, size, most // 5),
        "Node-RED, nothing synced": lambda: behind_a_broker(_node_red_unsynced, size, most // 5),
        "Node-RED, batched by hand": lambda: behind_a_broker(_node_red_batched, size, most),
        "mosquitto_sub piped into sqlite3": lambda: behind_a_broker(Shell, size, most),
    }
    turns: dict[str, list[Turn]] = {name: [] for name in pipelines}
    for number in range(options.rounds or ROUNDS):
        for name, run in pipelines.items():
            turn = run()
            turns[name].append(turn)
            print(
                f"  round {number + 1}, {name}: {turn.per_second:,.0f}/s, {turn.cpu_ms:.1f} ms of"
                " processor for 1,000",
                flush=True,
            )
    rate = {name: middle(turn.per_second for turn in each) for name, each in turns.items()}
    cpu = {name: middle(turn.cpu_ms for turn in each) for name, each in turns.items()}
    for name in list(pipelines)[1:]:
        bar = BARS.get(name)
        yield Figure("flat out", rate["ridgewatch"], "/s", rate[name], name, at_least=bar)
    yield Figure(
        "processor for 1,000 readings",
        cpu["ridgewatch"],
        "ms",
        cpu["Node-RED"],
        "Node-RED",
        at_most=0.08,
    )
    for name in list(pipelines)[2:]:
        yield Figure("processor for 1,000 readings", cpu["ridgewatch"], "ms", cpu[name], name)


def receiver(size: Size, readings: int) -> Turn:
    """Send to the receiver; all that is acknowledged is stored."""
    with ingester(*size) as installation:
        before = installation.cost()
        sent = send(installation.port, Load(*size, readings))
        spent = installation.cost().since(before)
        installation.expect(sent.acknowledged)
    return Turn.of(readings, sent.seconds, spent.cpu_s)


def _node_red(place: Place, messages: int) -> Peer:
    return NodeRed(place)


def _node_red_unsynced(place: Place, messages: int) -> Peer:
    return NodeRed(place, synced=False)


def _node_red_batched(place: Place, messages: int) -> Peer:
    return NodeRed(place, batched=True)


def behind_a_broker(build: Callable[[Place, int], Peer], size: Size, readings: int) -> Turn:
    """Send to a broker; timed from the first message to the last row of the pipeline behind it."""
    with broker() as place:
        peer = build(place, readings)
        before = peer.cost()
        sending = begin(place.broker.port, Load(*size, readings))
        begun, last = time.perf_counter(), before
        while peer.stored() < readings:
            last = peer.cost()
            if time.perf_counter() - begun > LONGEST_S:
                raise TimeoutError(f"{peer.stored()} of {readings} rows")
            time.sleep(0.02)
        seconds = time.perf_counter() - begun
        result(sending)
    return Turn.of(readings, seconds, last.since(before).cpu_s)


@contextmanager
def broker() -> Iterator[Place]:
    """Run a mosquitto of our own, without limits to what waits in it."""
    with scratch() as folder:
        processes = Processes(folder)
        mosquitto = Mosquitto(processes, folder / "broker")
        try:
            mosquitto.start()
            yield Place(processes, folder, mosquitto)
        except BaseException:
            print(processes.report()[-4000:])
            raise
        finally:
            processes.end_all()
