"""The receiver's rounds: all who spoke within a few milliseconds are read one after the other."""

from __future__ import annotations

from collections.abc import Callable
from selectors import DefaultSelector, SelectorKey
from time import monotonic, sleep

ROUND_S = 0.003  # a commit takes as long; publishers wait for that anyway


class Rounds(DefaultSelector):
    """Asks the system who has spoken, at most once in `ROUND_S`.

    Of thousands of connections one speaks every few dozen microseconds. To ask, and to hand over,
    for each of them was a third of what the receiver cost. `over` is called when a round has ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.over: Callable[[], None] = _nothing
        self._next_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Return who has something to read or room to write; waits as any selector does."""
        self.over()
        if timeout is None or timeout > 0:
            pause_s = self._next_s - monotonic()
            if pause_s > 0:
                sleep(pause_s)
        found = super().select(timeout)
        self._next_s = monotonic() + ROUND_S
        return found


def _nothing() -> None:
    """Nobody has asked to be told."""
