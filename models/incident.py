"""Incidents: the case file that joins alert, survey, closure, works and reopening."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from sqlalchemy import ColumnElement, ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.alert import SEVERITIES, Alert, rank
from models.base import Base, Noun
from models.codes import next_code
from models.errors import Refusal
from models.event import record
from models.inputs import Faults, filled, need_text
from models.people import Actor, staff_scope
from models.reasons import Reason, reason
from models.registry import Site, Zone
from models.rights import require_right
from models.signing import why_not_sign
from models.workflow import Moves, Workflow, guards

if TYPE_CHECKING:
    from models.closure import Closure
    from models.report import Report

CAUSES = ("natural", "human", "unknown")
OPEN_STATES = ("reported", "verified", "responding", "stabilised", "transferred_to_restoration")

INCIDENT: Moves = {
    ("reported", "verify"): "verified",
    ("reported", "dismiss"): "false_alarm",
    ("verified", "respond"): "responding",
    ("verified", "dismiss"): "false_alarm",
    ("responding", "stabilise"): "stabilised",
    ("stabilised", "respond"): "responding",  # a secondary collapse
    ("stabilised", "transfer"): "transferred_to_restoration",
    ("stabilised", "close"): "closed",
    ("transferred_to_restoration", "respond"): "responding",
    ("transferred_to_restoration", "close"): "closed",
}


class Incident(Workflow, Noun, Base):
    """One emergency at one site, from the first report to its closing."""

    __tablename__ = "incident"
    MOVES = INCIDENT
    GUARDED = ("dismiss", "close")
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "verify": ("duty", "manager", "engineer"),
        "dismiss": ("duty", "manager"),
        "respond": ("duty", "manager", "engineer"),
        "stabilise": ("manager", "engineer"),
        "transfer": ("manager",),
        "close": ("manager",),
    }

    code: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    zone_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("zone.id"))
    episode_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("rain_episode.id"), index=True)
    state: Mapped[str] = mapped_column(default="reported")
    title: Mapped[dict[str, Any]]  # a reason: typed, or made from the alert that opened it
    severity: Mapped[str]
    cause: Mapped[str] = mapped_column(default="unknown")
    received_at: Mapped[datetime]  # when the report was received: the 2-hour clock starts here
    opened_at: Mapped[datetime]
    opened_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    lead_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    verified_at: Mapped[datetime | None]
    stabilised_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any] | None]
    site: Mapped[Site] = relationship()
    zone: Mapped[Zone | None] = relationship()
    alerts: Mapped[list[Alert]] = relationship(order_by="Alert.raised_at", viewonly=True)
    closures: Mapped[list["Closure"]] = relationship(back_populates="incident")
    reports: Mapped[list["Report"]] = relationship(
        back_populates="incident", order_by="Report.drafted_at"
    )

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The incidents of the sites where the actor is staff."""
        return staff_scope(actor, cls.site_id)

    @property
    def is_open(self) -> bool:
        """Whether it still is somebody's work."""
        return self.state in OPEN_STATES

    @property
    def heading(self) -> Reason:
        """What it is called, for `t()`."""
        return Reason.from_json(self.title)

    def move(self, action: str, *, by: Actor, now: datetime, note: str = "") -> None:
        """Take one step of the table. Raises Refusal; the caller commits."""
        note = need_text("note", note) if action in ("dismiss", "transfer", "close") else note
        self.step(action, by=by, now=now, why=reason("incident.moved", note=note.strip()))
        if action == "verify":
            self.verified_at = now
        elif action == "stabilise":
            self.stabilised_at = now
        elif action in ("close", "dismiss"):
            self.ended_at = now

    def note(self, text: str, *, by: Actor, now: datetime) -> None:
        """Write a line into the case file."""
        require_right("incident.note", by, self.site_id)
        why = reason("incident.noted", note=need_text("note", text))
        record(self, "note", by=by, now=now, why=why)

    def assign(self, person: uuid.UUID, *, by: Actor, now: datetime, note: str = "") -> None:
        """Send somebody, who leads it from now on."""
        require_right("incident.assign", by, self.site_id)
        if not self.is_open:
            raise Refusal(reason("incident.over", state=self.state))
        self.lead_id = person
        why = reason("incident.assigned", person=str(person), note=note.strip())
        record(self, "assign", by=by, now=now, why=why)

    def rename(self, title: Mapping[str, str], *, by: Actor, now: datetime) -> None:
        """Give it a name that people will know it by."""
        require_right("incident.note", by, self.site_id)
        faults = Faults()
        faults.need("title", title)
        faults.stop()
        self.title = reason("incident.titled", title=dict(title)).to_json()
        record(self, "rename", by=by, now=now, why=self.heading)

    def link(self, alerts: Sequence[Alert], *, by: Actor, now: datetime) -> None:
        """Take alerts into the case; the worst of them gives the severity.

        What was shut for one of them before anybody opened the case belongs to it as well.
        """
        for alert in alerts:
            if alert.site_id not in (None, self.site_id):
                raise Refusal(reason("incident.other_site", alert=alert.code))
            if alert.incident_id == self.id:
                continue
            alert.incident_id = self.id
            if rank(alert.severity) > rank(self.severity):
                self.severity = alert.severity
            record(self, "link", by=by, now=now, why=reason("incident.linked", alert=alert.code))
            record(alert, "link", by=by, now=now, why=reason("alert.linked", incident=self.code))
            for closure in alert.closures:
                if closure.in_force and closure.incident is None:
                    closure.incident = self
                    why = reason("incident.closure_linked", closure=closure.code)
                    record(self, "link", by=by, now=now, why=why)


@guards(Incident, "dismiss")
def why_not_dismiss(incident: Incident, actor: Actor, now: datetime) -> Reason | None:
    """A false alarm has nothing closed."""
    closed = [closure for closure in incident.closures if closure.in_force]
    return reason("incident.zone_closed", closure=closed[0].code) if closed else None


@guards(Incident, "close")
def why_not_close(incident: Incident, actor: Actor, now: datetime) -> Reason | None:
    """The head of the bureau closes it, once nothing of it is shut or owed any more."""
    return (
        why_not_sign("incident.close", incident, actor)
        or why_not_dismiss(incident, actor, now)
        or _why_reports_are_owed(incident)
    )


def _why_reports_are_owed(incident: Incident) -> Reason | None:
    draft = [report for report in incident.reports if report.state == "draft"]
    if draft:
        return reason("incident.report_unsent", report=draft[0].code)
    final = any(report.kind == "final" for report in incident.reports)
    if incident.site.protection_level == "national" and not final:
        return reason("incident.final_report_missing")
    return None


def open_incident(
    session: Session,
    alerts: Sequence[Alert],
    *,
    by: Actor,
    now: datetime,
    site: Site | None = None,
    zone: Zone | None = None,
    title: Mapping[str, str] | None = None,
    severity: str = "high",
    cause: str = "unknown",
    received_at: datetime | None = None,
    episode_id: uuid.UUID | None = None,
) -> Incident:
    """Open the case file of an emergency: from alerts, or from what a person saw or was told.

    `received_at` starts the 2-hour clock; it is now unless somebody was told earlier.
    `models.storm.open_or_join` looks first for the storm that the alerts belong to.
    """
    site = site or next((alert.site for alert in alerts if alert.site is not None), None)
    site = _checked(site, alerts, title, severity, cause)
    require_right("incident", by, site.id)
    if received_at is not None and received_at > now:
        raise Refusal(reason("incident.received_in_future"))
    worst = max(alerts, key=lambda alert: rank(alert.severity), default=None)
    incident = Incident(
        id=uuid.uuid4(),
        code=next_code(session, "incident", site, now),
        site=site,
        zone_id=zone.id if zone else next((a.zone_id for a in alerts if a.zone_id), None),
        episode_id=episode_id,
        state="reported",
        title=_title(site, worst, title).to_json(),
        severity=worst.severity if worst else severity,
        cause=cause,
        received_at=received_at or now,
        opened_at=now,
        opened_by=by.id if by.kind == "person" else None,
    )
    session.add(incident)
    record(incident, "open", by=by, now=now, after="reported", why=incident.heading)
    incident.link(alerts, by=by, now=now)
    return incident


def open_incidents(session: Session, site_id: uuid.UUID) -> list[Incident]:
    """Return the cases of a site that are not over, the oldest first."""
    mine = select(Incident).where(Incident.site_id == site_id, Incident.state.in_(OPEN_STATES))
    return list(session.scalars(mine.order_by(Incident.opened_at)))


def _title(site: Site, worst: Alert | None, title: Mapping[str, str] | None) -> Reason:
    if filled(title):
        return reason("incident.titled", title=dict(title or {}))
    if worst is None:
        return reason("incident.from_report", site=site.name)
    place = worst.element or worst.zone
    return reason(
        "incident.from_alert",
        site=site.name,
        place=place.name if place else worst.code,
        severity=worst.severity,
    )


def _checked(
    site: Site | None,
    alerts: Sequence[Alert],
    title: Mapping[str, str] | None,
    severity: str,
    cause: str,
) -> Site:
    faults = Faults()
    faults.one_of("severity", severity, SEVERITIES)
    faults.one_of("cause", cause, CAUSES)
    if not alerts:
        faults.need("title", title)
    if site is None:
        faults.need("site", site)
    faults.stop()
    return cast(Site, site)
