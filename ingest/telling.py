"""Tells the database what the receiver sees: who uses which key, and the counts of its health."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ingest.receiver.listener import Receiver
from models.heartbeat import Heartbeat, beat
from models.key_use import nobody_is_connected, note_use
from models.store import Store

TELL_EVERY_S = 2.0


class Telling:
    """Writes only what has changed; `where` stays in the heartbeat beside the counts."""

    def __init__(self, store: Store, receiver: Receiver, where: dict[str, Any]) -> None:
        self._store, self._receiver, self._where = store, receiver, where
        self._told: dict[str, Any] = {}

    def begin(self) -> None:
        """Forget who was connected to the receiver before this one."""
        with self._store.writing() as session:
            nobody_is_connected(session)

    def tell(self) -> None:
        """Write what is new since the last call."""
        news = self._receiver.news()
        counts = {"connections": self._receiver.connections, **asdict(self._receiver.counts)}
        if not news and counts == self._told:
            return
        with self._store.writing() as session:
            note_use(session, news)
            row = session.get(Heartbeat, "ingest")
            facts = {**self._where, "receiver": counts}
            if row is None:
                beat(session, "ingest", facts=facts)
            else:  # how the worker does is the worker's to say
                row.facts = facts
        self._told = counts
