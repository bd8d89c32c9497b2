"""Decides when a sensor's row is written: at once, or soon where its readings tell the same.

A row holds the latest of a sensor and what its rules remember. Writing it with each reading would
be most of what a reading costs, and with a million sensors each would be a page of its own. So
where a reading was good, on time, newer than all before it and changed no verdict, the row may
lag: after a crash the stored readings since are judged again (`Judges.load`), which gives the same
state, and no new step. Rows that lag are written in a sweep over all sensors in the order of the
table. A batch that changes few sensors writes them all at once, so that nothing lags where little
happens.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from models.units import NOT_EVALUATED

if TYPE_CHECKING:
    from ingest.judging import SensorMemory

FEW = 500  # rows are written at once
ROWS_PER_S = 4_000  # of a sweep: 20,000 sensors lag by five seconds
# At most, however many sensors there are: a nation's rows, half a kilobyte each, are then written
# for every third reading, and a start judges a few minutes of readings again.
SWEEP_S = 200.0
ROUND_MS = 240_000  # of site time, which may run faster than this machine's
LAGS_AT_MOST_MS = 780_000  # two rounds, and clocks of devices that are five minutes ahead


def may_lag(quality: int, on_time: bool) -> bool:
    """Return whether the stored reading alone tells what the rules saw."""
    return on_time and quality < NOT_EVALUATED


class Unsaved:
    """The sensors whose rows are not what is remembered of them."""

    def __init__(self, keys: Iterable[int]) -> None:
        self.at_once: dict[int, SensorMemory] = {}
        self.soon: dict[int, SensorMemory] = {}
        self._order = sorted(keys)
        self._next = 0  # place in the order
        self._swept_s = monotonic()
        self._round_ms = 0  # site time at which this round began

    def arrived(self, at_ms: int) -> None:
        """Note when the oldest message of a batch arrived.

        What waited for a full disk may tell of hours: these must not pass within one round, since
        after a crash only the last minutes before the newest row are looked at.
        """
        self._round_ms = min(self._round_ms or at_ms, at_ms)

    def take(self, now_ms: int, *, whole: bool = False) -> list[SensorMemory]:
        """Return whose rows are to be written now, in the order of the table."""
        now_s = monotonic()
        elapsed_s, self._swept_s = now_s - self._swept_s, now_s
        self._round_ms = self._round_ms or now_ms
        if whole or len(self.soon) <= FEW or abs(now_ms - self._round_ms) > ROUND_MS:
            self.at_once.update(self.soon)
            self.soon.clear()
            self._next, self._round_ms = 0, now_ms
        else:
            self._sweep(elapsed_s)
            self._round_ms = self._round_ms if self._next else now_ms
        found = [self.at_once[key] for key in sorted(self.at_once)]
        for key in self.at_once:
            self.soon.pop(key, None)
        self.at_once.clear()
        return found

    @property
    def lag_ms(self) -> int:
        """By how much rows may lag behind what was heard; 0 where none does."""
        if len(self.soon) <= FEW:
            return 0
        return min(ROUND_MS, int(len(self._order) / self._pace * 1000))

    @property
    def _pace(self) -> float:
        """Rows a second of the sweep."""
        return max(ROWS_PER_S, len(self._order) / SWEEP_S)

    def _sweep(self, elapsed_s: float) -> None:
        until = self._next + 1 + int(elapsed_s * self._pace)
        for key in self._order[self._next : until]:
            memory = self.soon.get(key)
            if memory is not None:
                self.at_once[key] = memory
        self._next = until if until < len(self._order) else 0
