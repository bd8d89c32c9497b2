"""Finds who was not heard in time without asking a million sensors each minute."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.judging import SensorMemory


class Due:
    """Sensors by the second in which they would be overdue, had nobody heard them since.

    Most are heard long before; they are queued anew when their second has come.
    """

    def __init__(self) -> None:
        self._by_second: dict[int, list[int]] = {}
        self._seconds: list[int] = []  # a heap of the keys of `_by_second`
        self._over: set[int] = set()

    def expect(self, memory: SensorMemory) -> None:
        """Queue a sensor for when it would be overdue, unless it is looked at by then anyway."""
        second = -(-(memory.due_ms or 0) // 1000)
        if memory.queued_s is not None and memory.queued_s <= second:
            return
        memory.queued_s = second
        keys = self._by_second.get(second)
        if keys is None:
            keys = self._by_second[second] = []
            heappush(self._seconds, second)
        keys.append(memory.key)

    def look(self, sensors: Mapping[int, SensorMemory], now_ms: int) -> None:
        """See to those whose second has come: who was heard since waits anew."""
        while self._seconds and self._seconds[0] * 1000 <= now_ms:
            second = heappop(self._seconds)
            for key in self._by_second.pop(second):
                memory = sensors[key]
                if memory.queued_s != second:
                    continue  # it was queued again for an earlier time
                memory.queued_s = None
                if memory.due_ms is not None and memory.due_ms > now_ms:
                    self.expect(memory)
                else:
                    self._over.add(key)

    def over(self, sensors: Mapping[int, SensorMemory], now_ms: int) -> list[int]:
        """Return the sensors that were not heard in time, in the order of their keys."""
        for key in list(self._over):
            memory = sensors[key]
            if memory.due_ms is not None and memory.due_ms > now_ms:
                self._over.discard(key)
                self.expect(memory)
        self.look(sensors, now_ms)
        return sorted(self._over)
