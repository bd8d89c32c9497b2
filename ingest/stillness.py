"""For how long what another process counts up has stood still, by our own monotonic time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import monotonic


class Seen:
    """Call it every now and then with what a name shows; a clock that is set says nothing here."""

    def __init__(self, now_s: Callable[[], float] = monotonic) -> None:
        self._now_s = now_s
        self._seen: dict[str, tuple[int, float]] = {}

    def __call__(self, name: str, beats: int) -> timedelta:
        """Return since how long we have seen this number there."""
        now_s = self._now_s()
        seen, since_s = self._seen.get(name, (None, now_s))
        if seen != beats:
            since_s = now_s
        self._seen[name] = beats, since_s
        return timedelta(seconds=now_s - since_s)
