"""Keeps the list of devices and channels that were heard: what speaks, and what nobody claimed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, insert, select, update
from sqlalchemy.orm import Session

from ingest.bindings import Bindings
from ingest.formats.decoded import Decoded, Measurement
from ingest.message import Message
from ingest.storing import note_channels
from models.sensor import Device


class Heard:
    """What was heard since the last commit; written once per transaction."""

    def __init__(self) -> None:
        self.devices: dict[str, bool] = {}  # True: some of it without protection against loss
        self.channels: dict[tuple[str, str], dict[str, Any]] = {}

    def note(self, bindings: Bindings, decoded: Sequence[tuple[Message, Decoded]]) -> None:
        """Add which devices and channels a batch heard, and how."""
        for message, outcome in decoded:
            for device in outcome.devices:
                self.devices[device] = self.devices.get(device, False) or message.qos == 0
            for measurement in outcome.measurements:
                _note(self.channels, bindings, message, measurement)

    def write(self, session: Session, now: datetime) -> None:
        """Write it all; the caller commits."""
        note_channels(session, self.channels)
        _write_devices(session, self.devices, now)
        self.devices, self.channels = {}, {}


def _note(
    channels: dict[tuple[str, str], dict[str, Any]],
    bindings: Bindings,
    message: Message,
    measurement: Measurement,
) -> None:
    place = (measurement.device, measurement.channel)
    known = channels.get(place)
    channels[place] = {
        "quantity": measurement.quantity,
        "unit": measurement.unit or measurement.raw_unit,
        "first_ms": known["first_ms"] if known else message.received_ms,
        "last_ms": message.received_ms,
        "last_value": measurement.value,
        "count": 1 + (known["count"] if known else 0),
        "claimed": bindings.sensor_of(*place, measurement.at_ms) is not None,
    }


def _write_devices(session: Session, heard: dict[str, bool], now: datetime) -> None:
    if not heard:
        return
    table = cast(Table, Device.__table__)
    known = {
        code: qos0
        for code, qos0 in session.execute(
            select(Device.code, Device.qos0).where(Device.code.in_(list(heard)))
        )
    }
    new = [code for code in sorted(heard) if code not in known]
    if new:
        rows = [
            {
                "id": uuid.uuid4(),
                "version": 1,
                "code": code,
                "first_heard_at": now,
                "heard_at": now,
                "qos0": heard[code],
            }
            for code in new
        ]
        session.execute(insert(table), rows)
    old = [code for code in sorted(heard) if code in known]
    if old:
        session.execute(update(table).where(table.c.code.in_(old)).values(heard_at=now))
    turned = [code for code in old if heard[code] and not known[code]]
    if turned:
        session.execute(update(table).where(table.c.code.in_(turned)).values(qos0=True))
