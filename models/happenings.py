"""What happened, as plain rows in order of site time: the output of a rehearsal."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Alert, Condition
from models.event import Event
from models.notice import Notice
from models.people import User
from models.registry import Site
from models.scaffold import Scaffold
from models.task import Task
from models.times import iso

Row = dict[str, Any]

# The verdicts and resets that other programs read; what people did is in the event record.
_TOLD = ("raised", "escalated", "lowered", "cleared", "latched", "reset", "unknown", "known")


def rows(session: Session) -> list[Row]:
    """Return alert, condition, notice and hold rows, sorted by (at, kind, rule, subject, to).

    No generated ids, so that the same run gives the same bytes.
    """
    found = [*_alerts(session), *_conditions(session), *_notices(session), *_holds(session)]
    return ordered(found)


def ordered(found: list[Row]) -> list[Row]:
    """Return rows in the order that the contract names."""
    keys = ("at", "kind", "rule", "subject", "to", "channel", "person", "scaffold", "task", "event")
    return sorted(found, key=lambda row: tuple(str(row.get(key, "")) for key in keys))


def _alerts(session: Session) -> Iterator[Row]:
    found = session.execute(
        select(Event, Alert)
        .join(Alert, Alert.id == Event.subject_id)
        .where(Event.kind == "alert", Event.action.in_(_TOLD))
        .order_by(Event.number)
    )
    for event, alert in found:
        values = dict((event.reason or {}).get("values", {}))
        severity = values.pop("severity", None) or alert.severity
        observed_at = values.pop("observed_at", None)
        decided_by = values.pop("decided_by", alert.value)
        yield {
            "at": iso(event.at),
            "kind": "alert",
            "rule": alert.rule_code,
            "subject": alert.subject,
            "severity": severity,
            "to": event.action,
            "observed_at": observed_at or iso(alert.observed_at),
            "value": decided_by,
            "reason": {"code": (event.reason or {}).get("code"), "values": values},
        }


def _conditions(session: Session) -> Iterator[Row]:
    changed: dict[tuple[str, str, str], str] = {}
    found = list(session.scalars(select(Condition).order_by(Condition.since)))
    for row in found:
        changed[row.rule_code, row.subject, iso(row.since)] = row.severity
    for row in found:
        yield _condition(row, iso(row.since), "raised")
        if row.until is not None and (row.rule_code, row.subject, iso(row.until)) not in changed:
            yield _condition(row, iso(row.until), "cleared")


def _condition(row: Condition, at: str, to: str) -> Row:
    return {
        "at": at,
        "kind": "condition",
        "rule": row.rule_code,
        "subject": row.subject,
        "severity": row.severity,
        "to": to,
        "observed_at": iso(row.since),
        "value": row.value,
        "reason": row.reason,
    }


def _notices(session: Session) -> Iterator[Row]:
    found = session.execute(
        select(Notice, Alert, User)
        .outerjoin(Alert, Alert.id == Notice.alert_id)
        .outerjoin(User, User.id == Notice.person_id)
    )
    for notice, alert, person in found:
        yield {
            "at": iso(notice.created_at),
            "kind": "notice",
            "rule": alert.rule_code if alert else None,
            "subject": alert.subject if alert else None,
            "severity": notice.severity,
            "to": notice.kind,
            "channel": notice.channel,
            "person": person.email if person else notice.role,
            "reason": {"code": notice.reason["code"]},
        }


def _holds(session: Session) -> Iterator[Row]:
    codes: dict[uuid.UUID | None, str] = {
        key: code
        for noun in (Scaffold, Task)
        for key, code in session.execute(select(noun.id, noun.code))
    }
    sites: dict[uuid.UUID | None, str] = {
        key: code for key, code in session.execute(select(Site.id, Site.code))
    }
    held = select(Event).where(Event.action == "hold", Event.kind.in_(["scaffold", "task"]))
    for event in session.scalars(held.order_by(Event.number)):
        code = codes.get(event.subject_id)
        yield {
            "at": iso(event.at),
            "kind": "hold",
            "subject": f"{event.kind}:{sites.get(event.site_id)}/{code}",
            "to": event.after,
            event.kind: code,
            "reason": event.reason,
        }
