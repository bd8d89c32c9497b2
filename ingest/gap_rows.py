"""Keeps the rows of what is missing: adds them, fills them, and lets go of a sender's oldest.

A sender that begins anew with each message, or lets every second number come late, makes a row
of each. Of one in whose year a fifth of its messages is lost, one every quarter of an hour, there
are fewer rows than are kept.
"""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models.gap import Gap

MOST_GAPS = 10_000  # of one sender
AT_ONCE = 1000  # beyond those are let go of together

_COPIED = ("source", "run", "wraps", "after_ms", "before_ms", "found_ms")


class GapRows:
    """Adds and fills rows; knows about how many each sender has, so that it need not be asked."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, session: Session, gap: Gap) -> None:
        """Add a row, and let go of the oldest where its sender has too many."""
        count = self._counts.get(gap.source)
        if count is None or count >= MOST_GAPS + AT_ONCE:
            count = _bounded(session, gap.source)
        session.add(gap)
        self._counts[gap.source] = count + 1

    def fill(self, session: Session, source: str, run: int, number: int) -> bool:
        """Take a number that came late out of its gap; false where it is in none."""
        gap = session.scalars(
            select(Gap).where(
                Gap.source == source, Gap.run == run, Gap.first <= number, Gap.last >= number
            )
        ).first()
        if gap is None:
            return False
        if gap.first == gap.last:
            session.delete(gap)
        elif number == gap.first:
            gap.first = number + 1
        elif number == gap.last:
            gap.last = number - 1
        else:
            rest = {name: getattr(gap, name) for name in _COPIED}
            last, gap.last = gap.last, number - 1
            self.add(session, Gap(**rest, first=number + 1, last=last))
        return True


def _bounded(session: Session, source: str) -> int:
    """Let go of a sender's oldest rows if it has too many by far; return how many it has."""
    mine = Gap.source == source
    count = session.scalar(select(func.count()).where(mine)) or 0
    if count < MOST_GAPS + AT_ONCE:
        return count
    newest = select(Gap.id).where(mine).order_by(Gap.id.desc())
    last = session.scalar(newest.offset(MOST_GAPS).limit(1))
    session.execute(
        delete(Gap).where(mine, Gap.id <= last).execution_options(synchronize_session=False)
    )
    return MOST_GAPS
