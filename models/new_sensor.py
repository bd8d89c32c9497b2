"""Adds one sensor by hand, where a channel was heard and the registry has none for it."""

import re
import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.event import record
from models.inputs import Faults
from models.people import Actor
from models.reasons import reason
from models.registry import Building, Element, Site
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


def _known(session: Session, site: Site, code: str) -> bool:
    mine = select(Sensor.id).where(Sensor.site_id == site.id, Sensor.code == code)
    return session.scalar(mine) is not None
