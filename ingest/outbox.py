"""Sends what waits in the outbox: lease, send, mark; so a crash in between sends it once more."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from ingest.failing import NoticeFailed
from ingest.letters import Letter, letter_of
from models.alert import SEVERITIES
from models.clock import machine_now
from models.notice import Notice
from models.paging import second_channel
from models.pulse import bump
from models.reasons import Reason, reason
from models.store import Store

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=15)
TRIES_FOR = timedelta(hours=24)
SECOND_CHANNEL_AFTER = timedelta(minutes=3)
LEASE = timedelta(seconds=60)
AT_ONCE = 8  # few enough to be sent, or to time out, well within the lease
JITTER = 0.2


class Channel(Protocol):
    """A way out of the house."""

    def send(self, letter: Letter) -> None:
        """Send one letter. Raises NoticeFailed."""


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after the n-th failed try: 5 s, 10 s … 15 min."""
    return min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)


def waited_until(attempts: int) -> timedelta:
    """Return how long after the first try the next one after `attempts` tries comes."""
    return sum((wait_after(one) for one in range(1, attempts + 1)), timedelta())


@dataclass
class Outbox:
    """Takes notices that are due, worst first, and hands them to their channels."""

    store: Store
    channels: Mapping[str, Channel]
    public_url: str
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE))

    def turn(self) -> int:
        """Send what is due now; return how many were tried."""
        if not self._any_due():
            return 0
        leased = self._lease()
        outcomes = list(self.pool.map(self._send, [letter for _, letter in leased]))
        if leased:
            with self.store.writing() as session:
                for (notice_id, _), failed in zip(leased, outcomes, strict=True):
                    self._mark(session, notice_id, failed)
        return len(leased)

    def close(self) -> None:
        """Wait for what is on its way."""
        self.pool.shutdown(wait=True)

    def _any_due(self) -> bool:
        with self.store.reading() as session:
            return session.scalars(_due(machine_now()).limit(1)).first() is not None

    def _lease(self) -> Sequence[tuple[uuid.UUID, Letter]]:
        now = machine_now()
        with self.store.writing() as session:
            rows = session.scalars(_due(now).limit(AT_ONCE).with_for_update(skip_locked=True)).all()
            for row in rows:
                row.leased_until = now + LEASE
            return [(row.id, letter_of(session, row, self.public_url)) for row in rows]

    def _send(self, letter: Letter) -> NoticeFailed | None:
        channel = self.channels.get(letter.channel)
        if channel is None:
            return NoticeFailed(reason("notice.no_channel", channel=letter.channel), permanent=True)
        try:
            channel.send(letter)
        except NoticeFailed as failed:
            return failed
        except Exception as fault:
            # A letter that can't even be written must not stop those behind it.
            log.exception("notice=%s channel=%s", letter.key, letter.channel)
            return NoticeFailed(reason("notice.fault", why=type(fault).__name__), permanent=False)
        return None

    def _mark(self, session: Session, notice_id: uuid.UUID, failed: NoticeFailed | None) -> None:
        notice = session.get_one(Notice, notice_id)
        notice.attempts += 1
        notice.leased_until = None
        bump(session)
        if failed is None:
            notice.state, notice.sent_at, notice.failure = "sent", machine_now(), None
            log.info("notice=%s channel=%s sent=1", notice.key, notice.channel)
            return
        notice.failure = failed.reason.to_json()
        over = failed.permanent or waited_until(notice.attempts) > TRIES_FOR
        log.log(
            logging.INFO if failed.permanent else logging.WARNING,
            "notice=%s channel=%s attempt=%d failed=%s over=%d",
            notice.key,
            notice.channel,
            notice.attempts,
            failed.reason.code,
            over,
        )
        if over:
            notice.state = "failed"
        else:
            notice.next_try_at = machine_now() + _shaken(wait_after(notice.attempts))
        if _takes_second_channel(notice, over):
            second_channel(session, notice, Reason.from_json(notice.failure))


def _due(now: datetime):  # type: ignore[no-untyped-def]
    worst_first = case({name: -i for i, name in enumerate(SEVERITIES)}, value=Notice.severity)
    return (
        select(Notice)
        .where(
            Notice.state == "pending",
            Notice.next_try_at <= now,
            or_(Notice.leased_until.is_(None), Notice.leased_until < now),
        )
        .order_by(worst_first, Notice.next_try_at, Notice.key)
    )


def _takes_second_channel(notice: Notice, over: bool) -> bool:
    """A critical notice takes another way before three minutes have gone by without success."""
    too_late = waited_until(notice.attempts) > SECOND_CHANNEL_AFTER
    return notice.severity == "critical" and (over or too_late)


def _shaken(wait: timedelta) -> timedelta:
    """Spread tries out, so that a server that comes back is not met by all at once."""
    return wait * random.uniform(1 - JITTER, 1 + JITTER)
