"""The bounded queue between the network side and the one worker that owns the database."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition
from time import monotonic

from ingest.message import Delivery

MOST_BYTES = 64 * 1024 * 1024
"""Payload bytes at which the inbox counts as full, whatever the number of messages."""

BATCH_BYTES = 4 * 1024 * 1024
"""Payload bytes of one batch: a second of decoding. In five its ingester would pass for hung."""


class Inbox:
    """Hold deliveries in order of arrival until the worker takes them.

    A source that may wait uses `put`. One that must not (an event loop) asks `room` first, hands
    over no more than that with `extend`, and stops reading until `when_room` calls it back.
    """

    def __init__(self, limit: int, *, most_bytes: int = MOST_BYTES) -> None:
        self._limit, self._most_bytes = limit, most_bytes
        self._waiting: deque[Delivery] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._callbacks: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def room(self) -> int:
        """Say how many more messages are welcome now."""
        if self._bytes >= self._most_bytes:
            return 0
        return max(0, self._limit - len(self._waiting))

    def put(self, delivery: Delivery, *, wait_s: float | None = None) -> bool:
        """Add one delivery, waiting for room; False if there was none for `wait_s` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.room() > 0, wait_s):
                return False
            self._add((delivery,))
            return True

    def extend(self, deliveries: Sequence[Delivery]) -> None:
        """Add deliveries without waiting; whoever calls this has asked `room` before."""
        with self._changed:
            self._add(deliveries)

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call back once, from the thread that makes room, when the inbox is half empty."""
        with self._changed:
            if not self._half_empty():
                self._callbacks.append(callback)
                return
        callback()

    def oldest_ms(self) -> int | None:
        """Return when the message that waits longest was received, None where none waits."""
        with self._changed:
            return self._waiting[0].message.received_ms if self._waiting else None

    def take(self, most: int, wait_s: float) -> list[Delivery]:
        """Remove up to `most` deliveries, oldest first; wait up to `wait_s` for the first one.

        Fewer where they are large: gateways that have been without a network send days at once.
        """
        with self._changed:
            self._wait_for_one(wait_s)
            taken: list[Delivery] = []
            taken_bytes = 0
            while self._waiting and len(taken) < most and taken_bytes < BATCH_BYTES:
                taken.append(self._waiting.popleft())
                taken_bytes += len(taken[-1].message.payload)
            self._bytes -= taken_bytes
            callbacks = self._callbacks_due()
            if taken:
                self._changed.notify_all()
        for callback in callbacks:
            callback()
        return taken

    def _wait_for_one(self, wait_s: float) -> None:
        until = monotonic() + wait_s
        while not self._waiting and (left_s := until - monotonic()) > 0:
            self._changed.wait(left_s)

    def _add(self, deliveries: Sequence[Delivery]) -> None:
        self._waiting.extend(deliveries)
        self._bytes += sum(len(delivery.message.payload) for delivery in deliveries)
        self._changed.notify_all()

    def _half_empty(self) -> bool:
        return len(self._waiting) <= self._limit // 2 and self._bytes <= self._most_bytes // 2

    def _callbacks_due(self) -> list[Callable[[], None]]:
        if not self._callbacks or not self._half_empty():
            return []
        due, self._callbacks = self._callbacks, []
        return due
