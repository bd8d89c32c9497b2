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
LAGS_AT_MOST_MS = 600_000  # a row behind the newest, by when its next reading was measured
BEHIND_AT_MOST_MS = 480_000  # by when that arrived, which may be a minute later; and one to spare


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
        self._whole_ms: int | None = None  # what arrived before then is all written

    def arrived(self, at_ms: int) -> None:
        """Note when the oldest of what comes next arrived.

        Messages that waited for a full disk may tell of hours; so may readings that are judged
        again after a crash. Until their rows are written another crash must not find them older
        than what is looked at then.
        """
        if self._whole_ms is None or at_ms < self._whole_ms:
            self._whole_ms = at_ms

    def take(self, now_ms: int, *, whole: bool = False) -> list[SensorMemory]:
        """Return whose rows are to be written now, in the order of the table."""
        now_s = monotonic()
        elapsed_s, self._swept_s = now_s - self._swept_s, now_s
        self._round_ms = self._round_ms or now_ms
        if whole or len(self.soon) <= FEW or self._is_long_ago(now_ms):
            self.at_once.update(self.soon)
            self.soon.clear()
            self._next, self._round_ms, self._whole_ms = 0, now_ms, now_ms
        else:
            self._sweep(elapsed_s)
            if not self._next:
                self._round_ms, self._whole_ms = now_ms, self._round_ms
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

    def _is_long_ago(self, now_ms: int) -> bool:
        behind_ms = 0 if self._whole_ms is None else now_ms - self._whole_ms
        return abs(now_ms - self._round_ms) > ROUND_MS or behind_ms > BEHIND_AT_MOST_MS

    def _sweep(self, elapsed_s: float) -> None:
        until = self._next + 1 + int(elapsed_s * self._pace)
        swept = [key for key in self._order[self._next : until] if key in self.soon]
        # One of them always: the newest row tells how far the others' readings can be from it.
        for key in swept or (next(iter(self.soon)),):
            self.at_once[key] = self.soon[key]
        self._next = until if until < len(self._order) else 0
