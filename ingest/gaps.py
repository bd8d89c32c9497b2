"""Follows what senders count, and keeps what is missing of it; those that don't count cost nothing.

A number that is left out is a gap until it comes late. A new boot, session or birth counts anew:
what it had not reached is no gap. Retained and redelivered messages never begin anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.formats.decoded import Count, Decoded
from ingest.gap_rows import GapRows
from ingest.message import Message
from ingest.storing import upsert
from models.chunks import chunks
from models.gap import DeviceCount, Gap

REMEMBERED = 8
"""So many earlier sessions of a sender are known again when something of them comes late."""

MOST_KNOWN = 500_000


@dataclass(slots=True)
class Known:
    """How far a sender has counted: a row of `device_count`, without its cost."""

    source: str
    run: int
    session: str
    number: int
    at_ms: int
    since_ms: int
    earlier: list[list[Any]]


_COLUMNS = tuple(Known.__dataclass_fields__)


class Gaps:
    """How far each sender has counted; mirrors the database between batches."""

    def __init__(self) -> None:
        self._known: dict[str, Known | None] = {}
        self._touched: set[str] = set()
        self._rows = GapRows()

    def note(
        self,
        session: Session,
        decoded: Sequence[tuple[Message, Decoded]],
        admits: Callable[[str], bool] = lambda source: True,
    ) -> None:
        """Follow the counts of a batch, in order of arrival, in the caller's transaction.

        Of senders that have not counted before, those that `admits` says.
        """
        counted = [(message, outcome) for message, outcome in decoded if outcome.counts]
        if not counted:
            return
        self._read(session, {one.source for _, outcome in counted for one in outcome.counts})
        for message, outcome in counted:
            for count in outcome.counts:
                self._follow(session, count, message, admits)

    def write(self, session: Session) -> None:
        """Write how far the senders have counted; the caller commits."""
        rows = [
            {name: getattr(self._known[source], name) for name in _COLUMNS}
            for source in sorted(self._touched)
        ]
        upsert(session, DeviceCount, rows, ["source"])
        self._touched = set()
        if len(self._known) > MOST_KNOWN:  # the rest of what anybody may invent is on disk
            self._known.clear()
            self._rows = GapRows()

    def _read(self, session: Session, sources: Iterable[str]) -> None:
        asked = [source for source in sources if source not in self._known]
        for some in chunks(asked):
            self._known.update(dict.fromkeys(some))
            columns = [getattr(DeviceCount, name) for name in _COLUMNS]
            rows = session.execute(select(*columns).where(DeviceCount.source.in_(some)))
            self._known.update((row[0], Known(*row)) for row in rows)

    def _follow(
        self, session: Session, count: Count, message: Message, admits: Callable[[str], bool]
    ) -> None:
        known, at_ms = self._known[count.source], count.at_ms or message.received_ms
        again = message.retain or message.dup
        if known is None:
            if not again and admits(count.source):
                self._known[count.source] = _begun(count, at_ms)
                self._touched.add(count.source)
            return
        if count.fresh:
            if at_ms > known.at_ms and not again:
                self._restart(known, count, at_ms)
        elif count.session != known.session:
            self._other_session(session, known, count, at_ms, message)
        else:
            self._same_session(session, known, count, at_ms, message)

    def _same_session(
        self, session: Session, known: Known, count: Count, at_ms: int, message: Message
    ) -> None:
        number = _counted_on(known, count, at_ms)
        if number > known.number:
            if number > known.number + 1:
                first, last = known.number + 1, number - 1
                gap = _gap(known, first, last, count.wraps, at_ms, message.received_ms)
                self._rows.add(session, gap)
            self._reach(known, number, at_ms)
        elif number < known.number and not self._rows.fill(
            session, count.source, known.run, number
        ):
            told = count.at_ms or not count.session
            if told and at_ms > known.at_ms and not (message.retain or message.dup):
                self._restart(known, count, at_ms)  # it counts from the beginning: a reboot

    def _other_session(
        self, session: Session, known: Known, count: Count, at_ms: int, message: Message
    ) -> None:
        for name, run in known.earlier:
            if name == count.session:
                self._rows.fill(session, count.source, run, count.number)
                return
        if message.retain or message.dup:
            return
        goes_on = count.number == known.number + 1  # a count that outlives the boot
        after_ms = known.at_ms
        self._restart(known, count, at_ms)
        if count.first is not None and count.number > count.first and not goes_on:
            gap = _gap(known, count.first, count.number - 1, 0, at_ms, message.received_ms)
            gap.after_ms = after_ms
            self._rows.add(session, gap)

    def _restart(self, known: Known, count: Count, at_ms: int) -> None:
        earlier = [[known.session, known.run], *known.earlier]
        named = [one for one in earlier if one[0] and one[0] != count.session]
        known.earlier = named[:REMEMBERED]
        known.run, known.session = known.run + 1, count.session
        self._reach(known, count.number, at_ms)

    def _reach(self, known: Known, number: int, at_ms: int) -> None:
        known.number, known.at_ms = number, max(known.at_ms, at_ms)
        self._touched.add(known.source)


def _begun(count: Count, at_ms: int) -> Known:
    return Known(
        source=count.source,
        run=1,
        session=count.session,
        number=count.number,
        at_ms=at_ms,
        since_ms=at_ms,
        earlier=[],
    )


def _gap(known: Known, first: int, last: int, wraps: int, before_ms: int, found_ms: int) -> Gap:
    return Gap(
        source=known.source,
        run=known.run,
        first=first,
        last=last,
        wraps=wraps,
        after_ms=min(known.at_ms, before_ms),
        before_ms=before_ms,
        found_ms=found_ms,
    )


def _counted_on(known: Known, count: Count, at_ms: int) -> int:
    """Return the number in the run: one that wraps goes on from where we are, or comes late."""
    if not count.wraps:
        return count.number
    ahead = (count.number - known.number) % count.wraps
    if at_ms < known.at_ms and ahead:
        return known.number - (count.wraps - ahead)
    return known.number + ahead
