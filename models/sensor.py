"""Sensors and their epochs: from when to when a device's channel measured what, and where."""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Integer, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, object_session, relationship

from models.base import Base, Noun
from models.event import record
from models.job import ask
from models.people import Actor, staff_scope
from models.pulse import bump
from models.reasons import reason
from models.registry import Building, Element, Site
from models.times import to_ms

EPOCH_KINDS = ("install", "move", "re-zero", "calibrate", "maintain", "retired")
# Somebody was at the sensor: a silence before it is over, and one after it is another.
ATTENDED = ("install", "move", "maintain")

COUNT_AGAIN = "count-again"


class Device(Noun, Base):
    """What speaks MQTT: a node with channels."""

    __tablename__ = "device"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[dict[str, Any] | None]
    first_heard_at: Mapped[datetime]
    heard_at: Mapped[datetime]
    qos0: Mapped[bool] = mapped_column(default=False)  # not protected against loss


class Sensor(Noun, Base):
    """One quantity at one place; which device measures it is told by its epochs."""

    __tablename__ = "sensor"
    __table_args__ = (UniqueConstraint("site_id", "code"), UniqueConstraint("key"))

    key: Mapped[int] = mapped_column(Integer)  # the small number that reading tables carry
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    building_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("building.id"))
    element_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("element.id"))
    code: Mapped[str]
    name: Mapped[dict[str, Any] | None]
    quantity: Mapped[str]
    unit: Mapped[str]
    interval_s: Mapped[int] = mapped_column(default=900)
    serves: Mapped[list[Any]] = mapped_column(default=list)  # site codes or zone codes it serves
    compensate_with: Mapped[str | None]
    retired_at: Mapped[datetime | None]
    retired_reason: Mapped[dict[str, Any] | None]
    replaced_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("sensor.id"))
    site: Mapped[Site] = relationship()
    building: Mapped[Building | None] = relationship()
    element: Mapped[Element | None] = relationship()
    epochs: Mapped[list["Epoch"]] = relationship(
        back_populates="sensor", order_by="Epoch.since, Epoch.id"
    )

    @property
    def subject(self) -> str:
        """`sensor:tianning/C-07`."""
        return f"sensor:{self.site.code}/{self.code}"

    @property
    def begins_ms(self) -> tuple[int, ...]:
        """From when on each instrument has stood there."""
        return tuple(to_ms(epoch.since) for epoch in self.epochs if not epoch.continues)

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The sensors of the sites where the actor is staff."""
        return staff_scope(actor, cls.site_id)

    def retire(self, *, why: str, note: str, by: Actor, now: datetime) -> None:
        """Take it out of service for good, with the reason and what an inspection found.

        Its alerts stop being unknown: see `models.alert.retire_subject`. The caller commits.
        """
        self.retired_at = now
        self.retired_reason = {"why": why, "note": note}
        last = self.epochs[-1] if self.epochs else None
        if last is not None and last.until is None:
            last.until = now
        self.epochs.append(Epoch(kind="retired", since=now, note=note, by_id=by.id))
        why_retired = reason("sensor.retired", why=why, note=note)
        record(self, "retire", by=by, now=now, after="retired", why=why_retired)
        _bump(self)

    def begin_epoch(
        self,
        kind: str,
        *,
        by: Actor,
        now: datetime,
        since: datetime | None = None,
        device: str | None = None,
        channel: str | None = None,
        offset: float | None = None,
        scale: float | None = None,
        note: str = "",
        continues: bool = False,
    ) -> "Epoch":
        """Begin a dated stretch: what isn't given goes on as before. The caller commits.

        `continues`: the same instrument at the same place and zero; baselines go on.
        """
        since = since or now
        last = self.epochs[-1] if self.epochs else None
        epoch = Epoch(
            kind=kind,
            since=since,
            device=device if device is not None else (last.device if last else None),
            channel=channel if channel is not None else (last.channel if last else None),
            offset=offset if offset is not None else (last.offset if last else 0.0),
            scale=scale if scale is not None else (last.scale if last else 1.0),
            note=note,
            by_id=by.id,
            continues=continues,
        )
        if last is not None and last.until is None:
            last.until = since
        self.epochs.append(epoch)
        record(self, kind, by=by, now=now, why=reason("sensor.epoch", kind=kind, note=note))
        _bump(self)
        session = object_session(self)
        if session is not None and last is not None and not continues and since < now:
            self._have_counted_again(session, since, by, now)
        return epoch

    def _have_counted_again(
        self, session: Session, since: datetime, by: Actor, now: datetime
    ) -> None:
        """Of other quantities hours are kept uncorrected: what begins afterwards alters none."""
        if self.quantity == "rain_total":
            told = {"sensor": self.key, "since_ms": to_ms(since)}
            ask(session, COUNT_AGAIN, told, by=by, now=now)


class Epoch(Base):
    """A stretch of a sensor's life: which channel it is read from, and how to read it.

    Covers `(since, until]`. Offsets and scales are applied when reading, never when storing.
    """

    __tablename__ = "epoch"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    sensor_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sensor.id"), index=True)
    kind: Mapped[str]  # one of EPOCH_KINDS
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    device: Mapped[str | None] = mapped_column(index=True)
    channel: Mapped[str | None]
    offset: Mapped[float] = mapped_column(default=0.0)
    scale: Mapped[float] = mapped_column(default=1.0)
    note: Mapped[str] = mapped_column(default="")
    continues: Mapped[bool] = mapped_column(default=False)  # the rules' baselines go on
    by_id: Mapped[uuid.UUID | None]
    sensor: Mapped[Sensor] = relationship(back_populates="epochs")


def counters_begin(
    session: Session, keys: Collection[int] | None = None
) -> dict[int, tuple[int, ...]]:
    """Return from when on each counter of rain has hung there, by the sensor's key.

    One query; none where there is nothing to ask.
    """
    begun = (
        select(Sensor.key, Epoch.since)
        .join(Epoch.sensor)
        .where(Sensor.quantity == "rain_total", Epoch.continues.is_(False))
        .order_by(Sensor.key, Epoch.since)
    )
    if keys is not None:
        if not keys:
            return {}
        begun = begun.where(Sensor.key.in_(list(keys)))
    found: dict[int, tuple[int, ...]] = {}
    for key, since in session.execute(begun):
        found[key] = (*found.get(key, ()), to_ms(since))
    return found


def _bump(sensor: Sensor) -> None:
    session = object_session(sensor)
    if session is not None:
        bump(session, registry=True)
