"""Doubts what a device measures on a nearly empty battery: its readings are questionable."""

from __future__ import annotations

from collections.abc import Container

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.formats.decoded import GOOD, QUESTIONABLE, Measurement
from models.reading import Channel
from models.sensor import Epoch
from models.sensor_signs import VERY_LOW_PERCENT

LEVEL = "battery_level"


class Weak:
    """The devices of the registry whose battery is nearly empty, as they said last.

    Anybody may invent others without end; what those say becomes nobody's reading.
    """

    def __init__(self) -> None:
        self._known: Container[str] = ()
        self._devices: set[str] = set()

    def __len__(self) -> int:
        return len(self._devices)

    def recall(self, session: Session, known: Container[str]) -> None:
        """The registry changed: read what was heard last of devices that it didn't name before.

        What the others have said since is not all written down yet.
        """
        mine = select(Channel.device).where(
            Channel.quantity == LEVEL,
            Channel.last_value < VERY_LOW_PERCENT,
            Channel.device.in_(select(Epoch.device)),
        )
        said = {device for device in session.scalars(mine) if device not in self._known}
        self._devices = {device for device in said | self._devices if device in known}
        self._known = known

    def marked(self, measurements: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """Return the measurements, those of weak devices as questionable; the level itself stays.

        domain.md §5.4: at less than 10 % quality is 3. Such a reading may raise; it clears nothing.
        """
        for one in measurements:
            if one.quantity == LEVEL and one.value is not None:
                self._note(one.device, one.value)
        weak = self._devices
        if not weak or not any(one.device in weak for one in measurements):
            return measurements
        return tuple(_doubted(one) if one.device in weak else one for one in measurements)

    def _note(self, device: str, percent: float) -> None:
        if percent >= VERY_LOW_PERCENT:
            self._devices.discard(device)
        elif device in self._known:
            self._devices.add(device)


def _doubted(one: Measurement) -> Measurement:
    told = one.quality == GOOD and one.quantity != LEVEL
    return one._replace(quality=QUESTIONABLE) if told else one
