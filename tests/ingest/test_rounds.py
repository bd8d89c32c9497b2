"""Many publishers at once: heard in rounds, each in its own order, no more than there is room."""

import gc
import selectors
import socket
import time
import weakref

from ingest.inbox import Inbox
from ingest.receiver import reception
from ingest.receiver.rounds import MANY, ROUND_S, Rounds
from tests.ingest.publisher import Publisher, connect, eventually, messages, publish, take
from tests.ingest.test_receiver import receiving

NODES, EACH = 40, 25
READ_AT_ONCE = 256 * 1024  # by asyncio


def longest_while_taking(inbox: Inbox, many: int, at_once: int) -> int:
    """Take so many messages, slowly; return how many waited at most."""
    longest = came = 0
    while came < many:
        time.sleep(0.002)
        longest = max(longest, len(inbox))
        taken = inbox.take(at_once, 5)
        assert taken
        came += len(taken)
    return longest


def test_while_many_speak_rounds_take_their_time_and_a_lone_one_is_never_kept_waiting() -> None:
    ended: list[float] = []
    with Rounds() as rounds:
        pairs = [socket.socketpair() for _ in range(MANY)]
        rounds.over = lambda: ended.append(time.monotonic())
        for mine, _ in pairs:
            rounds.register(mine, selectors.EVENT_READ)
        pairs[0][1].send(b"x")

        def seconds_of(rounds_made: int, timeout: float | None) -> float:
            ended.clear()
            for _ in range(rounds_made + 1):
                assert rounds.select(timeout)
            return ended[-1] - ended[0]

        alone = seconds_of(MANY // 2, None)
        for _, other in pairs[1:]:
            other.send(b"x")
        until = time.monotonic() + 3 * ROUND_S
        while time.monotonic() < until:
            rounds.select(None)
        together, at_once = seconds_of(20, None), seconds_of(20, 0)
        for mine, other in pairs:
            mine.close()
            other.close()
    assert together >= 19 * ROUND_S
    assert alone < together / 2
    assert at_once < together / 2


def test_what_forty_nodes_say_at_once_comes_in_the_order_of_each() -> None:
    with receiving() as (receiver, inbox):
        nodes = [Publisher(receiver.port, connect(f"n{n}")) for n in range(NODES)]
        for number in range(EACH):
            for node in nodes:
                node.say(publish("t", b"%d" % number, number + 1))
        came = messages(take(inbox, NODES * EACH))

    for number in range(NODES):
        said = [one.payload for one in came if one.client == f"n{number}"]
        assert said == [b"%d" % n for n in range(EACH)]


def test_however_many_speak_in_one_round_the_inbox_holds_no_more_than_it_may() -> None:
    with receiving(limit=30) as (receiver, inbox):
        nodes = [Publisher(receiver.port, connect(f"n{n}")) for n in range(NODES)]
        for node in nodes:
            node.say(*(publish("t", b"%d" % n, n + 1) for n in range(EACH)))
        assert longest_while_taking(inbox, NODES * EACH, at_once=11) <= 30


def test_large_messages_do_not_wait_for_the_end_of_the_round() -> None:
    large = b"x" * (reception.MOST_GATHERED_BYTES + 1)
    with receiving() as (receiver, inbox):
        nodes = [Publisher(receiver.port, connect(f"n{n}")) for n in range(4)]
        for node in nodes:
            node.say(publish("t", large, 1), publish("t", b"small", 2))
        came = messages(take(inbox, 8))
    for number in range(4):
        assert [one.payload for one in came if one.client == f"n{number}"] == [large, b"small"]


def test_the_will_of_who_dies_in_a_round_follows_what_he_said_in_it() -> None:
    with receiving() as (receiver, inbox):
        for number in range(10):
            node = Publisher(receiver.port, connect(f"n{number}", will=("t/will", b"gone")))
            node.say(*(publish("t", b"%d" % n, n + 1) for n in range(EACH)))
            node.close()
        came = messages(take(inbox, 10 * (EACH + 2)))

    for number in range(10):
        said = [one for one in came if f"n{number}" in (one.client, one.topic.rpartition("/")[2])]
        assert [one.payload for one in said[:EACH]] == [b"%d" % n for n in range(EACH)]
        assert [one.topic for one in said[EACH:]] == ["t/will", f"$ridgewatch/gone/n{number}"]


def test_however_large_what_is_said_in_one_round_the_inbox_holds_no_more_than_it_may() -> None:
    size, most, each = 30_000, 150_000, 6
    with receiving(most_bytes=most) as (receiver, inbox):
        nodes = [Publisher(receiver.port, connect(f"n{n}")) for n in range(NODES)]
        for node in nodes:
            node.say(*(publish("t", b"x" * size, n + 1) for n in range(each)))
        longest = longest_while_taking(inbox, NODES * each, at_once=2)
    # What one connection has sent is read whole, and some was gathered already.
    assert longest * size <= most + READ_AT_ONCE + reception.MOST_GATHERED_BYTES


def test_a_connection_that_has_ended_leaves_nothing_for_the_collector() -> None:
    gc.disable()
    try:
        with receiving() as (receiver, inbox):
            node = Publisher(receiver.port, connect("n", will=("t/will", b"gone")))
            node.say(publish("t", b"x", 1))
            take(inbox, 1)
            assert receiver._reception is not None
            (connection,) = map(weakref.ref, receiver._reception.open)
            node.close()
            take(inbox, 2)
            assert eventually(lambda: connection() is None)
    finally:
        gc.enable()
