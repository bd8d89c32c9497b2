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
    """What was taught since the last commit; written in the transaction of what taught it."""

    def __init__(self) -> None:
        self.pending: dict[str, Json] = {}
        self._recalled = False

    def recall(self, session: Session, memory: Memory) -> None:
        """Read what was taught before, once."""
        if not self._recalled:
            self._recalled = True
            rows = session.execute(select(FormatFact.key, FormatFact.fact))
            memory.learn({key: fact["is"] for key, fact in rows})

    def note(self, learned: Mapping[str, Json]) -> None:
        """Add what a message taught; None forgets."""
        self.pending.update(learned)

    def save(self, session: Session) -> None:
        """Write it; the caller commits."""
        kept = [
            {"key": key, "fact": {"is": fact}}
            for key, fact in sorted(self.pending.items())
            if fact is not None
        ]
        upsert(session, FormatFact, kept, ["key"])
        gone = [key for key, fact in self.pending.items() if fact is None]
        if gone:
            session.execute(delete(FormatFact).where(FormatFact.key.in_(gone)))
        self.pending = {}
