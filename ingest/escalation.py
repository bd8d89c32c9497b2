"""Pages again, and higher up, until a person has seen it; puts back what a shelf has held."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.alert import Alert
from models.event import record
from models.notice import Notice
from models.paging import recipients, tell
from models.people import machine
from models.reasons import Reason, reason
from models.times import iso

CLOCK = machine("clock")
# domain §6.1: re-alarm time, by severity; the first page is the alert's own.
AGAIN_AFTER = {"high": timedelta(minutes=60), "critical": timedelta(minutes=15)}
# At the end of the chain everybody has been told; from then on it is said again and again.
REPEAT_AFTER = timedelta(hours=4)
CHAIN = ("duty", "manager", "admin")
TOLD_AT_FIRST = {"high": 1, "critical": 2}
KIND = "escalation"


def escalate(session: Session, now: datetime) -> datetime | None:
    """Page again what nobody has acknowledged in time; return when the next one is due."""
    waiting = _unacknowledged(session, now)
    told = _told(session, waiting)
    nexts = []
    for alert in waiting:
        steps, last_at = told.get(alert.id, (0, alert.raised_at))
        due_at = last_at + _wait(alert, steps)
        if due_at <= now:
            _page_again(session, alert, steps + 1, last_at, now)
            due_at = now + _wait(alert, steps + 1)
        nexts.append(due_at)
    return min(nexts, default=None)


def unshelve(session: Session, now: datetime) -> datetime | None:
    """Put back alerts whose shelf has ended, and page those that are still active."""
    shelved = select(Alert).where(Alert.live, Alert.shelved_until.is_not(None))
    nexts = []
    for alert in session.scalars(shelved.order_by(Alert.code)):
        if alert.shelved_until is not None and alert.shelved_until > now:
            nexts.append(alert.shelved_until)
        elif alert.come_off_shelf(by=CLOCK, now=now):
            why = _why(alert, "notice.shelf_ended", until=iso(now))
            _tell(session, alert, "page", TOLD_AT_FIRST.get(alert.severity, 0), why, now)
    return min(nexts, default=None)


def _unacknowledged(session: Session, now: datetime) -> list[Alert]:
    mine = select(Alert).where(
        Alert.live,
        Alert.acknowledged.is_(False),
        or_(Alert.active, Alert.latched),
        Alert.severity.in_(list(AGAIN_AFTER)),
        Alert.out_of_service.is_(False),
        Alert.suppressed_by.is_(None),
        or_(Alert.shelved_until.is_(None), Alert.shelved_until <= now),
    )
    return list(session.scalars(mine.order_by(Alert.code)))


def _told(session: Session, alerts: Iterable[Alert]) -> dict[object, tuple[int, datetime]]:
    """Return, by alert, how often it was paged again since its last page, and when it was told."""
    ids = [alert.id for alert in alerts]
    if not ids:
        return {}
    rows = session.execute(
        select(Notice.alert_id, Notice.kind, Notice.created_at, func.count())
        .where(Notice.alert_id.in_(ids), Notice.kind.in_(["page", KIND]))
        .group_by(Notice.alert_id, Notice.kind, Notice.created_at)
        .order_by(Notice.created_at)
    )
    told: dict[object, tuple[int, datetime]] = {}
    for alert_id, kind, at, _ in rows:
        steps = 0 if kind == "page" else told.get(alert_id, (0, at))[0] + 1
        told[alert_id] = steps, at
    return told


def _wait(alert: Alert, steps: int) -> timedelta:
    everybody = len(CHAIN) - TOLD_AT_FIRST[alert.severity]
    return AGAIN_AFTER[alert.severity] if steps <= everybody else REPEAT_AFTER


def _page_again(
    session: Session, alert: Alert, step: int, last_at: datetime, now: datetime
) -> None:
    """Tell those who were told and the next in the chain; the record says that it came to it."""
    why = _why(alert, "notice.nobody_acknowledged", since=iso(last_at), step=step)
    record(alert, "page_again", by=CLOCK, now=now, after=alert.state(now), why=why)
    _tell(session, alert, KIND, TOLD_AT_FIRST[alert.severity] + step, why, now)


def _tell(
    session: Session, alert: Alert, kind: str, roles: int, why: Reason, now: datetime
) -> None:
    """Tell the first so many of the chain, under a key of this very instant; 0 tells nobody."""
    if roles == 0:
        return
    tell(
        session,
        recipients(session, alert.site_id, CHAIN[:roles], now),
        key=f"{alert.code}:{why.code}:{alert.severity}:{iso(now)}",
        kind=kind,
        why=why,
        now=now,
        alert=alert,
    )


def _why(alert: Alert, code: str, **values: object) -> Reason:
    return reason(
        code,
        alert=alert.code,
        severity=alert.severity,
        subject=alert.subject,
        why=alert.reason,
        observed_at=iso(alert.observed_at),
        arrived_at=None if alert.arrived_at is None else iso(alert.arrived_at),
        **values,
    )
