"""Messages of QoS 2 that their senders may still repeat: each is taken in once.

What is noted here is committed with the readings themselves, so that a sender who was answered,
and one who was not, are told apart after a crash as well. A repeat is the same message under the
same number, marked DUP; anything else under a number that is known is news: taking a reading
twice is better than dropping one.
"""

from __future__ import annotations

from hashlib import blake2b

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from ingest.message import Message
from models.chunks import chunks
from models.exactly_once import Unreleased

RELEASED_TOPIC = "$ridgewatch/released/"
MOST = 100_000

_Place = tuple[str, str, int]  # client, device of its key, number


class ExactlyOnce:
    """Mirrors the table; what changed is written once per transaction."""

    def __init__(self) -> None:
        self._digests: dict[_Place, bytes] | None = None  # None: not read yet
        self._changed: set[_Place] = set()

    def forget(self) -> None:
        """Drop the mirror: its transaction failed, or another may have written."""
        self._digests, self._changed = None, set()

    def knows(self, session: Session, message: Message) -> bool:
        """Return whether this message was taken in before; note it. A release ends that."""
        digests = self._read(session)
        place = message.client, message.device or "", message.exactly_once
        if message.topic.startswith(RELEASED_TOPIC):
            if digests.pop(place, None) is not None:
                self._changed.add(place)
            return True
        digest = _digest(message)
        if message.dup and digests.get(place) == digest:
            return True
        digests.pop(place, None)
        digests[place] = digest
        self._changed.add(place)
        while len(digests) > MOST:  # whose sender never came back goes first
            oldest = next(iter(digests))
            del digests[oldest]
            self._changed.add(oldest)
        return False

    def save(self, session: Session) -> None:
        """Write what changed; the caller commits."""
        if not self._changed or self._digests is None:
            return
        places = sorted(self._changed)
        columns = tuple_(Unreleased.client, Unreleased.device, Unreleased.packet_id)
        for some in chunks(places, 200):
            session.execute(delete(Unreleased).where(columns.in_(some)))
        rows = [
            {"client": client, "device": device, "packet_id": number, "digest": digest}
            for client, device, number in places
            if (digest := self._digests.get((client, device, number))) is not None
        ]
        if rows:
            session.execute(insert(Unreleased), rows)
        self._changed = set()

    def _read(self, session: Session) -> dict[_Place, bytes]:
        if self._digests is None:
            rows = session.execute(select(Unreleased.__table__))
            self._digests = {(row.client, row.device, row.packet_id): row.digest for row in rows}
        return self._digests


def _digest(message: Message) -> bytes:
    return blake2b(message.topic.encode() + b"\0" + message.payload, digest_size=16).digest()
