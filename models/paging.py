"""Decides who is told of what by which channel, and writes it into the outbox."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from models.alert import Alert, rank
from models.clock import machine_now
from models.notice import DutyShift, Notice, Webhook
from models.people import Membership, User
from models.reasons import Reason, reason
from models.times import iso

# High and critical alerts page; lower ones wait on the desk, so that a page means something.
PAGES_FROM = "high"
MANAGERS_FROM = "critical"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person, or a role where the roster names nobody."""

    role: str
    person_id: uuid.UUID | None = None
    address: str = ""
    language: str = "zh"

    @property
    def name(self) -> str:
        """What the idempotency key and the record call this recipient."""
        return str(self.person_id) if self.person_id else f"role:{self.role}"


def pages(severity: str) -> bool:
    """Whether an alert of this severity is sent to people at once."""
    return rank(severity) >= rank(PAGES_FROM)


def told_of(alert: Alert, why: Reason) -> Reason:
    """Return what a notice says of an alert as it is now."""
    return reason(
        "notice.alert",
        alert=alert.code,
        severity=alert.severity,
        subject=alert.subject,
        why=why.to_json(),
        observed_at=iso(alert.observed_at),
        arrived_at=None if alert.arrived_at is None else iso(alert.arrived_at),
    )


def page(session: Session, alert: Alert, why: Reason, now: datetime, kind: str = "page") -> None:
    """Tell those on duty of a raised or escalated alert. The caller commits.

    The key names the alert, the version of it that pages and the recipient, so a repeat of the
    same batch after a crash writes the same keys, and a receiver can drop what comes twice.
    """
    if not pages(alert.severity):
        return
    roles = ["duty"]
    if rank(alert.severity) >= rank(MANAGERS_FROM) or kind == "escalation":
        roles.append("manager")
    tell(
        session,
        recipients(session, alert.site_id, roles, now),
        key=f"{alert.code}:{kind}:{alert.severity}:{alert.observed_at.isoformat()}",
        kind=kind,
        why=why,
        now=now,
        alert=alert,
    )


def tell(
    session: Session,
    to: Iterable[Recipient],
    *,
    key: str,
    kind: str,
    why: Reason,
    now: datetime,
    alert: Alert | None = None,
    site_id: uuid.UUID | None = None,
    incident_id: uuid.UUID | None = None,
    severity: str = "",
) -> None:
    """Write a notice per recipient and one per webhook; a key that is there is left alone."""
    site_id = alert.site_id if alert is not None else site_id
    severity = alert.severity if alert is not None else severity
    session.flush()
    wanted = [_notice(f"{key}:email:{one.name}", kind, "email", one, why, now) for one in to] + [
        _notice(f"{key}:webhook:{hook.name}", kind, "webhook", _hook(hook), why, now)
        for hook in _webhooks(session, site_id, severity)
    ]
    known = set(
        session.scalars(select(Notice.key).where(Notice.key.in_([one.key for one in wanted])))
    )
    for notice in wanted:
        if notice.key in known:
            continue
        known.add(notice.key)
        notice.site_id, notice.severity = site_id, severity
        notice.alert_id = alert.id if alert is not None else None
        notice.incident_id = alert.incident_id if alert is not None else incident_id
        session.add(notice)


SECOND = ":second:"


def second_channel(session: Session, notice: Notice, failed: Reason) -> None:
    """Try another way to say what a channel did not deliver; once. The caller commits.

    A silent webhook is told to people by e-mail, an undelivered e-mail to every webhook.
    """
    if SECOND in notice.key:
        return
    if notice.channel == "webhook":
        to = recipients(session, notice.site_id, ["duty", "manager"], notice.created_at)
        wanted = [("email", one.name, one) for one in to]
    else:
        hooks = _webhooks(session, notice.site_id, notice.severity)
        wanted = [("webhook", hook.name, _hook(hook)) for hook in hooks]
    why = Reason(
        "notice.second_channel",
        {"channel": notice.channel, "why": notice.reason, "failed": failed.to_json()},
    )
    # Five e-mails that fail for one alert are told to a webhook once.
    told = notice.key.rpartition(f":{notice.channel}:")[0]
    for channel, name, one in wanted:
        key = f"{told}{SECOND}{channel}:{name}"
        if session.scalar(select(Notice.id).where(Notice.key == key)) is None:
            row = _notice(key, notice.kind, channel, one, why, notice.created_at)
            row.site_id, row.alert_id = notice.site_id, notice.alert_id
            row.incident_id, row.severity = notice.incident_id, notice.severity
            session.add(row)


def recipients(
    session: Session, site_id: uuid.UUID | None, roles: Sequence[str], now: datetime
) -> list[Recipient]:
    """Return whom the roster names for the site now; a role's members; or the bare role."""
    found: list[Recipient] = []
    for role in roles:
        people = _on_duty(session, site_id, now) if role == "duty" else []
        people = people or _members(session, site_id, role, now)
        found.extend(_recipient(person, role) for person in people)
        if not people:
            found.append(Recipient(role))
    return list({one.name: one for one in found}.values())


def _on_duty(session: Session, site_id: uuid.UUID | None, now: datetime) -> list[User]:
    here: ColumnElement[bool] = DutyShift.site_id.is_(None)
    if site_id is not None:
        here = or_(here, DutyShift.site_id == site_id)
    shifts = session.scalars(
        select(DutyShift).where(here, DutyShift.since <= now, DutyShift.until > now)
    )
    return sorted({s.user for s in shifts if s.user.disabled_at is None}, key=lambda u: u.email)


def _members(session: Session, site_id: uuid.UUID | None, role: str, now: datetime) -> list[User]:
    found = session.scalars(
        select(Membership)
        .join(User)
        .where(
            Membership.role == role,
            or_(Membership.until.is_(None), Membership.until > now),
            User.disabled_at.is_(None),
        )
        .order_by(User.email)
    )
    return [
        one.user
        for one in found
        if one.site_ids is None or site_id is None or str(site_id) in one.site_ids
    ]


def _recipient(person: User, role: str) -> Recipient:
    return Recipient(role, person.id, person.email, person.language)


def _hook(hook: Webhook) -> Recipient:
    return Recipient(f"webhook:{hook.name}", None, hook.url)


def _webhooks(session: Session, site_id: uuid.UUID | None, severity: str) -> list[Webhook]:
    found = session.scalars(
        select(Webhook).where(Webhook.disabled_at.is_(None)).order_by(Webhook.name)
    )
    return [
        hook
        for hook in found
        if hook.site_id in (None, site_id)
        and (not severity or rank(severity) >= rank(hook.from_severity))
    ]


def _notice(key: str, kind: str, channel: str, to: Recipient, why: Reason, now: datetime) -> Notice:
    return Notice(
        key=key,
        kind=kind,
        channel=channel,
        person_id=to.person_id,
        role=to.role,
        address=to.address,
        language=to.language,
        reason=why.to_json(),
        created_at=now,
        next_try_at=machine_now(),
    )
