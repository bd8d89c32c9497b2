"""Gaps: what a sender has counted and we have never got, from where to where and since when."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Index, Integer, exists, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.people import STAFF, Actor
from models.sensor import Epoch, Sensor

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
    own = or_(Epoch.device == column, Epoch.device.startswith(column + "/", autoescape=False))
    return exists(mine.where(Sensor.visible_to(actor), own))
