"""What each key did since it was last told: messages, refusals, waits, wrong secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ingest.receiver.door import Limit, Pace
from models.key_use import Seen

MOST_NAMES = 10_000
"""Strangers may come with any name: they must not fill the memory."""


@dataclass(slots=True)
class Use:
    """Counts of one key; all of its connections share them, and the pace."""

    messages: int = 0
    refused: int = 0
    slowed_s: float = 0.0
    turned_away: int = 0
    came_with_new: bool = False
    came_with_old: bool = False
    pace: Pace | None = None


class Uses:
    """Lives in the receiver's event loop."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._by_name: dict[str, Use] = {}
        self._connected: dict[str, int] = {}

    def of(self, name: str | None, limit: Limit | None) -> Use:
        """Return the counts of a key; those of a client without one are its connection's own."""
        use = Use() if name is None else self._known(name)
        if limit is not None and use.pace is None:
            use.pace = Pace(limit, self._now_s)
        return use

    def turn_away(self, name: str | None) -> None:
        """Note that somebody came with a wrong secret."""
        if name is not None and (name in self._by_name or len(self._by_name) < MOST_NAMES):
            self._known(name).turned_away += 1

    def news(self, connected: Iterable[str | None]) -> dict[str, Seen]:
        """Return what is new since the last call, by key; `connected` names who is there now."""
        there: dict[str, int] = {}
        for name in connected:
            if name is not None:
                there[name] = there.get(name, 0) + 1
        found = {}
        for name in {*self._by_name, *self._connected, *there}:
            seen = self._take(name, there.get(name, 0))
            if seen != Seen(self._connected.get(name, 0)):
                found[name] = seen
        self._connected = there
        self._forget(there)
        return found

    def _take(self, name: str, connected: int) -> Seen:
        use = self._known(name)
        seen = Seen(
            connected,
            used=use.came_with_new or use.came_with_old or use.messages > 0,
            new_used=use.came_with_new,
            old_used=use.came_with_old,
            messages=use.messages,
            refused=use.refused,
            slowed_ms=round(1000 * use.slowed_s),
            turned_away=use.turned_away,
        )
        use.messages = use.refused = use.turned_away = 0
        use.slowed_s, use.came_with_new, use.came_with_old = 0.0, False, False
        return seen

    def _known(self, name: str) -> Use:
        return self._by_name.setdefault(name, Use())

    def _forget(self, there: dict[str, int]) -> None:
        """Drop who is not connected and owes no waiting, or a fresh start would pardon it."""
        for name in [each for each in self._by_name if each not in there]:
            pace = self._by_name[name].pace
            if pace is None or not pace.spend(0, 0):
                del self._by_name[name]
