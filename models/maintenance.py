"""Work on a sensor that says nothing, or nothing that can be believed: from found to mended."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey, Index, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import Base, Noun
from models.codes import next_code
from models.event import record
from models.inputs import Faults, need_text
from models.people import Actor, staff_scope
from models.reasons import Reason, reason
from models.registry import Site
from models.sensor import Sensor
from models.times import iso
from models.workflow import Moves, Workflow
from models.zeroing import offset_for

KINDS = ("silent", "clock_off", "battery_low", "stuck", "out_of_range")
MAINTENANCE: Moves = {
    ("open", "assign"): "assigned",
    ("open", "mend"): "done",
    ("open", "drop"): "not_needed",
    ("open", "retire"): "not_needed",
    ("open", "right"): "done",
    ("assigned", "assign"): "assigned",
    ("assigned", "mend"): "done",
    ("assigned", "drop"): "not_needed",
    ("assigned", "retire"): "not_needed",
    ("assigned", "right"): "done",
}
LIVE = ("open", "assigned")

# What was done. A new place, zero or instrument begins the rules' baselines anew; a battery or a
# cloth does not: what a crack has opened since it was first measured must not be forgotten.
GOES_ON = ("battery_changed", "restarted", "clock_set", "cleaned")
BEGINS_ANEW = ("re_zeroed", "moved", "replaced")
WORKS = (*GOES_ON, *BEGINS_ANEW)

# By when, after it was found. High: its zone is shut, or a high alert hangs on it.
DUE: Mapping[tuple[str, str], timedelta] = {
    ("silent", "high"): timedelta(hours=4),
    ("silent", "low"): timedelta(days=1),
    # It speaks, but rules hear as little of it as of a silent one.
    ("clock_off", "high"): timedelta(hours=4),
    ("clock_off", "low"): timedelta(days=1),
    ("battery_low", "high"): timedelta(days=3),
    ("battery_low", "low"): timedelta(days=14),
    ("stuck", "high"): timedelta(days=1),
    ("stuck", "low"): timedelta(days=3),
    ("out_of_range", "high"): timedelta(days=1),
    ("out_of_range", "low"): timedelta(days=3),
}
# A person has looked and found nothing to do: the same is not found again at once.
LEFT_ALONE = timedelta(days=7)


class Maintenance(Workflow, Noun, Base):
    """One thing to mend at one sensor; of each kind at most one is open."""

    __tablename__ = "maintenance"
    __table_args__ = (
        Index(
            "uq_maintenance_live",
            "sensor_id",
            "kind",
            unique=True,
            sqlite_where=text("state IN ('open', 'assigned')"),
            postgresql_where=text("state IN ('open', 'assigned')"),
        ),
        Index("ix_maintenance_site", "site_id", "state", "due_at"),
    )
    MOVES = MAINTENANCE
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "assign": ("duty", "manager", "engineer"),
        "mend": ("keeper", "engineer", "manager"),
        "drop": ("engineer", "manager"),
        "retire": (),
        "right": (),
    }

    code: Mapped[str] = mapped_column(unique=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    sensor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sensor.id"), index=True)
    kind: Mapped[str]  # one of KINDS
    severity: Mapped[str]  # low | high
    state: Mapped[str] = mapped_column(default="open")
    reason: Mapped[dict[str, Any]]
    since: Mapped[datetime]  # since when it has been so, at the site
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    work: Mapped[str | None]  # one of WORKS
    note: Mapped[str] = mapped_column(default="")
    site: Mapped[Site] = relationship()
    sensor: Mapped[Sensor] = relationship()

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The work at the sites where the actor is staff."""
        return staff_scope(actor, cls.site_id)

    @property
    def is_live(self) -> bool:
        """Whether it is still to be done."""
        return self.state in LIVE

    def is_late(self, now: datetime) -> bool:
        """Whether it should have been done by now."""
        return self.is_live and self.due_at < now

    def assign(
        self, person: uuid.UUID, *, by: Actor, now: datetime, due_at: datetime | None = None
    ) -> None:
        """Say whose it is, and perhaps by when. Raises Refusal; the caller commits."""
        due_at = due_at or self.due_at
        why = reason("maintenance.assigned", person=str(person), due=iso(due_at))
        self.step("assign", by=by, now=now, why=why)
        self.owner_id, self.due_at = person, due_at

    def mend(
        self, work: str, note: str, *, by: Actor, now: datetime, shows: float | None = None
    ) -> None:
        """Say what was done at the sensor: an epoch begins. Raises BadInput; the caller commits.

        The ingester ends the alert of the sensor's silence by that epoch, and waits for readings
        anew; nothing is known of the sensor until it is heard. `shows`: what it should read now,
        in its canonical unit.
        """
        self.require("mend", by, now)
        faults = Faults()
        faults.one_of("work", work, WORKS)
        if work == "re_zeroed":
            faults.need("shows", shows)
        faults.stop()
        note = need_text("note", note)
        session, sensor = _session(self), self.sensor
        offset = None if shows is None else offset_for(session, sensor, shows, now)
        sensor.begin_epoch(
            "maintain",
            by=by,
            now=now,
            offset=offset,
            note=note,
            continues=work in GOES_ON and offset is None,
        )
        self._close("mend", by, now, note, reason("maintenance.mended", work=work, note=note))
        self.work = work

    def drop(self, note: str, *, by: Actor, now: datetime) -> None:
        """Say that nothing is to be done, and why. Raises Refusal; the caller commits."""
        self.require("drop", by, now)
        note = need_text("note", note)
        self._close("drop", by, now, note, reason("maintenance.dropped", note=note))

    def end_with_sensor(self, *, by: Actor, now: datetime) -> None:
        """Take it off the list because its sensor was retired. The caller commits."""
        why = reason("maintenance.retired", sensor=self.sensor.code)
        self._close("retire", by, now, "", why)

    def end_with_right_clock(self, *, by: Actor, now: datetime) -> None:
        """Take it off the list because what its device tells is of now. The caller commits."""
        why = reason("maintenance.clock_right", sensor=self.sensor.code)
        self._close("right", by, now, "", why)

    def _close(self, action: str, by: Actor, now: datetime, note: str, why: Reason) -> None:
        self.step(action, by=by, now=now, why=why)
        self.closed_at, self.note = now, note
        self.closed_by = by.id if by.kind == "person" else None


def _session(noun: Maintenance) -> Session:
    session = Session.object_session(noun)
    if session is None:
        raise ValueError(f"{noun!r} is in no session")
    return session


def open_maintenance(
    session: Session,
    sensor: Sensor,
    kind: str,
    severity: str,
    why: Reason,
    *,
    since: datetime,
    by: Actor,
    now: datetime,
) -> Maintenance:
    """Put one thing on the list, unless it is there. The caller commits."""
    known = live_of(session, sensor, kind)
    if known is not None:
        return known
    row = Maintenance(
        id=uuid.uuid4(),
        code=next_code(session, "maintenance", sensor.site, now),
        site=sensor.site,
        sensor=sensor,
        kind=kind,
        severity=severity,
        state="open",
        reason=why.to_json(),
        since=since,
        opened_at=now,
        due_at=now + DUE[kind, severity],
    )
    session.add(row)
    record(row, "open", by=by, now=now, after="open", why=why)
    return row


def live_of(session: Session, sensor: Sensor, kind: str) -> Maintenance | None:
    """Return what is still to be done of a kind."""
    mine = select(Maintenance).where(
        Maintenance.sensor_id == sensor.id,
        Maintenance.kind == kind,
        Maintenance.state.in_(LIVE),
    )
    return session.scalars(mine).first()


def work_at(session: Session, sensor_id: uuid.UUID, most: int = 10) -> list[Maintenance]:
    """Return a sensor's maintenance work, what is still to be done first, then the newest."""
    mine = select(Maintenance).where(Maintenance.sensor_id == sensor_id)
    rows = session.scalars(mine.order_by(Maintenance.opened_at.desc()).limit(most)).all()
    return sorted(rows, key=lambda one: not one.is_live)
