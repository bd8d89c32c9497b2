"""Silence in a zone that is shut: nobody sees there what the sensor doesn't say (domain §5.5)."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Alert, Subject, Verdict, rank, take
from models.closure import Closure
from models.paging import page, told_of
from models.people import machine
from models.reasons import reason
from models.rulebook import RuleRow
from models.times import iso
from models.zoning import zone_scope

SILENT_WHERE_SHUT = "high"
RULE = machine("rule")


def raise_silences(session: Session, closure: Closure, now: datetime) -> list[Alert]:
    """Lift the silences that stand in a zone which has just been shut; pages. The caller commits.

    One that begins later is raised so high at once (`ingest.alerting`).
    """
    standing = select(Alert).where(
        Alert.live, Alert.active, Alert.site_id == closure.site_id, Alert.sensor_id.is_not(None)
    )
    lower = [
        alert
        for alert in session.scalars(standing.order_by(Alert.code))
        if rank(alert.severity) < rank(SILENT_WHERE_SHUT)
    ]
    if not lower:
        return []
    silences = _rules_of_silence(session, {alert.rule_code for alert in lower})
    scope = zone_scope(session, closure.zone)
    found = [
        alert
        for alert in lower
        if alert.rule_code in silences and alert.sensor and scope.covers_sensor(alert.sensor)
    ]
    for alert in found:
        _raise(session, alert, closure, now)
    return found


def _rules_of_silence(session: Session, codes: set[str]) -> set[str]:
    rows = session.scalars(select(RuleRow).where(RuleRow.code.in_(codes)))
    return {row.code for row in rows if row.current.spec.get("kind") == "silence"}


def _raise(session: Session, alert: Alert, closure: Closure, now: datetime) -> None:
    since = alert.reason["values"].get("since") or iso(alert.observed_at)
    why = reason("shut.silence", since=since, closure=closure.code)
    verdict = Verdict(
        alert.rule_code,
        alert.rule_version,
        "escalated",
        SILENT_WHERE_SHUT,
        alert.observed_at,
        None,
        None,
        why,
        alert.arrived_at,
    )
    _, pages = take(session, alert, Subject(alert.subject), verdict, now, RULE)
    if pages:
        page(session, alert, told_of(alert, why), now)
