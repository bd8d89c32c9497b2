"""Many publishers at once: heard in rounds, each in its own order, no more than there is room."""

import socket
import time

from ingest.receiver import reception
from ingest.receiver.rounds import ROUND_S, Rounds
from tests.ingest.publisher import Publisher, connect, messages, publish, take
from tests.ingest.test_receiver import receiving

NODES, EACH = 40, 25


def test_a_round_is_no_shorter_than_it_is_long_and_never_waits_beyond_it() -> None:
    ended: list[float] = []
    with Rounds() as rounds:
        one, other = socket.socketpair()
        rounds.register(one, 1)
        rounds.over = lambda: ended.append(time.monotonic())
        other.send(b"x")
        for _ in range(20):
            assert rounds.select(None)
        assert len(ended) == 20
        assert ended[-1] - ended[0] >= 18 * ROUND_S
        ended.clear()
        for _ in range(1000):
            rounds.select(0)  # something is to be done at once: no pause
        assert ended[-1] - ended[0] < 1000 * ROUND_S / 2
        one.close()
        other.close()


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
        longest, came = 0, 0
        while came < NODES * EACH:
            time.sleep(0.002)
            longest = max(longest, len(inbox))
            taken = inbox.take(11, 5)
            assert taken
            came += len(taken)
    assert longest <= 30


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
