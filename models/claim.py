"""Claims a channel: from now on, and back to its first waiting reading, it is that sensor's."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.errors import Missing, Refusal
from models.event import record
from models.job import Job, ask
from models.people import Actor
from models.pulse import bump
from models.reading import Channel, WaitingReading
from models.reasons import reason
from models.sensor import Epoch, Sensor
from models.times import from_ms
from models.units import is_convertible

CLAIM = "claim"
DECODE_AGAIN = "decode-again"


def claim(
    session: Session, device: str, channel: str, sensor: Sensor, *, by: Actor, now: datetime
) -> Job:
    """Bind a channel to a sensor; its waiting readings are loaded by the ingester. Caller commits.

    Returns the job that loads them. Raises Missing, or Refusal where it is another sensor's, or
    what it measures can't be read in the sensor's unit.
    """
    heard = session.get(Channel, (device, channel))
    if heard is None:
        raise Missing("channel", f"{device}/{channel}")
    _refuse(session, heard, sensor)
    since = _first_waiting(session, device, channel) or now
    _bind(sensor, device, channel, since, by=by, now=now)
    bump(session, registry=True)
    heard.claimed = True
    why = reason("channel.claimed", device=device, channel=channel, sensor=sensor.code)
    record(sensor, "claim", by=by, now=now, why=why)
    arguments = {"device": device, "channel": channel, "sensor": sensor.key}
    return ask(session, CLAIM, arguments, by=by, now=now)


def decode_again(session: Session, ids: list[int], *, by: Actor, now: datetime) -> Job:
    """Have refused messages read once more, after a profile was added. The caller commits."""
    return ask(session, DECODE_AGAIN, {"ids": ids}, by=by, now=now)


def _refuse(session: Session, heard: Channel, sensor: Sensor) -> None:
    if sensor.retired_at is not None:
        raise Refusal(reason("channel.sensor_retired", sensor=sensor.code))
    taken = session.scalars(
        select(Sensor)
        .join(Epoch)
        .where(
            Epoch.device == heard.device,
            Epoch.channel == heard.channel,
            Epoch.until.is_(None),
            Epoch.kind != "retired",
            Sensor.id != sensor.id,
        )
    ).first()
    if taken is not None:
        raise Refusal(reason("channel.taken", sensor=taken.code))
    if heard.unit is not None and not is_convertible(heard.unit, sensor.quantity):
        raise Refusal(reason("channel.other_unit", unit=heard.unit, quantity=sensor.quantity))


def _first_waiting(session: Session, device: str, channel: str) -> datetime | None:
    """Return the instant before the first reading that waits: stretches are `(since, until]`."""
    first_ms = session.scalar(
        select(func.min(WaitingReading.at_ms)).where(
            WaitingReading.device == device, WaitingReading.channel == channel
        )
    )
    return None if first_ms is None else from_ms(first_ms) - timedelta(milliseconds=1)


def _bind(
    sensor: Sensor, device: str, channel: str, since: datetime, *, by: Actor, now: datetime
) -> None:
    """Let a sensor that was never read begin with what waits; one that was, changes over now."""
    last = sensor.epochs[-1] if sensor.epochs else None
    if last is not None and (last.device, last.channel or "") == (device, channel):
        return
    if last is not None and all(epoch.device is None for epoch in sensor.epochs):
        last.since = min(last.since, since)
        last.device, last.channel = device, channel
        return
    begins = since if last is None else now
    sensor.begin_epoch("install", by=by, now=now, since=begins, device=device, channel=channel)
