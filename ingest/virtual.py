"""Runs the real pipeline in virtual time: messages and a clock in, the same database out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ingest.message import Message
from ingest.moving import close_hours_within
from ingest.pipeline import Pipeline
from models.clock import TICK, HeldClock
from models.store import Store
from models.times import from_ms

Turn = Callable[[Session, datetime], None]
"""What else falls due each minute of site time: the clock's turn, handed in by the caller."""

COMMIT_EVERY = timedelta(hours=1)


@dataclass
class Runner:
    """One process, one throw-away database, as fast as the machine can; deterministic."""

    store: Store
    clock: HeldClock
    pipeline: Pipeline = field(default_factory=Pipeline)
    turn: Turn | None = None
    commit_every: timedelta = COMMIT_EVERY
    restart_every: timedelta | None = None  # drop all memory this often, as a killed process does
    _waiting: list[Message] = field(default_factory=list)

    def run(self, messages: Iterable[Message], until: datetime) -> None:
        """Take messages in order of arrival and let every minute pass, up to `until`."""
        arriving = iter(messages)
        following = next(arriving, None)
        while self.clock.at < until:
            end = min(until, self._boundary())
            with self.store.writing() as session:
                self.pipeline.begin(session)
                while self.clock.at < end:
                    minute = self.clock.at + TICK
                    minute_messages: list[Message] = []
                    while following is not None and from_ms(following.received_ms) <= minute:
                        minute_messages.append(following)
                        following = next(arriving, None)
                    self._pass(session, minute, minute_messages)
                self.pipeline.flush(session, self.clock.at, whole=True)
                close_hours_within(session, self.clock.at)
            self._restart_if_due()

    def _boundary(self) -> datetime:
        whole = self.commit_every.total_seconds()
        passed = self.clock.at.timestamp() % whole
        return self.clock.at + timedelta(seconds=whole - passed)

    def _pass(self, session: Session, minute: datetime, messages: Sequence[Message]) -> None:
        if messages:
            self.pipeline.take(session, self.pipeline.decode(messages), self.clock.at)
        self.clock.at = minute
        self.pipeline.tick(session, minute)
        if self.turn is not None:
            self.turn(session, minute)

    def _restart_if_due(self) -> None:
        if self.restart_every is None:
            return
        if self.clock.at.timestamp() % self.restart_every.total_seconds() == 0:
            memory = self.pipeline.memory
            self.pipeline = Pipeline(memory)
