"""Recognises messages that came before and carry nothing by which a reading would tell."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from ingest.formats.decoded import QUARANTINE, Decoded
from ingest.message import Message

RECENT_MS = 600_000  # within ten minutes the first message after a reconnect may be a repeat
MOST = 200_000


class Repeats:
    """Keys of recent messages: the format's own, or a digest of the whole.

    A digest counts only where a repeat is likely: a message marked DUP, however late, since a
    connection that stood still may send it hours later; or the first one soon after a reconnect.
    Two equal messages otherwise are two measurements. Readings with a device's own time need none
    of this, their key is that time. Of what can't be read nobody knows whether it tells any. What
    came before a restart is not known any more.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._fresh: list[bytes] = []  # since `keep`

    def keep(self) -> None:
        """A transaction begins; what was noted before it stays."""
        self._fresh = []

    def forget(self) -> None:
        """Drop what was noted since `keep`: its transaction failed, and it will be taken again."""
        for key in self._fresh:
            self._seen.pop(key, None)
        self._fresh = []

    def knows(self, message: Message, outcome: Decoded) -> bool:
        """Return whether this message came before; remember it."""
        if outcome.key:
            key = f"{outcome.format}:{outcome.key}".encode()
        elif not outcome.tells_its_time and (outcome.measurements or outcome.outcome == QUARANTINE):
            key = blake2b(message.topic.encode() + b"\0" + message.payload, digest_size=16).digest()
        else:
            return False
        seen_ms = self._seen.pop(key, None)
        self._seen[key] = message.received_ms
        while len(self._seen) > MOST:
            self._seen.popitem(last=False)
        if seen_ms is None:
            self._fresh.append(key)
            return False
        if outcome.key:
            return True
        recent = message.received_ms - seen_ms <= RECENT_MS
        return message.dup or (message.resumed and recent)
