"""Which shares this process works on: its part of all, and what others leave without an owner."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from threading import Event, Thread

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ingest.holder import is_gone, new_holder
from ingest.shares import Share
from ingest.storage_faults import EXIT_STORAGE
from models.clock import machine_now, site_clock
from models.errors import Refusal
from models.reasons import reason
from models.share import agree, join, leave, take_share
from models.store import Store

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 0.5


def wait_for_the_only(store: Store, stop: Event) -> Share | None:
    """Take the one share of an installation with one ingester; stand by while another has it.

    None: told to stop before. Raises Refusal where the others deal devices to several.
    """
    holder, standing_by = new_holder(), False
    while not stop.is_set():
        with store.writing() as session:
            agree(session, 1, holder, machine_now(), is_gone)
            token = take_share(session, 0, holder, machine_now(), is_gone)
        if token is not None:
            return Share(0, 1, holder, token)
        if not standing_by:
            log.warning("role=ingest standing_by=1 another_ingester_works=1")
        standing_by = True
        stop.wait(LOOKS_EVERY_S)
    return None


class Dealer:
    """Takes shares and gives them up, so that each of the living ingesters has its part.

    `work` handles a share until its event is set; it runs in a thread of its own.
    """

    def __init__(self, store: Store, shares: int, work: Callable[[Share, Event], None]) -> None:
        self._store, self._shares, self._work = store, shares, work
        self._holder = new_holder()
        self._held: dict[int, tuple[Share, Event, Thread]] = {}

    def run(self, stop: Event) -> None:
        """Work until told to stop. Raises Refusal where others deal devices otherwise."""
        with self._store.writing() as session:
            self._check(session)
        while not stop.is_set():
            self.turn()
            stop.wait(LOOKS_EVERY_S)
        for number in sorted(self._held):
            self._give_up(number)
        with self._store.writing() as session:
            leave(session, self._holder)

    def turn(self) -> None:
        """Give one up where there are too many here, or take one that nobody has."""
        taken = None
        try:
            with self._store.writing() as session:
                self._check(session)
                living = join(session, self._holder, machine_now(), is_gone)
                part = -(-self._shares // living)
                if len(self._held) < part:
                    taken = self._take(session)
        except IntegrityError:  # another made the same row first: next time it is there
            return
        if taken is not None:
            self._begin(taken)
        elif len(self._held) > part:
            self._give_up(max(self._held))

    def _check(self, session: Session) -> None:
        agree(session, self._shares, self._holder, machine_now(), is_gone)
        clock = site_clock(session)
        if clock is not None and clock.mode != "real":
            raise Refusal(reason("shares.only_real_time"))

    def _take(self, session: Session) -> Share | None:
        for number in range(self._shares):
            if number not in self._held:
                token = take_share(session, number, self._holder, machine_now(), is_gone)
                if token is not None:
                    return Share(number, self._shares, self._holder, token)
        return None

    def _begin(self, share: Share) -> None:
        log.info("share=%d of=%d token=%d taken=1", share.number, share.shares, share.token)
        stop = Event()
        thread = Thread(
            target=self._survive, args=(share, stop), name=f"share-{share.number}", daemon=True
        )
        self._held[share.number] = share, stop, thread
        thread.start()

    def _survive(self, share: Share, stop: Event) -> None:
        """A share whose thread died would keep its lease and take nothing in: end altogether."""
        try:
            self._work(share, stop)
        except Exception:
            log.exception("share=%d died=1", share.number)
            os._exit(EXIT_STORAGE)

    def _give_up(self, number: int) -> None:
        share, stop, thread = self._held.pop(number)
        stop.set()
        thread.join()
        with self._store.writing() as session:
            share.let_go(session)
        log.info("share=%d given_up=1", number)
