"""The heartbeat of the pages: a process that serves them says that it lives."""

import logging
import os
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from models.heartbeat import beat
from models.store import Store

log = logging.getLogger(__name__)

# Well within DEAD_AFTER, and rarer than other roles: each beat is a commit that nothing waits for.
BEATS_EVERY_S = 5.0


def start_pulse(store: Store, stop: Event) -> Thread:
    """Beat in a thread of its own until told to stop; it ends with the process.

    Not when a page is viewed: that writes nothing, and a desk that nobody looks at lives too.
    """
    thread = Thread(target=_beat, args=(store, stop), name="pulse", daemon=True)
    thread.start()
    return thread


def _beat(store: Store, stop: Event) -> None:
    while True:
        try:
            with store.writing() as session:
                beat(session, "web", pid=os.getpid())
        except SQLAlchemyError as fault:
            # A full disk or a database that is away ends no page; the beat comes when it can.
            log.warning("beat=not_written why=%r", str(fault)[:200])
        if stop.wait(BEATS_EVERY_S):
            return
