"""What falls due by itself as site time passes: escalation, shelves, deadlines, red tags."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ingest import escalation, reminders
from models.clock import TICK
from models.event import Event
from models.hold import pause_on_red_tags

log = logging.getLogger(__name__)

Part = Callable[[Session, datetime], datetime | None]

_NEWEST = f"SELECT max(number) FROM {Event.__tablename__}"


PARTS: tuple[Part, ...] = (
    escalation.unshelve,
    escalation.escalate,
    reminders.remind,
    pause_on_red_tags,
)


def turn(session: Session, now: datetime, parts: Sequence[Part] = PARTS) -> datetime | None:
    """Do all that is due at a site instant; return when something will be next, if ever.

    What is due is read from the database and nothing else, so a missed, late or doubled turn
    changes nothing. The caller commits.
    """
    nexts = [_apart(part, session, now) for part in parts]
    return min((at for at in nexts if at is not None), default=None)


def _apart(part: Part, session: Session, now: datetime) -> datetime | None:
    """Do one part; a fault in it must not keep an alert from those whom another part tells."""
    try:
        with session.begin_nested():
            return part(session, now)
    except DBAPIError:
        raise  # what has happened to the database has happened to all
    except Exception:
        log.exception("clock=%s failed=1", part.__name__)
        return now + TICK


@dataclass
class Turn:
    """Turns only when something can have fallen due: at the next instant, or after an event.

    Everything that makes a thing due writes an event, so that a quiet minute costs one query.
    """

    _next_at: datetime | None = None
    _seen: int = -1

    def __call__(self, session: Session, now: datetime) -> None:
        """Do what is due at `now`; the caller commits."""
        seen = _newest(session)
        if seen == self._seen and (self._next_at is None or now < self._next_at):
            return
        self._next_at = turn(session, now)
        session.flush()
        self._seen = seen  # what the turn itself wrote is looked at once more, next minute


def _newest(session: Session) -> int:
    session.flush()
    # Asked every minute of a rehearsal: the bare statement costs a fifth of the mapped one.
    return session.connection().exec_driver_sql(_NEWEST).scalar() or 0
