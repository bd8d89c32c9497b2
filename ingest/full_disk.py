"""What the ingester does on a full disk: acknowledges nothing, says so, waits, and goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic, sleep

from sqlalchemy.exc import DBAPIError

from ingest.disk_alarm import DiskAlarm
from ingest.reserve import Reserve
from models.heartbeat import beat
from models.store import Store

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 0.5
BEATS_EVERY_S = 5.0


class FullDisk:
    """Waits out a full disk. What was taken in meanwhile stays unacknowledged, and is kept."""

    def __init__(self, store: Store, alarm: DiskAlarm, reserve: Reserve) -> None:
        self._store, self._alarm = store, alarm
        self._reserve = reserve
        self._is_full = False

    def prepare(self, stopping: Callable[[], bool]) -> None:
        """Make the reserve, at start; on a disk that is full already, wait first."""
        if not self._reserve.hold() and self._reserve.disk.is_full:
            self.wait(stopping)

    def wait(self, stopping: Callable[[], bool]) -> None:
        """Let the reserve go, say "disk full", and come back when there is room again."""
        if not self._is_full:
            self._is_full = True
            disk = self._reserve.disk
            self._reserve.let_go()
            log.critical("disk=full free_bytes=%d reserve=let_go", disk.free_bytes)
            self._alarm.sound(disk)
        beats_at_s = 0.0
        while not stopping():
            sleep(LOOKS_EVERY_S)
            if self._reserve.disk.has_room_for_reserve:
                return
            if monotonic() >= beats_at_s:
                beats_at_s = monotonic() + BEATS_EVERY_S
                self._beat()

    def passed(self) -> None:
        """Something was written: if the disk was full, it no longer is."""
        if not self._is_full:
            return
        if not self._reserve.hold() and self._reserve.disk.is_full:
            return
        self._is_full = False
        log.warning("disk=has_room reserve=held")
        self._alarm.end()

    def _beat(self) -> None:
        """We live, and wait: that is another alarm than a dead ingester."""
        try:
            with self._store.writing() as session:
                beat(session, "ingest")
        except DBAPIError as fault:
            log.warning("beat=not_written why=%r", str(fault.orig)[:200])
