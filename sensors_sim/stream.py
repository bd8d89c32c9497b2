"""A scenario as it arrives: packets in order of arrival, and the hourly history before it."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush, merge
from itertools import count
from math import gcd
from random import Random

from sensors_sim import senml
from sensors_sim.faults import FOR_EVER_MS, Fault, Sent, befalls
from sensors_sim.packet import Packet
from sensors_sim.scenario import Channel, Node, Place, Scenario
from sensors_sim.times import HOUR_MS, SECOND_MS, iso
from sensors_sim.world import World

RADIO_MS = (200, 2_900)
"""From the measurement to its arrival."""

Streams = dict[tuple[str, str], Random]


def packets(
    scenario: Scenario, seed: int, since_ms: int | None = None, until_ms: int | None = None
) -> Iterator[Packet]:
    """Yield what arrives in `(since_ms, until_ms]`, in order of arrival; always the same bytes.

    Without `until_ms` it ends with the scenario, and so never for one that goes on for ever.
    """
    ends_ms = min(
        FOR_EVER_MS if moment is None else moment for moment in (until_ms, scenario.ends_ms)
    )
    streams: list[Iterable[Packet]] = [
        _arriving(scenario, place, seed, ends_ms) for place in scenario.places
    ]
    truths = (Packet(truth.at_ms, "", b"", event=truth.event) for truth in scenario.truths)
    for packet in merge(truths, *streams, key=lambda packet: packet.at_ms):
        if packet.at_ms > ends_ms:
            return
        if since_ms is None or packet.at_ms > since_ms:
            yield packet


def history(
    scenario: Scenario, seed: int, since_ms: int, until_ms: int, step_s: int = 3600
) -> Iterator[tuple[str, int, float]]:
    """Yield `(site/code, at_ms, value)` for every registered sensor in `(since_ms, until_ms]`.

    It is the same world that `packets` goes on with, so levels and counters join on.
    """
    if since_ms < scenario.world_begins_ms:
        raise ValueError(f"no history before {iso(scenario.world_begins_ms)}")
    if step_s <= 0 or step_s % 3600:
        raise ValueError(f"history goes in whole hours, not in steps of {step_s} s")
    streams = [
        _hours(place, seed, scenario.world_begins_ms, since_ms, until_ms, step_s * SECOND_MS)
        for place in scenario.places
    ]
    yield from merge(*streams, key=lambda reading: reading[1])


def _hours(
    place: Place, seed: int, begins_ms: int, since_ms: int, until_ms: int, step_ms: int
) -> Iterator[tuple[str, int, float]]:
    world = World(place, seed, begins_ms)
    streams = _streams(place, seed, "history")
    registered = [
        (f"{place.code}/{channel.sensor}", node, channel)
        for node in place.nodes
        for channel in node.channels
        if channel.sensor
    ]
    for at_ms in range(begins_ms + HOUR_MS, until_ms + 1, HOUR_MS):
        world.step(at_ms)
        if at_ms > since_ms and (at_ms - begins_ms) % step_ms == 0:
            for sensor, node, channel in registered:
                yield sensor, at_ms, world.read(node, channel, streams[node.device, channel.name])


def _arriving(scenario: Scenario, place: Place, seed: int, ends_ms: int) -> Iterator[Packet]:
    """One site's packets by arrival: measured ones wait until nothing earlier can still come."""
    faults = [(fault, _fault_stream(seed, fault)) for fault in scenario.faults]
    waiting: list[tuple[int, int, Packet]] = []
    numbers = count()
    for now_ms, sent in _measured(scenario, place, seed, ends_ms):
        for packet in _befallen(sent, faults):
            heappush(waiting, (packet.at_ms, next(numbers), packet))
        while waiting and waiting[0][0] <= now_ms:
            yield heappop(waiting)[2]
    while waiting:
        yield heappop(waiting)[2]


def _measured(
    scenario: Scenario, place: Place, seed: int, ends_ms: int
) -> Iterator[tuple[int, Sent]]:
    """Each pack with the moment of its measuring; a lost one is never measured for us."""
    world = World(place, seed, scenario.world_begins_ms)
    world.run(scenario.begins_ms)
    streams = _streams(place, seed, "live")
    radios = {node.device: _stream(place, seed, node, "radio") for node in place.nodes}
    step_s = gcd(*(channel.every_s for node in place.nodes for channel in node.channels))
    nodes = sorted(place.nodes, key=lambda node: node.second)
    numbers, boot = {node.device: count(1) for node in nodes}, f"{seed}-{scenario.begins_ms}"
    while world.at_ms <= ends_ms:
        world.step(world.at_ms + step_s * SECOND_MS)
        for node in nodes:
            records = _read(world, node, streams)
            if records:
                at_ms = world.at_ms + node.second * SECOND_MS
                radio, number = radios[node.device], next(numbers[node.device])
                arrives_ms, lost = at_ms + radio.randrange(*RADIO_MS), radio.random() < node.loses
                if not lost:
                    payload = senml.pack(node.device, at_ms, records, number, boot)
                    yield at_ms, _sent(place, node, at_ms, arrives_ms, payload)


def _read(world: World, node: Node, streams: Streams) -> list[senml.Record]:
    """What a node measures now: the channels that are due."""
    return [
        (channel.name, channel.unit, world.read(node, channel, streams[node.device, channel.name]))
        for channel in node.channels
        if _is_due(channel, world.at_ms)
    ]


def _is_due(channel: Channel, at_ms: int) -> bool:
    return at_ms // SECOND_MS % channel.every_s == 0


def _sent(place: Place, node: Node, at_ms: int, arrives_ms: int, payload: bytes) -> Sent:
    topic = senml.topic(place.code, node.device)
    return Sent(node.device, at_ms, Packet(arrives_ms, topic, payload, via=node.via))


def _befallen(sent: Sent, faults: list[tuple[Fault, Random]]) -> Iterator[Packet]:
    ways = [sent]
    for fault, stream in faults:
        if befalls(fault, sent):
            ways = [after for before in ways for after in fault.befall(before, stream)]
    return (way.packet for way in ways)


def _streams(place: Place, seed: int, what: str) -> Streams:
    """A stream a channel, named after it: adding a sensor leaves the others' noise alone."""
    return {
        (node.device, channel.name): _stream(place, seed, node, f"{channel.name}/{what}")
        for node in place.nodes
        for channel in node.channels
    }


def _stream(place: Place, seed: int, node: Node, what: str) -> Random:
    return Random(f"{seed}/{place.code}/{node.device}/{what}")


def _fault_stream(seed: int, fault: Fault) -> Random:
    return Random(f"{seed}/{fault.device}/{type(fault).__name__}/{fault.since_ms}")
