"""How far the simulator's sources have told all: up to there a led clock may move."""

from __future__ import annotations

from datetime import datetime

from ingest.formats.decoded import Unreadable
from ingest.formats.strict_json import parse
from ingest.message import Message
from models.times import to_ms

MOST_SOURCES = 16
FURTHEST_AHEAD_MS = 24 * 3_600_000  # as for readings: the clock never jumps further than that


class Watermarks:
    """The newest mark of each source; there is an answer once all of them have spoken."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}
        self._of = 0
        self._kept: tuple[dict[int, int], int] = ({}, 0)

    def keep(self) -> None:
        """Remember how things stand: `forget` goes back to here."""
        self._kept = dict(self._told), self._of

    def forget(self) -> None:
        """Drop what was noted since `keep`: its transaction failed."""
        told, self._of = self._kept
        self._told = dict(told)

    def note(self, message: Message) -> None:
        """Note a mark: `{"t": "2022-03-21T08:00:00Z", "source": 0, "of": 1}`. Raises Unreadable."""
        source, of, at_ms = _mark(message)
        if of != self._of:  # a simulator with more or fewer connections has begun
            self._told, self._of = {}, of
        self._told[source] = max(at_ms, self._told.get(source, 0))

    def until_ms(self) -> int | None:
        """Return up to when everything is known."""
        return min(self._told.values()) if self._of and len(self._told) == self._of else None


def _mark(message: Message) -> tuple[int, int, int]:
    """Return (source, of how many, up to when): anybody may send one, so nothing is believed."""
    told = parse(message.payload)
    if not isinstance(told, dict):
        raise Unreadable("bad-watermark")
    source, of, text = told.get("source"), told.get("of"), told.get("t")
    if type(source) is not int or type(of) is not int or not 0 <= source < of <= MOST_SOURCES:
        raise Unreadable("bad-watermark")
    try:
        at_ms = to_ms(datetime.fromisoformat(str(text)))
    except (ValueError, TypeError, OverflowError):  # no time, no zone, beyond the calendar
        raise Unreadable("bad-watermark") from None
    if at_ms - message.received_ms > FURTHEST_AHEAD_MS:
        raise Unreadable("future-time")
    return source, of, at_ms
