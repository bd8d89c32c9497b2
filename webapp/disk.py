"""Whether the disk is full: the pages look themselves, since nobody could write it down."""

from flask import current_app

from models.disk import Disk
from models.settings import Settings


def full_disk() -> Disk | None:
    """Return the disk where it is full, else None."""
    settings: Settings = current_app.extensions["settings"]
    disk = Disk.of(settings.data_dir, settings.reserve_bytes)
    return disk if disk.is_full else None
