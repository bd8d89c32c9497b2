"""Keeps the list of devices and channels that were heard: what speaks, and what nobody claimed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, insert, select, update
from sqlalchemy.orm import Session

from ingest.formats.decoded import Measurement
from ingest.judging import SensorMemory
from ingest.message import Message
from ingest.storing import note_channels
from models.chunks import chunks
from models.sensor import Device

DEVICE_EVERY_MS = 60_000
CHANNEL_EVERY_MS = 3_600_000
MANY_SENSORS = 10_000
# Anybody may invent devices without end; forgotten, each is written down once more.
MOST_TOLD = 500_000
LONGEST_TOPIC = 400  # of what is kept: it only tells people, and proposals, where it came from


class Heard:
    """What was heard since the last commit; written once per transaction.

    A device's and a claimed channel's "last heard" are news to nobody each second: the sensor's
    own state has it. They are written when they are new, and then so often.
    """

    def __init__(self) -> None:
        self.devices: dict[str, bool] = {}  # True: some of it without protection against loss
        self.channels: dict[tuple[str, str], dict[str, Any]] = {}
        self._told: dict[str, tuple[int, bool]] = {}  # of each device: when written, and as what
        self.sensors = 0  # how many there are

    def note_device(self, device: str, message: Message) -> None:
        """Note that a device spoke."""
        at_ms, unprotected = self._told.get(device, (0, False))
        news = message.qos == 0 and not unprotected
        # Also where a clock was set back since.
        due = not 0 <= message.received_ms - at_ms < DEVICE_EVERY_MS
        if news or due or device in self.devices:
            unprotected = message.qos == 0 or unprotected
            self._told[device] = message.received_ms, unprotected
            self.devices[device] = unprotected

    def note_unclaimed(self, message: Message, measurement: Measurement) -> None:
        """Note what a channel said that nobody has claimed."""
        self._note(message, measurement, 1, claimed=False)

    def note_bound(self, message: Message, measurement: Measurement, memory: SensorMemory) -> None:
        """Note that a sensor's channel spoke; written now and then."""
        memory.unnoted += 1
        if memory.noted_ms is None:
            memory.noted_ms = message.received_ms - self._head_start(memory, message.received_ms)
        # Also where a clock was set back since.
        if not 0 <= message.received_ms - memory.noted_ms < CHANNEL_EVERY_MS:
            self._note(message, measurement, memory.unnoted, claimed=True)
            memory.noted_ms, memory.unnoted = message.received_ms, 0

    def _head_start(self, memory: SensorMemory, received_ms: int) -> int:
        """Return how long ago a sensor's channel is taken to have been written down.

        After a start all of them are due. Of many each has its time within the hour, whenever the
        registry is read again; those with neighbouring keys together, since they mostly lie on the
        same page of the table.
        """
        if self.sensors <= MANY_SENSORS:
            return CHANNEL_EVERY_MS
        its_time_ms = CHANNEL_EVERY_MS * (memory.key % self.sensors) // self.sensors
        return (received_ms - its_time_ms) % CHANNEL_EVERY_MS

    def _note(
        self, message: Message, measurement: Measurement, count: int, *, claimed: bool
    ) -> None:
        place = (measurement.device, measurement.channel)
        known = self.channels.get(place)
        self.channels[place] = {
            "quantity": measurement.quantity,
            "unit": measurement.unit or measurement.raw_unit,
            "first_ms": known["first_ms"] if known else message.received_ms,
            "last_ms": message.received_ms,
            "last_value": measurement.value,
            "count": count + (known["count"] if known else 0),
            "claimed": claimed,
            "topic": "" if claimed else message.topic[:LONGEST_TOPIC],
        }

    def leave_out(self, places: Iterable[tuple[str, str]]) -> None:
        """Take back what was noted of channels that are not to be written down."""
        for place in places:
            self.channels.pop(place, None)

    def write(
        self,
        session: Session,
        now: datetime,
        admits: Callable[[str], bool] = lambda device: True,
    ) -> None:
        """Write it all, of new devices those that `admits` says; the caller commits."""
        note_channels(session, self.channels)
        _write_devices(session, self.devices, now, admits)
        self.devices, self.channels = {}, {}
        if len(self._told) > MOST_TOLD:
            self._told.clear()


def _write_devices(
    session: Session, heard: dict[str, bool], now: datetime, admits: Callable[[str], bool]
) -> None:
    if not heard:
        return
    table = cast(Table, Device.__table__)
    known = {
        code: qos0
        for some in chunks(sorted(heard))
        for code, qos0 in session.execute(
            select(Device.code, Device.qos0).where(Device.code.in_(some))
        )
    }
    new = [code for code in sorted(heard) if code not in known and admits(code)]
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
    for some in chunks(old):
        session.execute(update(table).where(table.c.code.in_(some)).values(heard_at=now))
    for some in chunks([code for code in old if heard[code] and not known[code]]):
        session.execute(update(table).where(table.c.code.in_(some)).values(qos0=True))
