"""Alerts: one live for a rule and a subject, from raised to labelled, in the states of ISA-18.2."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, ForeignKey, Index, select, text, true
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.errors import Refusal
from models.event import record
from models.people import Actor, staff_scope
from models.reasons import Reason, reason
from models.registry import Element, Site, Zone
from models.sensor import Sensor
from models.times import iso

if TYPE_CHECKING:
    from models.closure import Closure

SEVERITIES = ("low", "medium", "high", "critical")
LABELS = ("real", "false", "test", "work_on_site", "unknown")
# The longest a thing may stay off the list, by severity; a critical alert may not be shelved.
LONGEST_SHELF = {
    "low": timedelta(hours=24),
    "medium": timedelta(hours=24),
    "high": timedelta(hours=4),
}
LONGEST_DISMISSAL = timedelta(hours=24)

# (ISA-18.2 state) -> what a person may do in it.
ACTIONS: dict[str, tuple[str, ...]] = {
    "active_unacknowledged": ("acknowledge", "assign", "shelve", "dismiss"),
    "active": ("assign", "shelve", "dismiss"),
    "cleared_unacknowledged": ("acknowledge", "assign"),
    "latched_unacknowledged": ("acknowledge", "assign"),
    "latched": ("assign", "reset"),
    "shelved": ("acknowledge", "assign", "unshelve"),
    "suppressed": (),
    "out_of_service": (),
    "normal": ("close",),
}


def rank(severity: str) -> int:
    """Return 1 (low) to 4 (critical)."""
    return SEVERITIES.index(severity) + 1


class Alert(Noun, Base):
    """One episode of one rule at one subject. `live` until cleared, acknowledged and unlatched."""

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "uq_alert_live",
            "rule_code",
            "subject",
            unique=True,
            sqlite_where=text("live"),
            postgresql_where=text("live"),
        ),
        Index("ix_alert_site_raised", "site_id", "raised_at"),
        Index("ix_alert_live_severity", "live", "severity"),
    )

    code: Mapped[str] = mapped_column(unique=True)
    rule_code: Mapped[str]
    rule_version: Mapped[int]
    subject: Mapped[str] = mapped_column(index=True)
    episode: Mapped[int]
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("site.id"))
    zone_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("zone.id"))
    sensor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("sensor.id"))
    element_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("element.id"))
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"), index=True)
    severity: Mapped[str]
    peak: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    live: Mapped[bool] = mapped_column(default=True)
    unknown: Mapped[bool] = mapped_column(default=False)  # its sensor is silent: not known
    acknowledged: Mapped[bool] = mapped_column(default=False)
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    latched: Mapped[bool] = mapped_column(default=False)
    shelved_until: Mapped[datetime | None]
    shelved_rank: Mapped[int | None]  # a higher level than this breaks through
    out_of_service: Mapped[bool] = mapped_column(default=False)
    suppressed_by: Mapped[str | None]
    assignee_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    raised_at: Mapped[datetime]  # site time of the decision
    risen_at: Mapped[datetime]  # when it last rose to the severity that it pages for
    observed_at: Mapped[datetime]  # of the reading that decided it
    arrived_at: Mapped[datetime | None]  # where that reading came late
    late: Mapped[bool] = mapped_column(default=False)
    cleared_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    value: Mapped[float | None]
    limit: Mapped[float | None]
    reason: Mapped[dict[str, Any]]
    label: Mapped[str | None]
    label_note: Mapped[str] = mapped_column(default="")
    closed_at: Mapped[datetime | None]
    site: Mapped[Site | None] = relationship()
    zone: Mapped[Zone | None] = relationship()
    sensor: Mapped[Sensor | None] = relationship()
    element: Mapped[Element | None] = relationship()
    closures: Mapped[list["Closure"]] = relationship(back_populates="alert")

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Alerts of the actor's sites; those of no site (the system's) for all staff."""
        if actor.is_staff:
            return staff_scope(actor, cls.site_id) | cls.site_id.is_(None)
        return staff_scope(actor, cls.site_id)

    def state(self, now: datetime) -> str:
        """Return the ISA-18.2 state at a site instant."""
        if not self.live:
            return "normal"
        if self.out_of_service:
            return "out_of_service"
        if self.suppressed_by:
            return "suppressed"
        if self.shelved_until is not None and self.shelved_until > now:
            return "shelved"
        stage = "active" if self.active else ("latched" if self.latched else "cleared")
        if not self.acknowledged:
            return f"{stage}_unacknowledged"
        return stage

    def actions(self, now: datetime) -> tuple[str, ...]:
        """Return what a person may do now; the buttons are drawn from this."""
        return tuple(action for action in ACTIONS[self.state(now)] if self.why_not(action) is None)

    def why_not(self, action: str) -> Reason | None:
        """Say why an action that the state offers is refused for this alert."""
        if action in ("shelve", "dismiss") and self.severity == "critical":
            return reason("alert.critical_stays", action=action)
        if action == "close" and self.label is not None:
            return reason("alert.closed_already", label=self.label)
        return None

    # What a person does. The caller commits.

    def acknowledge(self, *, by: Actor, now: datetime, note: str = "") -> None:
        """Say that somebody has seen it and acts. Raises Refusal."""
        self._require("acknowledge", now)
        before = self.state(now)
        self.acknowledged, self.acknowledged_at = True, now
        self.acknowledged_by = by.id if by.kind == "person" else None
        self._end_if_over()
        self._record("acknowledge", by, now, before, reason("alert.acknowledged", note=note))

    def assign(self, person: uuid.UUID, *, by: Actor, now: datetime, note: str = "") -> None:
        """Send somebody. Raises Refusal."""
        self._require("assign", now)
        self.assignee_id = person
        why = reason("alert.assigned", person=str(person), note=note)
        self._record("assign", by, now, self.state(now), why)

    def shelve(self, until: datetime, why: str, *, by: Actor, now: datetime) -> None:
        """Take it off the list for a time; it stays on record. Raises Refusal."""
        self._require("shelve", now)
        longest = now + LONGEST_SHELF[self.severity]
        if not now < until <= longest:
            raise Refusal(reason("alert.shelf_too_long", until=iso(longest)))
        before = self.state(now)
        self.shelved_until, self.shelved_rank = until, rank(self.severity)
        self._record("shelve", by, now, before, reason("alert.shelved", until=iso(until), why=why))

    def unshelve(self, *, by: Actor, now: datetime) -> None:
        """Put it back on the list before its time. Raises Refusal."""
        self._require("unshelve", now)
        self._leave_shelf(by, now)

    def _leave_shelf(self, by: Actor, now: datetime) -> None:
        before = self.state(now)
        self.shelved_until = self.shelved_rank = None
        if self.active:
            self.label, self.label_note = None, ""  # a dismissal that was taken back
        self._record("unshelve", by, now, before, None)

    def dismiss(self, why: str, *, by: Actor, now: datetime) -> None:
        """Label an active alert false and shelve it until it clears, 24 h at the most."""
        self._require("dismiss", now)
        if not why.strip():
            raise Refusal(reason("alert.dismissal_needs_reason"))
        before = self.state(now)
        self.label, self.label_note = "false", why
        self.shelved_until, self.shelved_rank = now + LONGEST_DISMISSAL, rank(self.severity)
        self.acknowledged, self.acknowledged_at = True, now
        self.acknowledged_by = by.id if by.kind == "person" else None
        self._record("dismiss", by, now, before, reason("alert.dismissed", why=why))

    def close(self, label: str, note: str, *, by: Actor, now: datetime) -> None:
        """Label an episode that is over: what was it? Raises Refusal."""
        self._require("close", now)
        if label not in LABELS:
            raise Refusal(reason("alert.label_unknown", label=label))
        if not note.strip():
            raise Refusal(reason("alert.label_needs_reason"))
        self.label, self.label_note, self.closed_at = label, note, now
        self._record("close", by, now, "normal", reason("alert.labelled", label=label, note=note))

    def reset(self, inspection: str, *, by: Actor, now: datetime) -> None:
        """Let go of a latch after an inspection on the spot. Raises Refusal."""
        self._require("reset", now)
        if not inspection.strip():
            raise Refusal(reason("alert.reset_needs_inspection"))
        before = self.state(now)
        self.latched = False
        self._end_if_over()
        self._record("reset", by, now, before, reason("alert.reset", inspection=inspection))

    # What happens by itself. The caller commits.

    def come_off_shelf(self, *, by: Actor, now: datetime) -> bool:
        """Its shelf has ended: true where it is still active, and so has to be seen anew."""
        if self.active:
            self.acknowledged, self.acknowledged_at, self.acknowledged_by = False, None, None
        self._leave_shelf(by, now)
        self._end_if_over()
        return self.active

    def become_unknown(self, *, by: Actor, now: datetime, why: Reason) -> None:
        """Its sensor fell silent: not normal, not known."""
        self.unknown, self.changed_at = True, now
        self._record("unknown", by, now, self.severity, why)

    def become_known(self, *, by: Actor, now: datetime, why: Reason) -> None:
        """Its sensor is heard again; silence itself has healed nothing."""
        self.unknown, self.changed_at = False, now
        self._record("known", by, now, self.severity, why)

    def withdraw(self, *, by: Actor, now: datetime, why: Reason) -> None:
        """End it because its sensor was retired with a reason; never because of silence."""
        before = self.state(now)
        self.active, self.latched, self.unknown = False, False, False
        self.cleared_at, self.acknowledged = now, True
        self._end_if_over()
        self._record("withdraw", by, now, before, why)

    def _require(self, action: str, now: datetime) -> None:
        state = self.state(now)
        if action not in ACTIONS[state]:
            raise Refusal(reason("alert.no_such_step", action=action, state=state))
        why = self.why_not(action)
        if why is not None:
            raise Refusal(why)

    def _end_if_over(self) -> None:
        if not self.active and not self.latched and self.acknowledged:
            self.live = False
            self.shelved_until = self.shelved_rank = None

    def _record(
        self, action: str, by: Actor, now: datetime, before: str, why: Reason | None
    ) -> None:
        self.changed_at = now
        record(self, action, by=by, now=now, before=before, after=self.state(now), why=why)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule judges, with the rows that hang on it."""

    text: str
    site_id: uuid.UUID | None = None
    zone_id: uuid.UUID | None = None
    sensor_id: uuid.UUID | None = None
    element_id: uuid.UUID | None = None
    site_code: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One step of a rule's judgement, ready to be written on an alert."""

    rule_code: str
    rule_version: int
    to: str  # raised | escalated | lowered | cleared | latched
    severity: str
    observed_at: datetime
    value: float | None
    limit: float | None
    reason: Reason
    arrived_at: datetime | None = None
    late: bool = False


def take(
    session: Session,
    live: Alert | None,
    subject: Subject,
    verdict: Verdict,
    now: datetime,
    by: Actor,
) -> tuple[Alert | None, bool]:
    """Write a verdict; return the alert and whether people are to be paged. The caller commits.

    A rising level makes it unacknowledged again and pages; a falling one does neither.
    """
    if verdict.to in ("raised", "escalated"):
        if live is None:
            return _open(session, subject, verdict, now, by), True
        return live, _rise(live, verdict, now, by)
    if live is None or not live.active:
        return live, False
    if verdict.to == "lowered":
        live.severity = verdict.severity
    else:
        live.active, live.cleared_at = False, now
        live.latched = live.latched or verdict.to == "latched"
        if live.label is not None:
            # Dismissed until it clears; what rises from the latch is another movement.
            live.shelved_until = live.shelved_rank = None
        live._end_if_over()
    _note(live, verdict, now, by)
    return live, False


def learn_late(alert: Alert, verdict: Verdict, now: datetime, by: Actor) -> bool:
    """Lift an alert that stands to the higher level that a reading shows which came late.

    Return whether people are to be paged. It never clears, and never makes active again what a
    newer reading has cleared: it is to be seen anew, and after an inspection where the higher
    level latches. The caller commits.
    """
    if verdict.to == "latched":
        if not alert.active and not alert.latched:
            alert.latched = True
            _note(alert, verdict, now, by)
        return False
    if rank(verdict.severity) <= rank(alert.peak):
        return False
    was_active, cleared_at = alert.active, alert.cleared_at
    pages = _rise(alert, verdict, now, by)
    alert.active, alert.cleared_at, alert.late = was_active, cleared_at, True
    return pages


def _open(session: Session, subject: Subject, verdict: Verdict, now: datetime, by: Actor) -> Alert:
    episode = 1 + len(
        session.scalars(
            select(Alert.id).where(
                Alert.rule_code == verdict.rule_code, Alert.subject == subject.text
            )
        ).all()
    )
    alert = Alert(
        code=_free_code(session, verdict.rule_code, subject, episode),
        rule_code=verdict.rule_code,
        rule_version=verdict.rule_version,
        subject=subject.text,
        episode=episode,
        site_id=subject.site_id,
        zone_id=subject.zone_id,
        sensor_id=subject.sensor_id,
        element_id=subject.element_id,
        severity=verdict.severity,
        peak=verdict.severity,
        raised_at=now,
        risen_at=now,
        observed_at=verdict.observed_at,
        arrived_at=verdict.arrived_at,
        late=verdict.late,
        changed_at=now,
        value=verdict.value,
        limit=verdict.limit,
        reason=verdict.reason.to_json(),
    )
    session.add(alert)
    _note(alert, verdict, now, by, session)
    return alert


def _free_code(session: Session, rule_code: str, subject: Subject, episode: int) -> str:
    """Return a code for people. Rules and subjects have dashes of their own, so two may meet in one
    code, `a-b` `c` and `a` `b-c`; no alert may be lost to that.
    """
    plain = f"{rule_code}-{subject.text.split(':', 1)[1].replace('/', '-')}-{episode}"
    code, number = plain, 1
    while session.scalar(select(Alert.id).where(Alert.code == code)) is not None:
        number += 1
        code = f"{plain}.{number}"
    return code


def _rise(alert: Alert, verdict: Verdict, now: datetime, by: Actor) -> bool:
    higher = rank(verdict.severity) > rank(alert.severity) or not alert.active
    if alert.shelved_rank is not None and rank(verdict.severity) > alert.shelved_rank:
        alert.shelved_until = alert.shelved_rank = None
        alert.label, alert.label_note = None, ""
    if not alert.active and alert.shelved_until is None:
        alert.label, alert.label_note = None, ""
    alert.active, alert.cleared_at, alert.severity = True, None, verdict.severity
    if rank(verdict.severity) > rank(alert.peak):
        alert.peak = verdict.severity
    alert.observed_at, alert.arrived_at = verdict.observed_at, verdict.arrived_at
    alert.value, alert.limit, alert.reason = verdict.value, verdict.limit, verdict.reason.to_json()
    if higher:
        alert.risen_at = now
        alert.acknowledged, alert.acknowledged_at, alert.acknowledged_by = False, None, None
    _note(alert, verdict, now, by)
    return higher and alert.shelved_until is None


def _note(
    alert: Alert, verdict: Verdict, now: datetime, by: Actor, session: Session | None = None
) -> None:
    alert.changed_at = now
    values = {
        **verdict.reason.values,
        "severity": verdict.severity,
        "observed_at": iso(verdict.observed_at),
        "decided_by": verdict.value,  # exact; what the sentence says is rounded
    }
    why = Reason(verdict.reason.code, values)
    record(alert, verdict.to, by=by, now=now, after=verdict.severity, why=why, session=session)


def live_alerts(session: Session, actor: Actor | None = None) -> list[Alert]:
    """Return live alerts that the actor may see, worst first, then oldest."""
    seen = true() if actor is None else Alert.visible_to(actor)
    found = session.scalars(select(Alert).where(Alert.live, seen)).all()
    return sorted(found, key=lambda alert: (-rank(alert.severity), alert.raised_at))


class Condition(Noun, Base):
    """A state worth recording that nobody has to act on, such as a grade of rain."""

    __tablename__ = "condition"
    __table_args__ = (Index("ix_condition_rule", "rule_code", "subject", "since"),)

    rule_code: Mapped[str]
    rule_version: Mapped[int]
    subject: Mapped[str]
    site_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("site.id"), index=True)
    severity: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    value: Mapped[float | None]
    reason: Mapped[dict[str, Any]]
