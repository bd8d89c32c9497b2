"""Makes the months ahead into which PostgreSQL sorts packed hours; SQLite needs none."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.times import to_ms

MONTHS_AHEAD = 2  # beside the running one: a clock that is away for weeks is no harm


def make_ahead(session: Session, now: datetime) -> None:
    """Make what is missing of this month and the next ones; the caller commits.

    A month of which readings already lie in the rest, such as one of a clock that was set back,
    stays there: moving them would hold up who writes.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    for begin, end in _months(now):
        name, since, until = f"reading_hour_{begin:%Y_%m}", to_ms(begin), to_ms(end)
        if session.scalar(text("SELECT to_regclass(:name)"), {"name": name}) is not None:
            continue
        in_rest = text(
            "SELECT 1 FROM reading_hour_rest WHERE end_ms >= :since AND end_ms < :until LIMIT 1"
        )
        if session.scalar(in_rest, {"since": since, "until": until}) is None:
            session.execute(
                text(
                    f"CREATE TABLE {name} PARTITION OF reading_hour"
                    f" FOR VALUES FROM ({since}) TO ({until})"
                )
            )


def _months(now: datetime) -> list[tuple[datetime, datetime]]:
    first = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1
    begins = [
        datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        for number in range(first, first + MONTHS_AHEAD + 2)
    ]
    return list(zip(begins, begins[1:], strict=False))
