"""Takes sensors out of service because a file says so, and refuses it while they give alarm."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Alert
from models.reasons import reason
from models.registry_file import walk
from models.registry_file.known import InSite, Known
from models.registry_file.ledger import Ledger
from models.registry_file.where import Entry, Where
from models.sensor import Sensor

PRUNED = "registry"
"""The reason of a retirement by file; a file may bring such a sensor back."""


def comes_back(row: Sensor | None) -> bool:
    """Whether naming a retired sensor in a file puts it into service again.

    Only what a file retired: a gauge that a person retired, with what an inspection found, stays
    retired, and the gate that asked for its successor must not be fooled by an old file.
    """
    return row is None or (row.retired_reason or {}).get("why") == PRUNED


def check_retiring(
    session: Session, document: Entry, known: Known, pruned: Sequence[InSite]
) -> None:
    """Note sensors that a file would retire in the middle of an alert: that takes a person."""
    leaving = _leaving(document, known, pruned)
    for alert in _live_alerts(session, [f"sensor:{'/'.join(key)}" for key in leaving]):
        if _kind(alert, known) == "silence":
            continue  # a dead device is what pruning is for
        site, code = alert.subject.removeprefix("sensor:").split("/", 1)
        leaving[site, code].fault("in_alert", sensor=f"{site}/{code}", alert=alert.code)


def retire(ledger: Ledger, row: Sensor, found: InSite) -> None:
    """Retire a sensor; nothing would ever clear its alert of silence, so that is withdrawn."""
    row.retire(why=PRUNED, note="", by=ledger.by, now=ledger.now)
    why = reason("alert.sensor_retired", sensor=row.code, why=PRUNED, note="")
    for alert in _live_alerts(ledger.session, [f"sensor:{'/'.join(found)}"]):
        alert.withdraw(by=ledger.by, now=ledger.now, why=why)
    ledger.count("retired", f"sensor:{'/'.join(found)}")


def _leaving(document: Entry, known: Known, pruned: Sequence[InSite]) -> dict[InSite, Where]:
    """Return the sensors that would be retired, with the place of the file that says so."""
    places = {code: entry.at for code, entry in walk.sites(document)}
    outside = document.at.key("sites")
    leaving = {
        key: places[key[0]].key("sensors") if key[0] in places else outside for key in pruned
    }
    for key, _, entry in walk.placed(document, "sensors"):
        row = known.sensors.get(key)
        if entry.retired and row is not None and row.retired_at is None:
            leaving[key] = entry.at.key("retired")
    return leaving


def _live_alerts(session: Session, subjects: Sequence[str]) -> list[Alert]:
    live = select(Alert).where(Alert.live, Alert.subject.in_(subjects))
    return list(session.scalars(live.order_by(Alert.code))) if subjects else []


def _kind(alert: Alert, known: Known) -> str:
    row = known.rules.get(alert.rule_code)
    return "" if row is None else str(row.current.spec.get("kind"))
