"""Where each sensor's values come from now: its device's channel, and the registry's unit."""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.sensor import Sensor


class Source(NamedTuple):
    """A channel of a device, and the unit in which the registry reads it."""

    device: str | None
    channel: str
    unit: str


def sources(session: Session) -> dict[str, Source]:
    """Return the source of every sensor in service, by `site/code`."""
    rows = session.scalars(
        select(Sensor)
        .where(Sensor.retired_at.is_(None))
        .options(joinedload(Sensor.site), selectinload(Sensor.epochs))
    )
    return {f"{row.site.code}/{row.code}": _source(row) for row in rows}


def _source(sensor: Sensor) -> Source:
    last = sensor.epochs[-1] if sensor.epochs else None
    if last is None:
        return Source(None, "", sensor.unit)
    return Source(last.device, last.channel or "", sensor.unit)
