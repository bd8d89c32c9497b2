"""What technicians and administrators work on, for the walk over the URL map."""

import json
from typing import Any

from sqlalchemy.orm import Session

from models.clock import machine_now
from models.device_profile import load_profile_text
from models.maintenance import open_maintenance
from models.people import machine
from models.reasons import reason
from models.sensor import Sensor
from tests.webapp.cast import CANARY, SYSTEM, Cast
from tests.webapp.examples import example
from tests.webapp.examples_watch import _sensor


@example("maintenance.show", "maintenance.assign", "maintenance.mend", "maintenance.drop")
def maintenance_work(session: Session, cast: Cast) -> dict[str, Any]:
    """A sensor of the authority that needs a hand."""
    sensor: Sensor = _sensor(session, cast, "C-CANARY-3")
    now = machine_now()
    why = reason("maintenance.stuck", sensor=CANARY, quantity="crack_width", value=1.0, hours=24)
    row = open_maintenance(
        session, sensor, "stuck", "low", why, since=now, by=machine("clock"), now=now
    )
    return {"key": row.code}


@example("profiles.download", "profiles.withdraw")
def a_profile(session: Session, cast: Cast) -> dict[str, Any]:
    """A device profile of the installation."""
    document = {
        "name": CANARY,
        "match": {"devices": ["canary-*"]},
        "fields": {"ch1": {"quantity": "crack_width", "unit": "mm"}},
    }
    row, _ = load_profile_text(session, json.dumps(document), by=SYSTEM, now=machine_now())
    return {"code": row.code}


@example("install.wait")
def an_installed_sensor(session: Session, cast: Cast) -> dict[str, Any]:
    """A sensor that was just installed."""
    sensor = _sensor(session, cast, "C-CANARY-4")
    return {"site": sensor.site.code, "code": sensor.code}
