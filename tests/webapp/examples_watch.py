"""What is watched and warned of, for the walk over the URL map: staff's business alone."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.alert import Alert, Subject, Verdict, take
from models.base import bilingual
from models.clock import machine_now
from models.people import machine
from models.reading import Quarantined
from models.reasons import reason
from models.registry import Site
from models.rulebook import RuleRow, RuleVersion
from models.rules.defaults import R1
from models.sensor import Epoch, Sensor
from tests.webapp.cast import CANARY, Cast
from tests.webapp.examples import example

NAME = bilingual(CANARY, CANARY)


@example("sites.show")
def a_site(session: Session, cast: Cast) -> dict[str, Any]:
    """The authority's own site, under a name that no contractor may read."""
    site = session.get_one(Site, cast.site_id)
    return {"code": site.code}


@example("sensors.show", "sensors.retire", "sensors.begin_epoch", "series.points")
def a_sensor(session: Session, cast: Cast) -> dict[str, Any]:
    """A sensor of the site."""
    sensor = _sensor(session, cast, "C-CANARY")
    return {"site": sensor.site.code, "code": sensor.code}


@example(
    "alerts.show",
    "alerts.acknowledge",
    "alerts.assign",
    "alerts.shelve",
    "alerts.unshelve",
    "alerts.confirm_dismissal",
    "alerts.dismiss",
    "alerts.close",
    "alerts.reset",
    "alerts.call",
)
def an_alert(session: Session, cast: Cast) -> dict[str, Any]:
    """An alert of a sensor of the site."""
    return {"key": _alert(session, cast).code}


@example("quarantine.show", "quarantine.read_again")
def a_quarantined_message(session: Session, cast: Cast) -> dict[str, Any]:
    """A message that nobody could read."""
    row = Quarantined(
        received_at=machine_now(),
        topic=CANARY,
        payload=CANARY.encode(),
        qos=1,
        retain=False,
        source="receiver",
        reason=reason("quarantine.unknown_format").to_json(),
    )
    session.add(row)
    session.flush()
    return {"number": row.id}


@example("rules.show")
def a_rule(session: Session, cast: Cast) -> dict[str, Any]:
    """A rule with a telling name."""
    row = RuleRow(code="CANARY-RULE")
    spec = {**R1, "code": "CANARY-RULE", "name": NAME}
    row.versions.append(RuleVersion(number=1, spec=spec, since=machine_now()))
    session.add(row)
    session.flush()
    return {"code": row.code}


def _sensor(session: Session, cast: Cast, code: str) -> Sensor:
    site = session.get_one(Site, cast.site_id)
    known = session.scalar(select(Sensor).where(Sensor.site == site, Sensor.code == code))
    if known is not None:
        return known
    key = 1 + (session.scalar(select(func.max(Sensor.key))) or 0)
    facts = {"quantity": "crack_width", "unit": "mm", "interval_s": 900}
    sensor = Sensor(key=key, site=site, code=code, name=NAME, serves=[], **facts)
    sensor.epochs.append(Epoch(kind="install", since=machine_now(), device="d", channel=code))
    session.add(sensor)
    session.flush()
    return sensor


def _alert(session: Session, cast: Cast) -> Alert:
    sensor, now = _sensor(session, cast, "C-CANARY-2"), machine_now()
    subject = Subject(sensor.subject, site_id=sensor.site_id, sensor_id=sensor.id)
    why = reason("alert.dismissed", why=CANARY)
    verdict = Verdict("CANARY", 1, "raised", "high", now, 1.0, 1.0, why)
    alert, _ = take(session, None, subject, verdict, now, machine("rule"))
    session.flush()
    return alert or session.scalars(select(Alert).where(Alert.sensor == sensor)).one()
