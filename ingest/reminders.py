"""Tells whom it concerns that a deadline comes near, and once more when it has passed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from models.deadline import Due, due
from models.paging import recipients, tell
from models.people import machine
from models.reasons import Reason, reason
from models.times import iso

CLOCK = machine("clock")
# The two-hour clocks of the law and of the countersignature: late is too late, so say it before.
WARN_BEFORE = {"report": timedelta(minutes=30), "countersign": timedelta(minutes=30)}
WHOM = {
    "report": ("duty", "manager"),
    "countersign": ("manager",),
    "closure_until": ("duty", "manager"),
    "closure_update": ("duty", "manager"),
    "closure_review": ("manager",),
    "scaffold": ("supervisor", "manager"),
    "temporary": ("supervisor", "manager"),
    "task": ("supervisor", "manager"),
}


def remind(session: Session, now: datetime) -> datetime | None:
    """Write a notice for what is overdue or nearly so; return the next instant that matters."""
    nexts = []
    for one in due(session, CLOCK, now):
        for kind, at in _moments(one):
            if at > now:
                nexts.append(at)
            elif one.what in WHOM:
                _tell(session, one, kind, now)
    return min(nexts, default=None)


def _moments(one: Due) -> list[tuple[str, datetime]]:
    """A deadline that has passed is past from the next instant on: until then it is kept."""
    passed = ("overdue", one.at + timedelta(seconds=1))
    before = WARN_BEFORE.get(one.what)
    return [passed] if before is None else [("near", one.at - before), passed]


def _tell(session: Session, one: Due, kind: str, now: datetime) -> None:
    """One notice per deadline and recipient, whoever asks how often: the key is its instant."""
    if kind == "near" and one.overdue:
        return
    tell(
        session,
        recipients(session, one.site_id, WHOM[one.what], now),
        key=f"deadline:{one.what}:{one.href}:{iso(one.at)}:{kind}",
        kind="deadline",
        why=_why(one, kind),
        now=now,
        site_id=one.site_id,
        severity="high" if kind == "overdue" else "medium",
    )


def _why(one: Due, kind: str) -> Reason:
    code = "notice.deadline_near" if kind == "near" else "notice.deadline_passed"
    return reason(code, what=one.what, why=one.reason.to_json(), at=iso(one.at), href=one.href)
