"""Gaps: what a sender has counted and we have never got, from where to where and since when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Index,
    Integer,
    and_,
    exists,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.people import STAFF, Actor
from models.registry import Site
from models.sensor import Device, Epoch, Sensor

_BigId = BigInteger().with_variant(Integer, "sqlite")


class DeviceCount(Base):
    """How far a sender has counted. A `run` is one boot, session or birth of it."""

    __tablename__ = "device_count"

    source: Mapped[str] = mapped_column(primary_key=True)
    run: Mapped[int] = mapped_column(default=1)
    session: Mapped[str] = mapped_column(default="")
    number: Mapped[int] = mapped_column(BigInteger)  # counted on where the sender's own wraps
    at_ms: Mapped[int] = mapped_column(BigInteger)  # when the message was made, else received
    since_ms: Mapped[int] = mapped_column(BigInteger)  # since when we have counted along
    earlier: Mapped[list[Any]] = mapped_column(default=list)  # [[session, run], …], newest first


class Gap(Base):
    """Messages `first` to `last` of one run never came; what comes late makes it smaller."""

    __tablename__ = "gap"
    __table_args__ = (Index("ix_gap_source", "source", "run", "first"),)

    id: Mapped[int] = mapped_column(_BigId, primary_key=True, autoincrement=True)
    source: Mapped[str]
    run: Mapped[int]
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    wraps: Mapped[int] = mapped_column(default=0)
    after_ms: Mapped[int] = mapped_column(BigInteger)  # of the last message before the gap
    before_ms: Mapped[int] = mapped_column(BigInteger)  # of the first message after it
    found_ms: Mapped[int] = mapped_column(BigInteger, index=True)  # when we saw that it is missing

    @property
    def count(self) -> int:
        """How many messages are missing."""
        return self.last - self.first + 1

    @property
    def told(self) -> tuple[int, int]:
        """The first and last number as the sender counts."""
        if self.wraps:
            return self.first % self.wraps, self.last % self.wraps
        return self.first, self.last

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The gaps of devices of the actor's sites; of all where the actor has all sites."""
        return seen_source(cls.source, actor)


def seen_source(column: Any, actor: Actor) -> ColumnElement[bool]:
    """Return the condition that a device is one of the actor's sites.

    A node that counts for its devices, as Sparkplug's do, is theirs. What belongs to no site is
    for those who have all sites.
    """
    everywhere = any(one.site_ids is None and one.role in STAFF for one in actor.grants)
    if actor.is_machine or everywhere:
        return true()
    mine = select(Epoch.id).join(Sensor, Epoch.sensor_id == Sensor.id)
    node = and_(column.contains("/"), Epoch.device.like(column + "/%"))
    own = or_(Epoch.device == column, node)
    return exists(mine.where(Sensor.visible_to(actor), own))


def missing_in_all(session: Session, actor: Actor) -> tuple[int, int]:
    """Return how many messages are missing, and of how many senders; one query."""
    length = func.coalesce(func.sum(Gap.last - Gap.first + 1), 0)
    senders = func.count(func.distinct(Gap.source))
    row = session.execute(select(length, senders).where(Gap.visible_to(actor))).one()
    return int(row[0]), int(row[1])


def unprotected(session: Session, actor: Actor, most: int) -> list[tuple[Device, bool]]:
    """Return devices of which a loss may go unseen, and whether they count at all; two queries.

    They have no count, or send at QoS 0, for which nobody answers. A count of a node covers its
    devices. The newest heard come first.
    """
    own = exists().where(DeviceCount.source == Device.code)
    nodes = set(session.scalars(select(DeviceCount.source).where(DeviceCount.source.contains("/"))))
    rows = session.execute(
        select(Device, own)
        .where(or_(~own, Device.qos0), seen_source(Device.code, actor))
        .order_by(Device.heard_at.desc(), Device.code)
        .limit(most + len(nodes))
    )
    told = [(device, counts or device.code.rpartition("/")[0] in nodes) for device, counts in rows]
    return [(device, counts) for device, counts in told if device.qos0 or not counts][:most]


def places_of(session: Session, devices: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the name of the site at which each device is read now; one query."""
    wanted = sorted(set(devices))
    rows = session.execute(
        select(Epoch.device, Site.name)
        .join(Sensor, Epoch.sensor_id == Sensor.id)
        .join(Site, Sensor.site_id == Site.id)
        .where(Epoch.device.in_(wanted), Epoch.until.is_(None), Epoch.kind != "retired")
    )
    return {device: name for device, name in rows if device is not None}
