"""Keeps what messages taught the formats: births, aliases and descriptions outlive a restart."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ingest.formats.memory import Memory
from ingest.storing import upsert
from models.reading import FormatFact
from models.reasons import Json


class Lessons:
    """What was taught since the last commit; written in the transaction of what taught it.

    By share: one that is behind must not learn from another what its own messages precede.
    """

    def __init__(self, share: int = 0) -> None:
        self._share = share
        self.pending: dict[str, Json] = {}
        self._recalled = False

    def recall(self, session: Session, memory: Memory) -> None:
        """Read what was taught before, once."""
        if not self._recalled:
            self._recalled = True
            mine = FormatFact.share == self._share
            rows = session.execute(select(FormatFact.key, FormatFact.fact).where(mine))
            memory.learn({key: fact["is"] for key, fact in rows})

    def note(self, learned: Mapping[str, Json]) -> None:
        """Add what a message taught; None forgets."""
        self.pending.update(learned)

    def save(self, session: Session) -> None:
        """Write it; the caller commits."""
        kept = [
            {"share": self._share, "key": key, "fact": {"is": fact}}
            for key, fact in sorted(self.pending.items())
            if fact is not None
        ]
        upsert(session, FormatFact, kept, ["share", "key"])
        gone = [key for key, fact in self.pending.items() if fact is None]
        if gone:
            mine = delete(FormatFact).where(FormatFact.share == self._share)
            session.execute(mine.where(FormatFact.key.in_(gone)))
        self.pending = {}
