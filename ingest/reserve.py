"""Disk space held back for the day the disk is full: people must then still be able to act."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from models.disk import RESERVE_BYTES, RESERVE_NAME, Disk

log = logging.getLogger(__name__)


class Reserve:
    """A file of nothing in the data folder. Let go, its room is for alerts and what people do."""

    def __init__(self, folder: Path, wanted_bytes: int = RESERVE_BYTES) -> None:
        self.folder, self.path = folder, folder / RESERVE_NAME
        self._wanted_bytes = wanted_bytes

    @property
    def disk(self) -> Disk:
        """The disk as it is now."""
        return Disk.of(self.folder, self._wanted_bytes)

    def hold(self) -> bool:
        """Make the file where it is missing and the disk has room; return whether it is there."""
        disk = self.disk
        if disk.reserved_bytes or not disk.reserve_bytes:
            return True
        if not disk.has_room_for_reserve:
            return False
        making = self.path.with_suffix(".making")
        try:
            self._fill(making, disk.reserve_bytes)
            making.rename(self.path)
        except OSError as fault:  # a quota, perhaps, that statvfs knows nothing of
            log.warning("reserve=none why=%r", str(fault))
            making.unlink(missing_ok=True)
            return False
        return True

    def _fill(self, path: Path, size: int) -> None:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, size)  # really taken, unlike a file with a hole
            os.fsync(file)
        finally:
            os.close(file)

    def let_go(self) -> None:
        """Give the room free; deleting works on a full disk too."""
        self.path.unlink(missing_ok=True)


def make_room(reserve: Reserve) -> None:
    """Let the reserve go before a full disk's database is opened: even that takes a few pages."""
    if reserve.folder.is_dir() and reserve.disk.is_full:
        reserve.let_go()
