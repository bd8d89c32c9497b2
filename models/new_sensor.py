"""Installs one sensor by hand: adds it, puts it on the drawing, sets its zero."""

import re
import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.event import record
from models.inputs import Faults
from models.people import Actor
from models.reasons import reason
from models.registry import Building, Drawing, Element, Pin, Site
from models.rights import require_right
from models.sensor import Sensor
from models.units import QUANTITIES, is_convertible

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
SHORTEST_S, LONGEST_S = 1, 7 * 86_400


def add_sensor(
    session: Session,
    site: Site,
    *,
    code: str,
    quantity: str,
    unit: str,
    interval_s: int = 900,
    building: Building | None = None,
    element: Element | None = None,
    by: Actor,
    now: datetime,
) -> Sensor:
    """Put a sensor on the registry; a claim then tells what it is read from. Raises BadInput."""
    require_right("sensor.install", by, site.id)
    faults = Faults()
    if not _CODE.fullmatch(code):
        faults.refuse("code", reason("install.bad_code"))
    elif _known(session, site, code):
        faults.refuse("code", reason("install.code_taken", sensor=code))
    faults.one_of("quantity", quantity, tuple(QUANTITIES))
    if quantity in QUANTITIES and not is_convertible(unit, quantity):
        faults.refuse("unit", reason("profile.unit_unknown", unit=unit, quantity=quantity))
    faults.between("interval_s", interval_s, SHORTEST_S, LONGEST_S)
    faults.stop()
    row = Sensor(
        id=uuid.uuid4(),
        key=1 + (session.scalar(select(func.max(Sensor.key))) or 0),
        site=site,
        building=building or (element.building if element else None),
        element=element,
        code=code,
        quantity=quantity,
        unit=unit,
        interval_s=interval_s,
        serves=[],
    )
    session.add(row)
    record(row, "add", by=by, now=now, after=code)
    return row


def place_sensor(
    sensor: Sensor, element: Element | None, building: Building | None, *, by: Actor, now: datetime
) -> None:
    """Say where a sensor that the registry knew without a place was put. The caller commits."""
    require_right("sensor.install", by, sensor.site_id)
    if element is not None:
        building = element.building
    if building is not None and (sensor.building, sensor.element) != (building, element):
        sensor.building, sensor.element = building, element
        record(sensor, "move", by=by, now=now)


def pin_sensor(
    session: Session,
    sensor: Sensor,
    drawing: Drawing,
    x: float,
    y: float,
    *,
    by: Actor,
    now: datetime,
) -> Pin:
    """Put a sensor on a drawing, at fractions of its width and height. Raises BadInput."""
    require_right("sensor.install", by, sensor.site_id)
    faults = Faults()
    if drawing.site_id != sensor.site_id:
        faults.refuse("drawing", reason("form.not_a_choice"))
    faults.between("x", x, 0, 1)
    faults.between("y", y, 0, 1)
    faults.stop()
    mine = select(Pin).where(Pin.sensor_id == sensor.id, Pin.drawing_id == drawing.id)
    pin = session.scalars(mine).first()
    if pin is None:
        pin = Pin(drawing_id=drawing.id, sensor_id=sensor.id)
        session.add(pin)
    pin.x, pin.y = round(x, 4), round(y, 4)
    record(sensor, "pin", by=by, now=now, why=reason("sensor.pinned", drawing=drawing.name))
    return pin


def zero_sensor(sensor: Sensor, shows: float, reads: float, *, by: Actor, now: datetime) -> None:
    """Begin an epoch in which what it reads now is shown as `shows`, in its canonical unit."""
    require_right("sensor.install", by, sensor.site_id)
    scale = sensor.epochs[-1].scale if sensor.epochs else 1.0
    offset = round(shows - reads * scale, 6)
    sensor.begin_epoch("re-zero", by=by, now=now, offset=offset)


def _known(session: Session, site: Site, code: str) -> bool:
    mine = select(Sensor.id).where(Sensor.site_id == site.id, Sensor.code == code)
    return session.scalar(mine) is not None
