"""Which shares this process works on: its part of all, and what others leave without an owner."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from threading import Event, Thread

from sqlalchemy.orm import Session

from ingest.holder import is_gone, new_holder
from ingest.shares import Share
from ingest.stillness import Seen
from ingest.storage_faults import EXIT_STORAGE
from models import share as rows
from models.clock import site_clock
from models.errors import Refusal
from models.reasons import reason
from models.store import Store

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 0.5
Work = Callable[[Share, Event], None]


def wait_for_the_only(store: Store, stop: Event) -> Share | None:
    """Take the one share of an installation with one ingester; stand by while another has it.

    None: told to stop before. Raises Refusal where the others deal devices otherwise.
    """
    holder, still, standing_by = new_holder(), Seen(), False
    while not stop.is_set():
        with store.writing() as session:
            refuse_others(rows.dealing(session), 1)
            token = rows.take_share(session, 0, holder, is_gone, still)
        if token is not None:
            return Share(0, 1, token)
        if not standing_by:
            log.warning("role=ingest standing_by=1 another_ingester_works=1")
        standing_by = True
        stop.wait(LOOKS_EVERY_S)
    return None


def refuse_others(row: rows.Dealing, shares: int, following: int | None = None) -> None:
    """Raise Refusal where devices are not dealt into `shares`, on the way to `following`."""
    if (row.shares, row.next) != (shares, following):
        raise Refusal(
            reason("shares.disagree", here=following or shares, there=row.next or row.shares)
        )


def refuse_made_up_time(session: Session) -> None:
    """Raise Refusal where a simulator leads the clock, or it was set: only one can follow that."""
    clock = site_clock(session)
    if clock is not None and clock.mode != "real":
        raise Refusal(reason("shares.only_real_time"))


class Dealer:
    """Takes shares and gives them up, so that each of the living ingesters has its part.

    `work` handles a share until its event is set, in a thread of its own. With `following`, the
    number that comes after, it ends by itself once a share is drained, and so does `run`.
    """

    def __init__(self, store: Store, shares: int, work: Work, following: int | None = None) -> None:
        self._store, self._shares, self._work = store, shares, work
        self._following = following
        self._holder, self._still = new_holder(), Seen()
        self._held: dict[int, tuple[Share, Event, Thread]] = {}

    def run(self, stop: Event) -> None:
        """Work until told to stop. Raises Refusal where others deal devices otherwise."""
        try:
            while not stop.is_set() and not self._all_drained():
                while self.turn():
                    continue
                stop.wait(LOOKS_EVERY_S)
        finally:
            for number in sorted(self._held):
                self._give_up(number)
            with self._store.writing() as session:
                rows.leave(session, self._holder)

    def turn(self) -> bool:
        """Take a share that nobody has, or give one up where there are too many here.

        True where there may be more to take.
        """
        self._bury()
        taken = None
        with self._store.writing() as session:
            row = rows.dealing(session)
            if self._following == row.shares:
                return False
            refuse_others(row, self._shares, self._following)
            refuse_made_up_time(session)
            left = [n for n in range(self._shares) if n not in (row.drained or ())]
            rows.look(session, self._still)
            living = rows.join(session, self._holder, is_gone, self._still)
            part = -(-len(left) // living)
            if len(self._held) < part:
                taken = self._take(session, left)
        if taken is not None:
            self._begin(taken)
        elif len(self._held) > part:
            self._give_up(max(self._held))
        return taken is not None

    def _take(self, session: Session, numbers: list[int]) -> Share | None:
        for number in numbers:
            if number not in self._held:
                token = rows.take_share(session, number, self._holder, is_gone, self._still)
                if token is not None:
                    return Share(number, self._shares, token)
        return None

    def _all_drained(self) -> bool:
        if self._following is None:
            return False
        with self._store.writing() as session:
            row = rows.dealing(session)
            if row.next is not None and len(row.drained or ()) == row.shares:
                rows.finish_change(session, row)
                log.warning("shares=%d changed=1", row.shares)
            return row.next is None

    def _begin(self, share: Share) -> None:
        log.info("share=%d of=%d token=%d taken=1", share.number, share.shares, share.token)
        stop = Event()
        thread = Thread(
            target=self._survive, args=(share, stop), name=f"share-{share.number}", daemon=True
        )
        self._held[share.number] = share, stop, thread
        thread.start()

    def _survive(self, share: Share, stop: Event) -> None:
        """A share whose thread died would keep its row and take nothing in: end altogether."""
        try:
            self._work(share, stop)
        except Exception:
            log.exception("share=%d died=1", share.number)
            os._exit(EXIT_STORAGE)

    def _bury(self) -> None:
        """Let go of what is drained: its thread has ended by itself."""
        for number in [n for n, (_, _, thread) in self._held.items() if not thread.is_alive()]:
            self._give_up(number)

    def _give_up(self, number: int) -> None:
        share, stop, thread = self._held.pop(number)
        stop.set()
        thread.join()
        with self._store.writing() as session:
            share.let_go(session)
        log.info("share=%d given_up=1", number)
