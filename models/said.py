"""What a channel said last. Of one that is claimed its sensor knows best: its own row is old."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.reading import Channel, SensorState
from models.sensor import Epoch, Sensor
from models.units import canonical_unit


class Said(NamedTuple):
    """When it was heard last, and its newest value in that unit."""

    at_ms: int
    value: float | None
    unit: str | None


def said_last(session: Session, rows: Iterable[Channel]) -> dict[tuple[str, str], Said]:
    """Return what channels said last, by device and channel; one query."""
    listed = list(rows)
    found = {
        (row.device, row.channel): Said(row.last_ms, row.last_value, row.unit) for row in listed
    }
    states = session.execute(
        select(
            Epoch.device,
            Epoch.channel,
            SensorState.heard_ms,
            SensorState.value,
            Sensor.quantity,
        )
        .join(Epoch.sensor)
        .join(SensorState, SensorState.sensor == Sensor.key)
        .where(
            Epoch.device.in_({row.device for row in listed if row.claimed}),
            Epoch.until.is_(None),
            Epoch.kind != "retired",
            Sensor.retired_at.is_(None),
        )
    )
    for device, channel, heard_ms, value, quantity in states:
        place = (device, channel or "")
        if place in found and heard_ms is not None and heard_ms > found[place].at_ms:
            found[place] = Said(heard_ms, value, canonical_unit(quantity))
    return found
