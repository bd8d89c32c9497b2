"""Taking a sensor out of service: its alerts are withdrawn, and the gate asks what replaces it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Alert
from models.errors import Refusal
from models.event import record
from models.inputs import Faults, need_text
from models.people import Actor
from models.reasons import reason
from models.rights import require_right
from models.sensor import Sensor

WHYS = ("destroyed", "worn_out", "replaced", "moved", "not_needed")


def retire_sensor(
    session: Session, sensor: Sensor, why: str, note: str, *, by: Actor, now: datetime
) -> list[Alert]:
    """Retire a sensor with its reason and what an inspection found. The caller commits.

    Its live alerts are withdrawn: nothing will ever clear them. Silence alone never does this.
    """
    require_right("sensor.retire", by, sensor.site_id)
    faults = Faults()
    faults.one_of("why", why, WHYS)
    faults.stop()
    note = need_text("note", note)
    if sensor.retired_at is not None:
        raise Refusal(reason("sensor.retired_already", sensor=sensor.code))
    sensor.retire(why=why, note=note, by=by, now=now)
    mine = select(Alert).where(Alert.live, Alert.subject == sensor.subject)
    withdrawn = list(session.scalars(mine.order_by(Alert.raised_at, Alert.code)))
    for alert in withdrawn:
        retired = reason("alert.sensor_retired", sensor=sensor.code, why=why, note=note)
        alert.withdraw(by=by, now=now, why=retired)
    return withdrawn


def replace_sensor(old: Sensor, new: Sensor, *, by: Actor, now: datetime) -> None:
    """Say which sensor measures the same at the place of a retired one. Raises Refusal."""
    require_right("sensor.retire", by, old.site_id)
    here = (old.site_id, old.building_id, old.element_id, old.quantity)
    there = (new.site_id, new.building_id, new.element_id, new.quantity)
    if old.retired_at is None or new.retired_at is not None or here != there:
        raise Refusal(reason("sensor.no_replacement", old=old.code, new=new.code))
    old.replaced_by = new.id
    record(old, "replace", by=by, now=now, why=reason("sensor.replaced", new=new.code))
