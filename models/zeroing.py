"""The offset with which a sensor's last reading shows what was measured by hand."""

from datetime import datetime

from sqlalchemy.orm import Session

from models import stored
from models.errors import BadInput, Fault
from models.readings import latest
from models.reasons import reason
from models.sensor import Sensor
from models.times import to_ms


def offset_for(
    session: Session, sensor: Sensor, shows: float, now: datetime, scale: float | None = None
) -> float:
    """Return the offset for `shows`, in the canonical unit. Raises BadInput without a reading.

    By the newest stored reading: where very much is said a sensor's row may lag by minutes.
    """
    last = latest(session, [sensor.key]).get(sensor.key)
    if last is None or last.value is None:
        raise BadInput([Fault("shows", reason("sensors.nothing_to_zero"))])
    newest = stored.last_good(session, sensor.key, to_ms(now))
    value = last.value
    if newest is not None and newest.value is not None and newest.at_ms > (last.at_ms or 0):
        value = newest.value
    if scale is None:
        scale = sensor.epochs[-1].scale if sensor.epochs else 1.0
    return round(shows - value * scale, 6)
