"""Writes closed hours and days, so that a year's chart never reads raw rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from ingest.bindings import Bindings
from ingest.storing import upsert
from models.bars import Bar, day_end_ms, hour_end_ms, make_day, make_hour
from models.reading import DAY_S, HOUR_S, Rollup


def touched(newest_ms: int | None, at_ms: int, key: int) -> Iterator[tuple[int, int]]:
    """Yield (sensor, hour end) of the hours that a reading closes or changes.

    The open hour is written when it closes, or changed by an out-of-order reading; until then
    whoever reads hours makes it from the raw rows.
    """
    if newest_ms is None or at_ms <= newest_ms:
        yield key, hour_end_ms(at_ms)
    elif hour_end_ms(at_ms) != hour_end_ms(newest_ms):
        yield key, hour_end_ms(newest_ms)


def close_hours(
    session: Session,
    bindings: Bindings,
    hours: Iterable[tuple[int, int]],
    newest_ms: Mapping[int, int | None],
) -> None:
    """Make these hours anew, and every day of theirs that is over; the caller commits."""
    rows, days = [], set()
    for key, end_ms in sorted(set(hours)):
        facts = bindings.sensors[key]
        rows.append(_row(key, HOUR_S, make_hour(session, key, facts.quantity, end_ms)))
        day_ms = day_end_ms(end_ms, facts.timezone)
        if (newest_ms.get(key) or 0) > day_ms:
            days.add((key, day_ms))
    upsert(session, Rollup, rows, ["sensor", "span_s", "end_ms"])
    rows = []
    for key, day_ms in sorted(days):
        facts = bindings.sensors[key]
        day = make_day(session, key, facts.quantity, facts.timezone, day_ms)
        rows.append(_row(key, DAY_S, day))
    upsert(session, Rollup, rows, ["sensor", "span_s", "end_ms"])


def _row(key: int, span_s: int, bar: Bar) -> dict[str, Any]:
    return {"sensor": key, "span_s": span_s, **bar._asdict()}
