"""Reports upward: five fields, sent within two hours where the law says so, then never changed."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import DDL, ColumnElement, ForeignKey, event, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.codes import next_code
from models.event import record
from models.incident import Incident
from models.inputs import Faults, need_text
from models.people import Actor, staff_scope
from models.reasons import Reason, reason
from models.registry import Site
from models.rights import require_right
from models.times import iso
from models.workflow import Moves, Workflow, guards

KINDS = ("first", "follow_up", "final")
CHANNELS = ("phone", "fax", "system", "email", "in_person")
# Art. 10 of 国家文物局突发事件应急工作管理办法: what a report must tell.
FIELDS = ("scene", "course", "cause", "measures", "other")
# Art. 9: within two hours of receiving the report, for serious damage at a national-level site.
FIRST_REPORT_WITHIN = timedelta(hours=2)

REPORT: Moves = {
    ("draft", "edit"): "draft",
    ("draft", "send"): "sent",
    ("sent", "acknowledge"): "acknowledged",
}

_FIXED = (*FIELDS, "incident_id", "kind", "recipients", "channel", "sent_at", "sent_by", "code")
IMMUTABLE_SQLITE = (
    "CREATE TRIGGER report_immutable BEFORE UPDATE ON report WHEN OLD.state <> 'draft' AND ("
    + " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _FIXED)
    + " OR NEW.state = 'draft') "
    "BEGIN SELECT RAISE(ABORT, 'a report that was sent is never changed'); END",
    "CREATE TRIGGER report_kept BEFORE DELETE ON report WHEN OLD.state <> 'draft' "
    "BEGIN SELECT RAISE(ABORT, 'a report that was sent is never deleted'); END",
)
IMMUTABLE_POSTGRESQL = (
    "CREATE FUNCTION report_immutable() RETURNS trigger AS $$ BEGIN "
    "IF OLD.state <> 'draft' AND (TG_OP = 'DELETE' OR NEW.state = 'draft' OR "
    + " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _FIXED)
    + ") THEN RAISE EXCEPTION 'a report that was sent is never changed'; END IF; "
    "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$ LANGUAGE plpgsql",
    "CREATE TRIGGER report_immutable BEFORE UPDATE OR DELETE ON report "
    "FOR EACH ROW EXECUTE FUNCTION report_immutable()",
)


class Report(Workflow, Noun, Base):
    """One report to the government and the superior authority. A correction is a new report."""

    __tablename__ = "report"
    MOVES = REPORT
    GUARDED = ("send",)
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "edit": ("duty", "manager"),
        "send": ("duty", "manager"),
        "acknowledge": ("duty", "manager"),
    }

    code: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    incident_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("incident.id"), index=True)
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="draft")
    scene: Mapped[str] = mapped_column(default="")  # area and unit, time, place, conditions
    course: Mapped[str] = mapped_column(default="")  # course of events, first estimate of loss
    cause: Mapped[str] = mapped_column(default="")  # first analysis
    measures: Mapped[str] = mapped_column(default="")  # measures taken, and their effect
    other: Mapped[str] = mapped_column(default="")
    recipients: Mapped[list[Any]] = mapped_column(default=list)  # [{"name", "phone", "channel"}]
    channel: Mapped[str] = mapped_column(default="")
    corrects_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("report.id"))
    drafted_at: Mapped[datetime]
    drafted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    sent_at: Mapped[datetime | None]
    sent_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    late: Mapped[bool] = mapped_column(default=False)
    acknowledged_at: Mapped[datetime | None]
    acknowledged_note: Mapped[str] = mapped_column(default="")
    site: Mapped[Site] = relationship()
    incident: Mapped[Incident] = relationship(back_populates="reports")

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The reports of the sites where the actor is staff."""
        return staff_scope(actor, cls.site_id)

    def missing(self) -> list[str]:
        """Return what the law asks for and nobody has written yet; "none" is an answer."""
        faults = Faults()
        for name in FIELDS:
            faults.need(name, getattr(self, name))
        return [fault.where for fault in faults.found]

    def edit(self, fields: Mapping[str, str], *, by: Actor, now: datetime) -> None:
        """Write some of the five fields of a draft. Raises BadInput, Refusal."""
        faults = Faults()
        for name in fields:
            faults.one_of("field", name, FIELDS)
        faults.stop()
        self.step("edit", by=by, now=now, why=reason("report.edited", fields=sorted(fields)))
        for name, value in fields.items():
            setattr(self, name, value.strip())

    def send(
        self, *, channel: str, by: Actor, now: datetime, recipients: list[Any] | None = None
    ) -> None:
        """Say that it was sent, how and to whom; from now on nothing of it changes."""
        told = recipients if recipients is not None else self.recipients
        faults = Faults()
        faults.one_of("channel", channel, CHANNELS)
        if not told:
            faults.need("recipients", None)
        faults.stop()
        self.require("send", by, now)
        due_at = report_due_at(self.incident)
        self.recipients, self.channel = list(told), channel
        self.sent_at, self.sent_by = now, by.id if by.kind == "person" else None
        self.late = bool(self.kind == "first" and due_at and now > due_at)
        names = [recipient.get("name") for recipient in told]
        why = reason("report.sent", channel=channel, recipients=names)
        self.step("send", by=by, now=now, why=why)

    def acknowledge(self, note: str, *, by: Actor, now: datetime) -> None:
        """Note that the superior confirmed receipt: who, and what was said."""
        note = need_text("note", note)
        self.step("acknowledge", by=by, now=now, why=reason("report.acknowledged", note=note))
        self.acknowledged_at, self.acknowledged_note = now, note


for _dialect, _statements in (("sqlite", IMMUTABLE_SQLITE), ("postgresql", IMMUTABLE_POSTGRESQL)):
    for _statement in _statements:
        _trigger = DDL(_statement).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]
        event.listen(Report.__table__, "after_create", _trigger)


@guards(Report, "send")
def why_not_send(report: Report, actor: Actor, now: datetime) -> Reason | None:
    """All five fields are mandatory."""
    empty = report.missing()
    return reason("report.fields_missing", fields=empty) if empty else None


def draft_report(
    session: Session,
    incident: Incident,
    kind: str,
    *,
    by: Actor,
    now: datetime,
    fields: Mapping[str, str] | None = None,
    corrects: Report | None = None,
) -> Report:
    """Begin a report; a new one starts from what the last one said. The caller commits."""
    require_right("report", by, incident.site_id)
    faults = Faults()
    faults.one_of("kind", kind, KINDS)
    for name in fields or {}:
        faults.one_of("field", name, FIELDS)
    faults.stop()
    last = corrects or (incident.reports[-1] if incident.reports else None)
    report = Report(
        id=uuid.uuid4(),
        code=next_code(session, "report", incident.site, now),
        site=incident.site,
        incident=incident,
        kind=kind,
        state="draft",
        recipients=list(incident.site.superiors or ()),
        corrects_id=corrects.id if corrects else None,
        drafted_at=now,
        drafted_by=by.id if by.kind == "person" else None,
        **{name: getattr(last, name) if last else "" for name in FIELDS},
    )
    for name, value in (fields or {}).items():
        setattr(report, name, value.strip())
    session.add(report)
    record(report, "draft", by=by, now=now, after="draft")
    return report


@dataclass(frozen=True, slots=True)
class ReportClock:
    """The two hours of the law: until when, and whether they have passed without a report."""

    due_at: datetime
    sent_at: datetime | None
    overdue: bool
    basis: Reason


def report_due_at(incident: Incident) -> datetime | None:
    """Return until when the first report must be out; None where no law sets an hour."""
    if incident.site.protection_level != "national" or incident.state == "false_alarm":
        return None
    return incident.received_at + FIRST_REPORT_WITHIN


def report_clock(incident: Incident, now: datetime) -> ReportClock | None:
    """Return the running or stopped two-hour clock of an incident."""
    due_at = report_due_at(incident)
    if due_at is None:
        return None
    sent = [report.sent_at for report in incident.reports if report.sent_at is not None]
    sent_at = min(sent, default=None)
    overdue = (sent_at or now) > due_at
    return ReportClock(due_at, sent_at, overdue, reason("report.clock", due=iso(due_at)))


def reports_of(session: Session, incident: Incident) -> list[Report]:
    """Return the reports of an incident, the oldest first."""
    mine = select(Report).where(Report.incident_id == incident.id)
    return list(session.scalars(mine.order_by(Report.drafted_at)))
