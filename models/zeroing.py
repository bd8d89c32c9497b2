"""The offset with which a sensor's last reading shows what was measured by hand."""

from sqlalchemy.orm import Session

from models.errors import BadInput, Fault
from models.readings import latest
from models.reasons import reason
from models.sensor import Sensor


def offset_for(session: Session, sensor: Sensor, shows: float, scale: float | None = None) -> float:
    """Return the offset for `shows`, in the canonical unit. Raises BadInput without a reading."""
    last = latest(session, [sensor.key]).get(sensor.key)
    if last is None or last.value is None:
        raise BadInput([Fault("shows", reason("sensors.nothing_to_zero"))])
    if scale is None:
        scale = sensor.epochs[-1].scale if sensor.epochs else 1.0
    return round(shows - last.value * scale, 6)
