"""How much room the disk of the data folder has, and whether that counts as full."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

RESERVE_NAME = "disk-reserve"
RESERVE_BYTES = 64 * 1024 * 1024
# Of a small disk the reserve takes no more than this part.
SMALLEST_SHARE = 20


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk that a folder lies on. `reserved_bytes`: what our reserve file holds back now."""

    free_bytes: int
    total_bytes: int
    reserved_bytes: int
    wanted_bytes: int = RESERVE_BYTES

    @classmethod
    def of(cls, folder: Path, wanted_bytes: int = RESERVE_BYTES) -> Disk:
        """Look, where so large a reserve is wanted; writes nothing. Raises OSError."""
        found = os.statvfs(folder)
        try:
            reserved = (folder / RESERVE_NAME).stat().st_size
        except FileNotFoundError:
            reserved = 0
        free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        return cls(free, total, reserved, wanted_bytes)

    @property
    def reserve_bytes(self) -> int:
        """How large the reserve is to be on this disk."""
        return min(self.wanted_bytes, self.total_bytes // SMALLEST_SHARE)

    @property
    def has_room_for_reserve(self) -> bool:
        """Whether the reserve can be made (again) and something is still left beside it."""
        return self.free_bytes >= self.reserve_bytes * 3 // 2

    @property
    def is_full(self) -> bool:
        """Whether messages are not, or soon no longer, stored.

        Full is left later than it is reached: once the reserve has been let go, there must be
        room for it again, lest the two states chase each other.
        """
        if self.reserved_bytes:
            return self.free_bytes < self.reserve_bytes // 16
        return not self.has_room_for_reserve
