"""What the ingester does on a full disk: acknowledges nothing, says so, waits, and goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from time import monotonic, sleep

from sqlalchemy.exc import DBAPIError

from ingest.disk_alarm import DiskAlarm
from ingest.reserve import Reserve

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 0.5
BEATS_EVERY_S = 2.0  # before others take a share for left alone


class FullDisk:
    """Waits out a full disk. What was taken in meanwhile stays unacknowledged, and is kept.

    One for a process, whatever the number of its workers: there is one reserve, and one alarm.
    """

    def __init__(self, alarm: DiskAlarm, reserve: Reserve) -> None:
        self._alarm, self._reserve = alarm, reserve
        self._is_full, self._lock = False, Lock()

    def prepare(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Make the reserve, at start; on a disk that is full already, wait first."""
        if not self._reserve.hold() and self._reserve.disk.is_full:
            self.wait(stopping, beat)

    def wait(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Let the reserve go, say "disk full", and come back when there is room again.

        `beat` says that the caller lives, and waits: that is another alarm than a dead ingester.
        """
        with self._lock:
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
                try:
                    beat()
                except DBAPIError as fault:
                    log.warning("beat=not_written why=%r", str(fault.orig)[:200])

    def passed(self) -> None:
        """Something was written: if the disk was full, it no longer is."""
        if not self._is_full:
            return
        with self._lock:
            if not self._is_full or (not self._reserve.hold() and self._reserve.disk.is_full):
                return
            self._is_full = False
            log.warning("disk=has_room reserve=held")
            self._alarm.end()
