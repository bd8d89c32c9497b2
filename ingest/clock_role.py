"""The role that lets site time have its effects: what falls due, and notices on their way out."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.orm import Session

from ingest import housekeeping, moving, partitions, strangers, watching
from ingest.email import Email
from ingest.falling_due import Turn
from ingest.outbox import Channel, Outbox
from ingest.resuming import resume_clock
from ingest.storage_faults import give_up, is_storage_lost
from ingest.story import Story
from ingest.upkeep import Upkeep
from ingest.webhook import WebhookChannel
from models.clock import TICK, machine_now, site_clock, site_now
from models.heartbeat import Heartbeat, beat
from models.lease import hold, let_go
from models.settings import Settings
from models.store import Store

log = logging.getLogger(__name__)

LEASE = "clock"
TURNS_EVERY_S, SENDS_EVERY_S, WATCHES_EVERY_S, TIDIES_EVERY_S = 0.25, 0.5, 5.0, 600.0
KEEPS_UP_EVERY_S, CLOSES_EVERY_S = 5.0, 5.0
HURRIES_EVERY_S, TURNS_AT_MOST_S = 0.03, 1.0
BEATS_EVERY = timedelta(seconds=1)
# In one transaction: pages must not wait for a year to pass.
MOST_MINUTES = 60
# After a longer stop in real life only the present counts; nobody is paged for last week's hours.
CATCHES_UP = timedelta(hours=1)


def run(settings: Settings, store: Store, stop: Event) -> None:
    """Turn until told to stop. Of several clocks one works, and the others stand by."""
    resume_clock(store)
    clock = Clock(settings, store)
    # A plain waker: a missed, doubled or late call changes nothing, since what is due is read
    # from the database. Its defaults would drop late calls and pile up slow ones.
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(8)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        timezone="UTC",
    )
    for work, every_s in (
        (clock.turn, TURNS_EVERY_S),
        (clock.send, SENDS_EVERY_S),
        (clock.watch, WATCHES_EVERY_S),
        (clock.tidy, TIDIES_EVERY_S),
        (clock.keep_up, KEEPS_UP_EVERY_S),
        (clock.close_hours, CLOSES_EVERY_S),
    ):
        scheduler.add_job(_logged(work), "interval", seconds=every_s)
    scheduler.start()
    log.info("role=clock holder=%s", clock.holder)
    try:
        stop.wait()
    finally:
        scheduler.shutdown(wait=True)
        clock.close()


def _logged(work: Callable[[], None]) -> Callable[[], None]:
    """A call that fails is logged here, and the next one tries again."""

    def call() -> None:
        try:
            work()
        except Exception as fault:
            if is_storage_lost(fault):
                give_up(fault)
            # The database may be away for a moment; the heartbeat stands still until it is back.
            log.exception("clock=%s failed=1", work.__name__)

    return call


@dataclass
class Clock:
    """The things that the waker calls, each safe to call at any time."""

    settings: Settings
    store: Store
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    _working: bool = False
    _beaten: datetime | None = None

    def __post_init__(self) -> None:
        channels: dict[str, Channel] = {
            "email": Email(self.settings.smtp, self.settings.mail_from),
            "webhook": WebhookChannel(self.settings.webhook_private),
        }
        self._outbox = Outbox(self.store, channels, self.settings.public_url)
        self._turn = Turn()
        self._upkeep = Upkeep()
        self._watch = watching.Watch(("ingest", "work", "web"))
        self._story = Story(modes=("running",))  # a led clock is steered by who leads it

    def turn(self) -> None:
        """Let the minutes up to now pass, one after the other, and say how far they have."""
        if self._working:
            self._story(self.store)
        until_s = time.monotonic() + TURNS_AT_MOST_S
        while self._minutes() or (time.monotonic() < until_s and self._hurries()):
            continue

    def _minutes(self) -> bool:
        """Pass some minutes in one transaction; true where there are more."""
        with self.store.reading() as session:
            now, done = site_now(session), _done_until(session)
            idle = done is not None and done <= now < done + TICK
        if idle and self._beaten is not None and machine_now() - self._beaten < BEATS_EVERY:
            return False
        with self.store.writing() as session:
            if hold(session, LEASE, self.holder, machine_now()) is None:
                self._stand_by()
                return False
            self._working = True
            now, done = site_now(session), _done_until(session)
            until = _first_minute(session, done, now)
            for _ in range(MOST_MINUTES):
                if until + TICK > now:
                    break
                until += TICK
                self._turn(session, until)
            beat(session, "clock", done_until=until, pid=os.getpid())
        self._beaten = machine_now()
        return until + TICK <= now

    def _hurries(self) -> bool:
        """Whether `advance` moves the clock right now: whoever asked waits for each minute."""
        if not self._working:
            return False
        with self.store.reading() as session:
            row = site_clock(session)
            moving = row is not None and row.target_at is not None and row.target_at > row.site_at
        if moving:
            time.sleep(HURRIES_EVERY_S)
        return moving

    def _stand_by(self) -> None:
        if self._working:
            log.warning("clock=%s lost_lease=1", self.holder)
        self._working = False
        self._turn = Turn()  # what it remembers may be another's past by the time it works again

    def send(self) -> None:
        """Send what waits in the outbox, as long as there is something."""
        while self._working and self._outbox.turn():
            continue

    def watch(self) -> None:
        """See whether the ingester, the worker and the pages live."""
        with self.store.reading() as session:
            dead = self._watch.look(session)
            roles = watching.untold(session, self._watch.roles, dead)
        if not self._working:
            return
        if roles:
            with self.store.writing() as session:
                watching.tell(session, roles, dead, site_now(session))
        if "ingest" in dead:
            self.store.checkpoint()  # else the ingester does

    def tidy(self) -> None:
        """Let go of what is kept for a time only."""
        if not self._working:
            return
        with self.store.writing() as session:
            now = site_now(session)
            housekeeping.tidy(session, now)
            partitions.make_ahead(session, now)
        strangers.forget(self.store, now)

    def keep_up(self) -> None:
        """Put sensors that need a hand on the maintenance list."""
        if self._working:
            self._upkeep(self.store)

    def close_hours(self) -> None:
        """Move the readings of hours that are over where they stay, and write their rollups."""
        if not self._working:
            return
        with self.store.reading() as session:
            now = site_now(session)
        moving.close_hours(self.store, now)

    def close(self) -> None:
        """Wait for letters on their way, and let another clock work at once."""
        self._outbox.close()
        with self.store.writing() as session:
            let_go(session, LEASE, self.holder, machine_now())


def _done_until(session: Session) -> datetime | None:
    row = session.get(Heartbeat, "clock")
    return None if row is None else row.done_until


def _first_minute(session: Session, done: datetime | None, now: datetime) -> datetime:
    """Return the minute to go on from: where the last clock stopped, or near now."""
    minute = now.replace(second=0, microsecond=0)
    if done is None or done > minute:
        return minute - TICK
    row = site_clock(session)
    made_up = row is not None and row.mode != "real"
    return done if made_up or now - done <= CATCHES_UP else minute - TICK
