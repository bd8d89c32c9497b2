"""The one thread that owns the database: takes batches, commits, and only then acknowledges."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from random import uniform
from time import monotonic, sleep

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ingest.commons import RegistryMoved
from ingest.disk_alarm import DiskAlarm
from ingest.formats.decoded import Decoded, quarantined
from ingest.full_disk import FullDisk
from ingest.inbox import Inbox
from ingest.message import Delivery, Message, Source
from ingest.pipeline import CLOCK_TOPIC, Pipeline
from ingest.reserve import Reserve
from ingest.shares import Share
from ingest.steps import Steps
from ingest.storage_faults import give_up, is_deadlock, is_disk_full, is_taken
from ingest.storing import Refused, quarantine
from models.clock import TICK, SiteClock, machine_now, site_clock
from models.heartbeat import LISTENING_SINCE, ROWS_LAG, beat, note_fact
from models.share import ShareLost
from models.store import Store
from models.times import from_ms, to_ms

log = logging.getLogger(__name__)

MUCH = 50_000  # measurements of one batch, as gateways send them after a day without a network
MOST_MESSAGES = 4000  # a batch; perf.md §9: 2,000 to 5,000 keeps commits short and cheap
# Before a transaction that was in another's way is done again: each loser means that somebody
# else won. One that loses all the time for three seconds finds no end by itself.
PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
TRIES_OF_TAKEN = 2  # of a row whose key is taken: by another just now, or for long and for ever
BEAT_S = 1.0
CHECKPOINT_S = 10.0

Pair = tuple[Message, Decoded]


class CanNotBegin(Exception):
    """The registry or what is remembered can't be read: no message's fault, so it ends us."""


@dataclass
class SiteTime:
    """The clock row as this process last read it, so that network threads need no database."""

    row: SiteClock | None = None

    def now(self) -> datetime:
        """Return the site's instant."""
        machine = machine_now()
        return machine if self.row is None else self.row.now(machine)

    def now_ms(self) -> int:
        """Return the site's instant in milliseconds."""
        return to_ms(self.now())


@dataclass
class Worker:
    """Moves deliveries from the inbox into the database until told to stop."""

    store: Store
    inbox: Inbox
    sources: Mapping[str, Source]
    pipeline: Pipeline = field(default_factory=Pipeline)
    time: SiteTime = field(default_factory=SiteTime)
    stopping: Callable[[], bool] = lambda: False
    listening_since_ms: int | None = None
    ticked_until: datetime | None = None
    disk: FullDisk | None = None
    share: Share | None = None  # None: nobody else can write to this database
    steps: Steps = field(default_factory=Steps)
    _beaten_s: float = 0.0
    _checkpointed_s: float = 0.0

    def run(self) -> None:
        """Work until `stopping`; whatever is in the inbox then was never acknowledged."""
        try:
            self._work()
        except (DBAPIError, sqlite3.Error, StaleDataError, RegistryMoved, ShareLost) as fault:
            give_up(fault)

    def _work(self) -> None:
        self.refresh_clock()
        self.listening_since_ms = self.time.now_ms()
        disk = self.disk or FullDisk(DiskAlarm(self.store), Reserve(self.store.data_dir))
        deliveries: Sequence[Delivery] = ()
        while not self.stopping():
            deliveries = deliveries or self.inbox.take(MOST_MESSAGES, wait_s=0.2)
            try:
                if deliveries:
                    self.take(deliveries)
                    deliveries = ()
                self._look_after_the_rest()
            except (DBAPIError, sqlite3.Error) as fault:
                if not is_disk_full(fault):
                    raise
                # What was taken is not acknowledged, and tried again.
                disk.wait(self.stopping, self.beat)
                self._listen_anew()
            else:
                disk.passed()

    def _look_after_the_rest(self) -> None:
        self.tick()
        if monotonic() - self._beaten_s >= BEAT_S:
            self.beat()
            self._beaten_s = monotonic()
        if monotonic() - self._checkpointed_s >= CHECKPOINT_S:
            self.store.checkpoint()
            self._checkpointed_s = monotonic()

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """Decode, store and judge; commit; acknowledge in the order of arrival."""
        decoded = self.pipeline.decode([delivery.message for delivery in deliveries])
        self._commit(decoded if self.share is None else self.share.own(decoded))
        if len(self.sources) == 1:  # most: no need to ask each message where it came from
            next(iter(self.sources.values())).acknowledge(deliveries)
            return
        for source, run in groupby(deliveries, key=lambda one: one.message.source):
            self.sources[source].acknowledge(list(run))

    def tick(self) -> None:
        """Let the site's minutes pass, one after the other, up to now."""
        step = self.steps.look()
        if step is not None and _mode(self.time.row) != "led":
            log.warning("clock=stepped by_s=%d", step.total_seconds())
            self._listen_anew()
        now = self._heard_until(self.time.now())
        if self.ticked_until is None:
            self.ticked_until = _minute(now)
        if now < self.ticked_until + TICK:
            return
        self._persist(self._tick)

    def _tick(self) -> None:
        with self.store.writing() as session:
            now = self._heard_until(self._begin(session))
            self._tick_until(session, now)
            self.pipeline.flush(session, now)

    def _heard_until(self, now: datetime) -> datetime:
        """Return up to when all that was received has been taken: silence is judged no further."""
        waiting_ms = self.inbox.oldest_ms()
        if waiting_ms is None or _mode(self.time.row) == "led":
            return now
        return min(now, from_ms(waiting_ms))

    def _listen_anew(self) -> None:
        """The clock was set, or nobody could listen: nobody was silent in that time."""
        if _mode(self.time.row) == "led":
            return
        self.ticked_until, self.listening_since_ms = None, self.time.now_ms()
        if self.pipeline.judges is not None:
            self.pipeline.judges.not_before(self.listening_since_ms)

    def refresh_clock(self) -> None:
        """Read the clock row."""
        with self.store.reading() as session:
            self._read_clock(session)
            self.pipeline.recall(session)

    def _commit(self, decoded: Sequence[Pair]) -> None:
        """Commit a batch; where a row can't be stored, halve until the one culprit stands alone."""
        waiting = [decoded] if decoded else []
        while waiting:
            batch = waiting.pop()
            refused = self._refusal_of(batch)
            if refused is None:
                continue
            if len(batch) == 1:
                self._set_aside(batch[0][0], refused)
            else:
                middle = len(batch) // 2
                waiting += [batch[middle:], batch[:middle]]

    def _refusal_of(self, batch: Sequence[Pair]) -> Exception | None:
        """Commit a batch; return why one of its messages can't be stored, if one can't."""
        try:
            self._persist(lambda: self._write(batch))
        except (ShareLost, RegistryMoved, CanNotBegin):
            raise
        except DBAPIError as fault:
            if not _refuses_a_row(fault):
                raise
            return fault
        except StaleDataError as fault:
            return fault
        except Exception as fault:
            # Whatever hole of ours one message has found: the others must not wait behind it.
            # It is kept whole, logged as the fault of ours that it is, and can be taken again.
            log.exception("batch_failed messages=%d", len(batch))
            return fault
        return None

    def _persist(self, transaction: Callable[[], None]) -> None:
        """Run a transaction; again, later each time, while it is in another's way.

        On PostgreSQL a person, or another ingester, may change what is judged here. That is
        nobody's fault, and no message's: it is judged again, from what is true now. Raises what
        it failed with last.
        """
        before = self.ticked_until, self.listening_since_ms, self.time.row
        for tries, pause_s in enumerate((*PAUSES_S, None), start=1):
            try:
                return transaction()
            except Exception as fault:
                self.ticked_until, self.listening_since_ms, self.time.row = before
                self._forget()
                if pause_s is None or not _is_in_anothers_way(fault, tries):
                    raise
                log.info("transaction=again tries=%d why=%r", tries, str(fault)[:200])
            sleep(pause_s * uniform(0.5, 1))

    def _write(self, decoded: Sequence[Pair]) -> None:
        with self.store.writing() as session:
            much = sum(len(outcome.measurements) for _, outcome in decoded) > MUCH
            now = self._begin(session, takes_long=much)
            for stretch in _up_to_watermarks(decoded):
                self.pipeline.take(session, stretch, now)
                now = self._follow_watermark(session, now)
            self.pipeline.flush(session, now)

    def _begin(self, session: Session, *, takes_long: bool = False) -> datetime:
        """Begin a transaction; return the site's instant."""
        version = self._fence(session, takes_long=takes_long)
        self._read_clock(session)
        now = self.time.now()
        if self.ticked_until is None:
            self.ticked_until = _minute(now)
        try:
            self.pipeline.begin(
                session,
                version,
                lambda: self._fence(session, takes_long=True),
                None if _mode(self.time.row) == "led" else now,
            )
        except (DBAPIError, StaleDataError, RegistryMoved, ShareLost):
            raise
        except Exception as fault:
            raise CanNotBegin from fault
        return now

    def _fence(self, session: Session, *, takes_long: bool = False) -> int | None:
        return None if self.share is None else self.share.fence(session, takes_long=takes_long)

    def _forget(self) -> None:
        """Nothing of the failed transaction has happened; read what is true now."""
        self.pipeline.forget()
        with self.store.reading() as session:
            self._read_clock(session)

    def _follow_watermark(self, session: Session, now: datetime) -> datetime:
        """Move a led clock to where every source has told all, minute by minute."""
        row, until = self.time.row, self.pipeline.watermark()
        if row is None or row.mode != "led" or until is None or until <= row.site_at:
            return now
        row.move_to(until, machine_now())
        self._tick_until(session, until)
        beat(session, self._role, done_until=until)
        return until

    def _tick_until(self, session: Session, now: datetime) -> None:
        while self.ticked_until is not None and self.ticked_until + TICK <= now:
            self.ticked_until += TICK
            self.pipeline.tick(session, self.ticked_until, self.listening_since_ms)

    def _set_aside(self, message: Message, fault: Exception) -> None:
        log.error("could_not_store topic=%r error=%r", message.topic[:200], str(fault)[:300])
        with self.store.writing() as session:
            self._fence(session)
            quarantine(session, [Refused(message, quarantined("could-not-be-stored"))])

    def _read_clock(self, session: Session) -> None:
        before, self.time.row = self.time.row, site_clock(session)
        if self.listening_since_ms is not None and _mode(before) != _mode(self.time.row):
            # A simulator leads now, in its own year: minutes and silence count from there.
            self.ticked_until, self.listening_since_ms = None, self.time.now_ms()

    def beat(self) -> None:
        """Say that we live, and learn what others have changed."""
        self._persist(self._beat)

    def _beat(self) -> None:
        with self.store.writing() as session:
            self._fence(session)
            self._read_clock(session)
            self.pipeline.recall(session)
            self.pipeline.save_what_lags(session, self.time.now())
            beat(session, self._role, done_until=self.ticked_until, pid=os.getpid())
            note_fact(session, self._role, LISTENING_SINCE, self.listening_since_ms)
            note_fact(session, self._role, ROWS_LAG, self.pipeline.rows_lag_ms)

    @property
    def _role(self) -> str:
        return "ingest" if self.share is None else self.share.role


def _is_in_anothers_way(fault: Exception, tries: int) -> bool:
    """Whether another changed what ours had read, waited for it, or was a moment faster."""
    if is_taken(fault):
        return tries <= TRIES_OF_TAKEN
    return isinstance(fault, RegistryMoved | StaleDataError) or is_deadlock(fault)


def _refuses_a_row(fault: DBAPIError) -> bool:
    """Whether the database is well and only this row impossible: too long for an index, say."""
    too_long = str(getattr(fault.orig, "sqlstate", "")).startswith("54")
    return too_long or isinstance(fault, IntegrityError | DataError | ProgrammingError)


def _mode(row: SiteClock | None) -> str:
    return "real" if row is None else row.mode


def _minute(at: datetime) -> datetime:
    """Return the whole minute before an instant: all ticks lie on whole minutes of site time."""
    return at.replace(second=0, microsecond=0)


def _up_to_watermarks(
    decoded: Sequence[Pair],
) -> Iterator[Sequence[Pair]]:
    """Yield stretches that end with a watermark, so that ticks fall between the right messages."""
    start = 0
    for index, (message, _) in enumerate(decoded):
        if message.topic == CLOCK_TOPIC:
            yield decoded[start : index + 1]
            start = index + 1
    if start < len(decoded):
        yield decoded[start:]
