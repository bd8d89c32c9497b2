"""Decides how far the simulator goes next: by the site clock's row, or by real time alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.clock import SiteClock, machine_now, site_clock
from models.errors import Refusal
from models.heartbeat import DEAD_AFTER, Heartbeat, beat
from models.reading import SensorState
from models.reasons import reason
from models.store import Store
from models.times import from_ms, to_ms

LONGEST_STEP_S = 60.0  # of site time: a step must not skip over a tick
# Under `advance` minutes without a message go out together; each still has its own watermark.
STRIDE_S = 300.0
LOOKS_EVERY_S = 0.2  # so often a standing clock is looked at
BEATS_EVERY_S = 3.0  # of machine time
# The clock role must not be left behind: what falls due is to fall due at its own time.
LEAD = timedelta(minutes=15)
WAITS_FOR_CLOCK_S = 30.0
Stopping = Callable[[], bool]


def step_length_s(speed: float) -> float:
    """Return the site seconds of a step: about one step a second, never longer than a tick."""
    return min(LONGEST_STEP_S, max(speed, 1.0))


@dataclass
class RealPace:
    """Without a database: real time times speed, from where it begins."""

    at_ms: int
    speed: float
    until_ms: int | None
    stopping: Stopping

    def __post_init__(self) -> None:
        self._from_ms, self._began_s = self.at_ms, time.monotonic()

    def next_step(self) -> int | None:
        """Return up to when to publish next, once it is time; None ends it."""
        if self.until_ms is not None and self.at_ms >= self.until_ms:
            return None
        self.at_ms += round(step_length_s(self.speed) * 1000)
        due_s = self._began_s + (self.at_ms - self._from_ms) / 1000 / self.speed
        while (left_s := due_s - time.monotonic()) > 0 and not self.stopping():
            time.sleep(min(left_s, LOOKS_EVERY_S))
        return None if self.stopping() else self.at_ms


class RowPace:
    """Goes as the clock row says: its speed, pause and target; pages and commands change the row.

    `steer` may change the row before each look: the demo falls to life's speed at an alert.
    """

    def __init__(
        self,
        store: Store,
        stopping: Stopping,
        *,
        until_ms: int | None = None,
        steer: Callable[[Store], None] = lambda store: None,
    ) -> None:
        self._store, self._stopping = store, stopping
        self._until_ms, self._steer = until_ms, steer
        self._stepped_s = self._beaten_s = time.monotonic()
        with store.reading() as session:
            self.at_ms = to_ms(led_clock(session).site_at)

    def next_step(self) -> int | None:
        """Say what is published so far; return up to when to go next, once it is time."""
        self._beat()
        while not self._stopping():
            if self._until_ms is not None and self.at_ms >= self._until_ms:
                return None
            if time.monotonic() - self._beaten_s > BEATS_EVERY_S:
                self._beat()
            self._steer(self._store)
            with self._store.reading() as session:
                row = led_clock(session)
                step_s = 0.0 if self._clock_is_behind(session, row) else self._due_step_s(row)
                nap_s = self._nap_s(row)
            if step_s > 0:
                self._stepped_s = time.monotonic()
                self.at_ms += round(step_s * 1000)
                return self.at_ms
            time.sleep(nap_s)
        return None

    def _beat(self) -> None:
        """Say that we live, also while the clock stands: `advance` moves a led clock through us."""
        with self._store.writing() as session:
            beat(session, "simulate", done_until=from_ms(self.at_ms))
        self._beaten_s = time.monotonic()

    def _due_step_s(self, row: SiteClock) -> float:
        """Return the site seconds that may pass now; 0 while it is too early."""
        if row.target_at is not None and to_ms(row.target_at) > self.at_ms:
            return min(STRIDE_S, (to_ms(row.target_at) - self.at_ms) / 1000)
        step_s = step_length_s(row.speed)
        passed_s = (time.monotonic() - self._stepped_s) * row.speed
        return 0.0 if row.paused or passed_s < step_s else step_s

    def _nap_s(self, row: SiteClock) -> float:
        left_s = step_length_s(row.speed) / row.speed - (time.monotonic() - self._stepped_s)
        return LOOKS_EVERY_S if row.paused else min(max(left_s, 0.005), LOOKS_EVERY_S)

    def _clock_is_behind(self, session: Session, row: SiteClock) -> bool:
        """Whether a living clock role still works on minutes long past."""
        clock = session.get(Heartbeat, "clock")
        if clock is None or clock.done_until is None:
            return False
        alive = machine_now() - clock.beat_at < DEAD_AFTER
        waited_s = time.monotonic() - self._stepped_s
        return alive and row.site_at - clock.done_until > LEAD and waited_s < WAITS_FOR_CLOCK_S


def led_clock(session: Session) -> SiteClock:
    """Return the clock row that the simulator leads."""
    row = site_clock(session)
    if row is None or row.mode != "led":
        raise RuntimeError("the clock is not led by a simulator")
    return row


def lead(session: Session, begins: datetime, ends: datetime | None, speed: float | None) -> None:
    """Let the simulator lead the clock, from where it was set to begin, or on from where it is.

    Raises Refusal on an installation that has measured in real time: its clock is nobody's toy.
    """
    row = site_clock(session)
    if row is None:
        row = SiteClock(id=1, mode="real", site_at=begins, since=machine_now(), speed=1.0)
        session.add(row)
    if row.mode == "real" and _has_measured(session):
        raise Refusal(reason("simulate.lives_in_real_time"))
    if row.mode != "led":
        inside = row.mode == "running" and begins <= row.site_at and not _past(row.site_at, ends)
        row.site_at = row.site_at if inside else begins
        row.mode, row.since, row.paused = "led", machine_now(), False
    if speed is not None:
        row.set_pace(machine_now(), speed=speed, paused=False)


def _past(at: datetime, ends: datetime | None) -> bool:
    return ends is not None and at >= ends


def _has_measured(session: Session) -> bool:
    heard = select(SensorState.sensor).where(SensorState.heard_ms.is_not(None)).limit(1)
    return session.scalars(heard).first() is not None
