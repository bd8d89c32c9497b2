"""Doubts what a device measures on a nearly empty battery: its readings are questionable."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.formats.decoded import GOOD, QUESTIONABLE, Measurement
from models.reading import Channel
from models.sensor_signs import VERY_LOW_PERCENT

LEVEL = "battery_level"


class Weak:
    """The devices whose battery is nearly empty, as they said last."""

    def __init__(self) -> None:
        self._devices: set[str] | None = None

    def recall(self, session: Session) -> None:
        """Read what was heard last, once; before `marked`."""
        if self._devices is None:
            mine = select(Channel.device).where(
                Channel.quantity == LEVEL, Channel.last_value < VERY_LOW_PERCENT
            )
            self._devices = set(session.scalars(mine))

    def marked(self, measurements: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
        """Return the measurements, those of weak devices as questionable; the level itself stays.

        domain.md §5.4: at less than 10 % quality is 3. Such a reading may raise; it clears nothing.
        """
        weak = self._devices or set()
        for one in measurements:
            if one.quantity == LEVEL and one.value is not None:
                self._note(one.device, one.value)
                weak = self._devices or set()
        if not weak or not any(one.device in weak for one in measurements):
            return measurements
        return tuple(_doubted(one) if one.device in weak else one for one in measurements)

    def _note(self, device: str, percent: float) -> None:
        if self._devices is None:
            self._devices = set()
        if percent < VERY_LOW_PERCENT:
            self._devices.add(device)
        else:
            self._devices.discard(device)


def _doubted(one: Measurement) -> Measurement:
    told = one.quality == GOOD and one.quantity != LEVEL
    return one._replace(quality=QUESTIONABLE) if told else one
