"""The inbox keeps order, has an end, and says when there is room again."""

from threading import Thread

from ingest.inbox import BATCH_BYTES, Inbox
from ingest.message import Delivery, Message, Receipt


def delivery(number: int, payload: bytes = b"") -> Delivery:
    return Delivery(Message(f"t/{number}", payload, received_ms=0), Receipt(None, number))


def numbers(deliveries: list[Delivery]) -> list[int]:
    return [each.receipt.packet_id for each in deliveries]


def test_what_came_first_is_taken_first():
    inbox = Inbox(10)
    inbox.extend([delivery(1), delivery(2)])
    inbox.put(delivery(3))

    assert numbers(inbox.take(2, 0)) == [1, 2]
    assert numbers(inbox.take(2, 0)) == [3]
    assert inbox.take(2, 0) == []


def test_a_full_inbox_has_no_room_and_makes_the_sender_wait():
    inbox = Inbox(2)
    inbox.extend([delivery(1), delivery(2)])

    assert inbox.room() == 0
    assert not inbox.put(delivery(3), wait_s=0.01)

    waiter = Thread(target=inbox.put, args=(delivery(3),))
    waiter.start()
    assert numbers(inbox.take(1, 0)) == [1]
    waiter.join(5)
    assert numbers(inbox.take(5, 0)) == [2, 3]


def test_large_payloads_fill_the_inbox_before_their_number_does():
    inbox = Inbox(100, most_bytes=1000)
    inbox.put(delivery(1, b"x" * 1000))

    assert inbox.room() == 0
    inbox.take(1, 0)
    assert inbox.room() == 100


def test_large_payloads_are_taken_few_at_a_time():
    inbox = Inbox(10)
    half = b"x" * (BATCH_BYTES // 2)
    inbox.extend([delivery(n, half) for n in (1, 2, 3)])
    inbox.extend([delivery(4, half * 3), delivery(5)])

    assert numbers(inbox.take(10, 0)) == [1, 2]
    assert numbers(inbox.take(10, 0)) == [3, 4]
    assert numbers(inbox.take(10, 0)) == [5]
    assert inbox.room() == 10


def test_whoever_waits_for_room_is_called_once_when_half_is_free():
    inbox, calls = Inbox(4), []
    inbox.extend([delivery(n) for n in range(4)])
    inbox.when_room(lambda: calls.append("now"))

    inbox.take(1, 0)
    assert calls == []
    inbox.take(1, 0)
    inbox.take(1, 0)
    assert calls == ["now"]

    inbox.when_room(lambda: calls.append("at once"))
    assert calls == ["now", "at once"]


def test_take_wakes_up_when_something_arrives():
    inbox, taken = Inbox(4), []
    worker = Thread(target=lambda: taken.extend(inbox.take(4, 10)))
    worker.start()
    inbox.put(delivery(7))
    worker.join(5)

    assert numbers(taken) == [7]
