"""The same flat out on PostgreSQL and on SQLite, in turns; both sync to the disk at each commit."""

from collections.abc import Iterator

from bench.figures import Figure, middle
from bench.flat_out import Turn, receiver
from bench.generator import Load, Size, send, town
from bench.installation import Server, ingester, server
from bench.options import Options

READINGS, ROUNDS = 100_000, 3


def measure(options: Options) -> Iterator[Figure]:
    """Yield PostgreSQL's rate beside SQLite's."""
    readings, size = options.readings or READINGS, town(options)
    ours, embedded = [], []
    with server() as cluster:
        for _ in range(options.rounds or ROUNDS):
            embedded.append(receiver(size, readings))
            ours.append(on_postgres(cluster, size, readings))
    rate = middle(turn.per_second for turn in ours)
    beside = middle(turn.per_second for turn in embedded)
    yield Figure("on PostgreSQL", rate, "/s", beside, "on SQLite", at_least=0.5)
    cpu = middle(turn.cpu_ms for turn in ours)
    beside = middle(turn.cpu_ms for turn in embedded)
    yield Figure("ingester's processor for 1,000 readings", cpu, "ms", beside, "on SQLite")


def on_postgres(cluster: Server, size: Size, readings: int) -> Turn:
    """Send to the receiver of an ingester on PostgreSQL; the server's work is not in its cost."""
    with ingester(*size, postgres=cluster) as installation:
        before = installation.cost()
        sent = send(installation.port, Load(*size, readings))
        spent = installation.cost().since(before)
        installation.expect(sent.acknowledged)
    return Turn.of(readings, sent.seconds, spent.cpu_s)
