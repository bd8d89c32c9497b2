"""Changes the number of shares with messages on their way: none lost, each device's in order.

Two sessions at a broker have no common instant at which devices could change from one to the
other. So for a moment both keep everything, and then one after the other is read:

1. Nobody owns a share of the old number. The new sessions are made, and keep what comes from now.
2. The old sessions ask for nothing more. What they hold is taken in by the old number's shares.
3. All are drained: the new number holds, and its sessions are read from their beginning.

A message that came between 1 and 2 is in both: a reading with its own time is stored once all the
same, one without may be twice. Each step is a row in the database; whoever comes, goes on there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from time import monotonic

from sqlalchemy.orm import Session

from ingest.dealing import LOOKS_EVERY_S, Dealer, Work, refuse_others
from ingest.holder import is_gone, new_holder
from ingest.stillness import Seen
from models import share as rows
from models.clock import machine_now
from models.lease import hold, let_go
from models.share import STILL_FOR
from models.store import Store

log = logging.getLogger(__name__)

_MAKING = "sessions"  # only one makes them: with one client id two would push each other out
WAITS_S = 3 * STILL_FOR.total_seconds()


def change_over(
    store: Store, shares: int, make_sessions: Callable[[], bool], drain: Work, stop: Event
) -> None:
    """Return once devices are dealt into `shares`, or when told to stop.

    `make_sessions` says whether the broker keeps messages for all of the new number. Raises
    Refusal where ingesters with another number live on.
    """
    holder, still, gives_up_s = new_holder(), Seen(), monotonic() + WAITS_S
    while not stop.is_set():
        with store.writing() as session:
            row = rows.dealing(session)
            if (row.shares, row.next) == (shares, None):
                return
            if row.next is None and rows.are_free(session, row.shares, is_gone, still):
                row.next, row.drained = shares, None
                log.warning("shares=%d changes_to=%d", row.shares, shares)
            old, following, ready = row.shares, row.next, row.drained is not None
        if following != shares:
            if monotonic() > gives_up_s:
                with store.writing() as session:
                    refuse_others(rows.dealing(session), shares)
            stop.wait(LOOKS_EVERY_S)
        elif not ready:
            if not make_once(store, holder, make_sessions):
                stop.wait(LOOKS_EVERY_S)
        else:
            Dealer(store, old, drain, following).run(stop)


def make_once(store: Store, holder: str, make_sessions: Callable[[], bool]) -> bool:
    """Make the sessions of the next number; False where it did not succeed, or another does it.

    They are read soon after: who made them late would push out their owners.
    """
    with store.writing() as session:
        row = rows.dealing(session)
        if row.next is None or row.drained is not None:
            return True
        if hold(session, _MAKING, holder, machine_now()) is None:
            return False
    made = make_sessions()
    with store.writing() as session:
        row = rows.dealing(session)
        if made and row.next is not None and row.drained is None:
            row.drained = []
        let_go(session, _MAKING, holder, machine_now())
    return made


def note_drained(store: Store, number: int, fence: Callable[[Session], object]) -> None:
    """Say that the broker holds nothing more of a share of the old number."""
    with store.writing() as session:
        fence(session)
        row = rows.dealing(session)
        if row.drained is not None and number not in row.drained:
            row.drained = [*row.drained, number]
