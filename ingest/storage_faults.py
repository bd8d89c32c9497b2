"""How storing fails: for want of room, which passes, or so that nothing on disk is certain."""

from __future__ import annotations

import logging
import os
import sqlite3
from typing import NoReturn

from sqlalchemy.exc import DBAPIError

from models.share import ShareLost

log = logging.getLogger(__name__)

EXIT_STORAGE = 70  # the supervisor starts a new process; nothing unsaved was acknowledged
_DISK_FULL, _IO_ERROR = "53100", "58030"  # PostgreSQL's
_DEADLOCK, _NOT_SERIALIZABLE, _UNIQUE = "40P01", "40001", "23505"
_FULL, _IOERR, _CORRUPT = 13, 10, 11  # SQLite's primary result codes
_IOERR_SHMSIZE = 4874  # no room for the index of the log: full as well


def is_disk_full(fault: BaseException) -> bool:
    """Whether a write failed for want of room alone: rolled back, and nothing to guess about."""
    code = _sqlite_code(fault)
    return code & 0xFF == _FULL or code == _IOERR_SHMSIZE or _sqlstate(fault) == _DISK_FULL


def is_storage_lost(fault: BaseException) -> bool:
    """Whether the disk failed us: after a failed fsync even a later success may be a lie."""
    if is_disk_full(fault):
        return False
    return _sqlite_code(fault) & 0xFF in (_IOERR, _CORRUPT) or _sqlstate(fault) == _IO_ERROR


def is_deadlock(fault: BaseException) -> bool:
    """Whether two transactions waited for each other and ours was ended: do it again."""
    return _sqlstate(fault) in (_DEADLOCK, _NOT_SERIALIZABLE)


def is_taken(fault: BaseException) -> bool:
    """Whether another has just written a row of the same key, or it is in the table for long."""
    return _sqlstate(fault) == _UNIQUE


def give_up(fault: BaseException) -> NoReturn:
    """End at once: what is on disk is not known here.

    A process that went on would guess; a new one reads what is true. Nothing of the batch is
    acknowledged, not even by closing connections in good order.
    """
    if isinstance(fault, ShareLost):  # we slept, and another has gone on from what is on disk
        log.critical("lost=%r", str(fault))
        os._exit(EXIT_STORAGE)
    log.critical("storage_failed error=%r", str(_origin(fault))[:300])
    os._exit(EXIT_STORAGE)


def _origin(fault: BaseException) -> BaseException:
    return (fault.orig if isinstance(fault, DBAPIError) else None) or fault


def _sqlite_code(fault: BaseException) -> int:
    origin = _origin(fault)
    return getattr(origin, "sqlite_errorcode", 0) if isinstance(origin, sqlite3.Error) else 0


def _sqlstate(fault: BaseException) -> str:
    return str(getattr(_origin(fault), "sqlstate", None) or "")
