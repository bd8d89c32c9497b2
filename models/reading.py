"""Readings as they came, the hours and days made of them, and what waits or was refused."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    event,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Noun

_BigId = BigInteger().with_variant(Integer, "sqlite")
HOUR_S = 3600
DAY_S = 86400


def second_of(at_ms: int) -> int:
    """Return the end, in seconds, of the second `(end − 1, end]` that an instant falls in."""
    return -(-at_ms // 1000)


class RecentReading(Base):
    """One reading of an hour that is still open, by the second `(end_s − 1, end_s]` it falls in.

    Seconds come first in the key, so that a batch lands in one place; sensors follow, so that one
    among a million is found by as many probes as there are seconds.

    `value` is in the canonical unit, without any site correction; None: reported but not
    believable. `raw` only where it differs from `value`. `arrived_ms` only where it came more
    than a minute after it was measured.
    """

    __tablename__ = "reading_recent"
    __table_args__ = ({"sqlite_with_rowid": False},)

    end_s: Mapped[int] = mapped_column(
        BigInteger,
        primary_key=True,
        autoincrement=False,
        default=lambda row: second_of(row.get_current_parameters()["at_ms"]),
    )
    sensor: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    value: Mapped[float | None] = mapped_column(Float(53))
    quality: Mapped[int] = mapped_column(SmallInteger)
    raw: Mapped[float | None] = mapped_column(Float(53))
    arrived_ms: Mapped[int | None] = mapped_column(BigInteger)


class ReadingHour(Base):
    """The readings of one closed hour `(end − 1 h, end]` of one sensor; see `models.packed`.

    Hours come first in the key, so that closing one writes one stretch of the file. Which hours
    a sensor has is told by its rollups: each packed hour has one.
    """

    __tablename__ = "reading_hour"
    __table_args__ = ({"sqlite_with_rowid": False, "postgresql_partition_by": "RANGE (end_ms)"},)

    end_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sensor: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    packed: Mapped[bytes] = mapped_column(LargeBinary)


# Hours for which no month was made ahead: long ago, or in a month of which none has thought.
_REST = "CREATE TABLE reading_hour_rest PARTITION OF reading_hour DEFAULT"
event.listen(
    ReadingHour.__table__,
    "after_create",
    DDL(_REST).execute_if(dialect="postgresql"),  # type: ignore[no-untyped-call]
)


class ReadingMark(Base):
    """One row: how far hours are closed, and how far what was recent then has been moved.

    A reading up to `closed_ms` goes straight into its packed hour. Up to `moved_ms` no reading
    is left among the recent ones, and rollups are complete.
    """

    __tablename__ = "reading_mark"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    closed_ms: Mapped[int] = mapped_column(BigInteger)
    moved_ms: Mapped[int] = mapped_column(BigInteger)


event.listen(
    ReadingMark.__table__,
    "after_create",
    DDL("INSERT INTO reading_mark (id, closed_ms, moved_ms) VALUES (1, 0, 0)"),  # type: ignore[no-untyped-call]
)


class Rollup(Base):
    """One hour or day of one sensor, by the end of the interval; for rain the credited mm."""

    __tablename__ = "rollup"
    __table_args__ = ({"sqlite_with_rowid": False},)

    sensor: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    span_s: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    end_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    value: Mapped[float | None] = mapped_column(Float(53))
    min: Mapped[float | None] = mapped_column(Float(53))
    max: Mapped[float | None] = mapped_column(Float(53))
    count: Mapped[int] = mapped_column(Integer)
    quality: Mapped[int] = mapped_column(SmallInteger)


class SensorState(Base):
    """The latest of a sensor, and the packed state of its rules; see `ingest.saving`."""

    __tablename__ = "sensor_state"

    sensor: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    heard_ms: Mapped[int | None] = mapped_column(BigInteger)  # site time of the last arrival
    at_ms: Mapped[int | None] = mapped_column(BigInteger)
    value: Mapped[float | None] = mapped_column(Float(53))
    quality: Mapped[int | None] = mapped_column(SmallInteger)
    silent_since_ms: Mapped[int | None] = mapped_column(BigInteger)
    due_ms: Mapped[int | None] = mapped_column(BigInteger)  # when silence would be noticed
    rules: Mapped[bytes | None] = mapped_column(LargeBinary)
    stored_ms: Mapped[int | None] = mapped_column(BigInteger)  # a reading told ahead of `at_ms`
    # Since it came: everything that was told as more than a day old, as by a wrong clock.
    behind_since_ms: Mapped[int | None] = mapped_column(BigInteger)


class ZoneState(Base):
    """The packed state of a combination rule over a zone or site."""

    __tablename__ = "zone_state"

    rule: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[bytes] = mapped_column(LargeBinary)


class RainEpisode(Noun, Base):
    """Rain at a site from the first credited rain after six dry hours to the last before six."""

    __tablename__ = "rain_episode"
    __table_args__ = (Index("ix_rain_episode_site", "site_id", "began_ms"),)

    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    began_ms: Mapped[int] = mapped_column(BigInteger)
    last_rain_ms: Mapped[int] = mapped_column(BigInteger)
    ended_ms: Mapped[int | None] = mapped_column(BigInteger)
    sums: Mapped[dict[str, Any]]  # {"1": mm, "3": …, "6", "12", "24"}: the greatest of each
    grades: Mapped[dict[str, Any]]  # {"12": "heavy", "24": …}
    gauges: Mapped[list[Any]]


class Quarantined(Base):
    """A message that could not be used, whole, with its reason; it can be decoded again."""

    __tablename__ = "quarantined"

    id: Mapped[int] = mapped_column(_BigId, primary_key=True, autoincrement=True)
    received_at: Mapped[datetime] = mapped_column(index=True)
    topic: Mapped[str]
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    qos: Mapped[int] = mapped_column(SmallInteger)
    retain: Mapped[bool]
    source: Mapped[str]
    client: Mapped[str] = mapped_column(default="")
    device: Mapped[str | None]
    reason: Mapped[dict[str, Any]]
    # A digest, where equal bytes are the same message again; NULL where each may be another.
    same: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    times: Mapped[int] = mapped_column(BigInteger, default=1)  # so often it was refused
    decoded_again_at: Mapped[datetime | None]


class Channel(Base):
    """What a device was heard to measure; claimed once a sensor's epoch names it."""

    __tablename__ = "channel"

    device: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[str | None]
    unit: Mapped[str | None]
    first_ms: Mapped[int] = mapped_column(BigInteger)
    last_ms: Mapped[int] = mapped_column(BigInteger)
    last_value: Mapped[float | None] = mapped_column(Float(53))
    count: Mapped[int] = mapped_column(BigInteger, default=0)
    claimed: Mapped[bool] = mapped_column(default=False, index=True)
    topic: Mapped[str] = mapped_column(default="")  # where it was heard last, while unclaimed


class FormatFact(Base):
    """What a message taught that later ones need to be read: births, aliases, descriptions.

    Each share keeps all of it, as far as it has read: a gateway's aliases count for all behind it.
    """

    __tablename__ = "format_fact"

    share: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(primary_key=True)
    fact: Mapped[dict[str, Any]]  # {"is": the fact}, which may be any JSON value


class WaitingReading(Base):
    """A reading of an unclaimed channel; kept for 30 days and loaded when it is claimed."""

    __tablename__ = "waiting_reading"
    __table_args__ = ({"sqlite_with_rowid": False},)

    device: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    at_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    value: Mapped[float | None] = mapped_column(Float(53))
    unit: Mapped[str | None]
    received_ms: Mapped[int] = mapped_column(BigInteger, index=True)
