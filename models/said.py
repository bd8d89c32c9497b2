"""What a channel said last. Of one that is claimed its sensor knows best: its own row is old."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import stored
from models.reading import Channel, SensorState
from models.sensor import Epoch, Sensor
from models.times import to_ms
from models.units import canonical_unit

Place = tuple[str, str]


class Said(NamedTuple):
    """When it was heard last, and its newest value in that unit."""

    at_ms: int
    value: float | None
    unit: str | None


def said_last(session: Session, rows: Iterable[Channel]) -> dict[Place, Said]:
    """Return what channels said last, by device and channel; one query.

    Where very much is said a sensor's state may lag behind by seconds: see `said_now`.
    """
    listed = list(rows)
    found = {
        (row.device, row.channel): Said(row.last_ms, row.last_value, row.unit) for row in listed
    }
    devices = {row.device for row in listed if row.claimed}
    for device, channel, _, heard_ms, value, quantity in _states(session, devices):
        place = (device, channel or "")
        if place in found and heard_ms is not None and heard_ms > found[place].at_ms:
            found[place] = Said(heard_ms, value, canonical_unit(quantity))
    return found


def said_now(session: Session, row: Channel, now: datetime) -> Said:
    """Return what one channel said last, to the newest stored reading: a zero is set by it.

    What was told for a time that is yet to come does not count.
    """
    told = said_last(session, [row])[row.device, row.channel]
    for _, channel, key, _, _, quantity in _states(session, [row.device] if row.claimed else []):
        if (channel or "") == row.channel:
            newest = stored.last_good(session, key, to_ms(now))
            if newest is not None and newest.at_ms >= told.at_ms:
                return Said(newest.at_ms, newest.value, canonical_unit(quantity))
    return told


def _states(session: Session, devices: Collection[str]) -> Iterable[Any]:
    """Yield (device, channel, sensor, heard, value, quantity) of all that devices measure now."""
    return session.execute(
        select(
            Epoch.device,
            Epoch.channel,
            Sensor.key,
            SensorState.heard_ms,
            SensorState.value,
            Sensor.quantity,
        )
        .join(Epoch.sensor)
        .join(SensorState, SensorState.sensor == Sensor.key)
        .where(
            Epoch.device.in_(devices),
            Epoch.until.is_(None),
            Epoch.kind != "retired",
            Sensor.retired_at.is_(None),
        )
    )
