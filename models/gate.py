"""The gate of the reopened door: one list of everything in the way, for page, API and tests."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.alert import Alert
from models.closure import Closure
from models.errors import Blocker
from models.finding import Finding
from models.inputs import filled
from models.paths import path_to
from models.people import Actor
from models.reading import SensorState
from models.readings import DELAYED_AFTER_MS
from models.reasons import reason
from models.scaffold import Scaffold
from models.sensor import Sensor
from models.signing import why_not_sign
from models.task import OVER, Task
from models.times import from_ms, iso, to_ms
from models.zoning import Scope, zone_scope

SECOND_SIGNATURE = "gate.second_signature"
BAD = 4  # quality flags from here on are no evidence of anything
# A gauge that fell before anybody closed the zone belongs to the same event.
RETIRED_BEFORE = timedelta(days=7)
TICK_MS = 60_000
# An alert of this weight tells the signatories something that they did not know.
SERIOUS = ("high", "critical")


def blockers(
    session: Session, closure: Closure, actor: Actor | None, now: datetime
) -> list[Blocker]:
    """Return everything that keeps the zone shut, each with the page where it is dealt with.

    With an actor it also says why that person's own signature would not do.
    """
    scope = zone_scope(session, closure.zone)
    return [
        *_tasks(session, scope),
        *_findings(session, scope),
        *_alerts(session, scope),
        *_sensors(session, scope, now),
        *_retired_sensors(session, closure, scope),
        *_scaffolds(session, scope, now),
        *_papers(closure),
        *_signatures(closure, actor),
        *_outdated_signatures(session, closure, scope),
    ]


def _tasks(session: Session, scope: Scope) -> Iterable[Blocker]:
    unsafe = select(Task).where(Task.site_id == scope.site_id, Task.safety, Task.state.not_in(OVER))
    for task in session.scalars(unsafe.order_by(Task.code)):
        if _covers(scope, task):
            why = reason("gate.task_open", task=task.code, title=task.title, state=task.state)
            yield Blocker(why, path_to(task))


def _findings(session: Session, scope: Scope) -> Iterable[Blocker]:
    mine = select(Finding).where(Finding.site_id == scope.site_id).order_by(Finding.code)
    for finding in session.scalars(mine):
        if finding.is_dangerous and not finding.is_safe and _covers(scope, finding):
            why = reason(
                "gate.finding_not_safe",
                finding=finding.code,
                element=finding.element_code,
                damage=finding.damage,
                state=finding.state,
            )
            yield Blocker(why, path_to(finding))


def _alerts(session: Session, scope: Scope) -> Iterable[Blocker]:
    live = select(Alert).where(
        Alert.live, (Alert.site_id == scope.site_id) | Alert.site_id.is_(None)
    )
    whole = live.order_by(Alert.raised_at, Alert.code).options(joinedload(Alert.sensor))
    for alert in session.scalars(whole):
        standing = _alert_standing(alert)
        if standing is not None and _concerns(scope, alert):
            why = reason(
                f"gate.alert_{standing}",
                alert=alert.code,
                severity=alert.severity,
                since=iso(alert.raised_at),
            )
            yield Blocker(why, path_to(alert))


def _alert_standing(alert: Alert) -> str | None:
    if alert.unknown:
        return "unknown"
    if alert.active:
        return "active"
    return "latched" if alert.latched else None


def _concerns(scope: Scope, alert: Alert) -> bool:
    """The system's own alerts concern every zone: while it is deaf, nothing is normal."""
    if alert.sensor is not None:
        return scope.covers_sensor(alert.sensor)
    return scope.covers(zone_id=alert.zone_id, element_id=alert.element_id)


def _sensors(session: Session, scope: Scope, now: datetime) -> Iterable[Blocker]:
    mine = (
        select(Sensor, SensorState)
        .outerjoin(SensorState, SensorState.sensor == Sensor.key)
        .where(Sensor.site_id == scope.site_id, Sensor.retired_at.is_(None))
        .order_by(Sensor.code)
        .options(selectinload(Sensor.epochs), joinedload(Sensor.site))
    )
    for sensor, state in session.execute(mine):
        if not scope.covers_sensor(sensor) or not _is_wired(sensor):
            continue
        if state is None or state.heard_ms is None:
            yield Blocker(reason("gate.sensor_never_heard", sensor=sensor.code), path_to(sensor))
        elif (since_ms := _silent_since_ms(sensor, state, now)) is not None:
            since = iso(from_ms(since_ms))
            why = reason("gate.sensor_silent", sensor=sensor.code, since=since)
            yield Blocker(why, path_to(sensor))
        elif state.value is None or (state.quality or BAD) >= BAD:
            yield Blocker(reason("gate.sensor_not_believable", sensor=sensor.code), path_to(sensor))


def _silent_since_ms(sensor: Sensor, state: SensorState, now: datetime) -> int | None:
    """Return since when nothing is known of a sensor, whether or not anybody wrote it down.

    Who would write it may have died; and one that only tells of long ago is heard, not known.
    """
    if state.silent_since_ms is not None or state.heard_ms is None:
        return state.silent_since_ms
    last_ms = state.heard_ms if state.at_ms is None else min(state.heard_ms, state.at_ms)
    allowed_ms = max(3 * sensor.interval_s * 1000, DELAYED_AFTER_MS) + TICK_MS
    return last_ms if to_ms(now) - last_ms >= allowed_ms else None


def _is_wired(sensor: Sensor) -> bool:
    """Whether a device reads it; one that people read by hand has no silence."""
    return bool(sensor.epochs) and sensor.epochs[-1].device is not None


def _retired_sensors(session: Session, closure: Closure, scope: Scope) -> Iterable[Blocker]:
    stated = {statement.sensor_id for statement in closure.statements}
    lost = select(Sensor).where(
        Sensor.site_id == scope.site_id,
        Sensor.retired_at > _shut_since(session, closure) - RETIRED_BEFORE,
        Sensor.replaced_by.is_(None),
    )
    for sensor in session.scalars(lost.order_by(Sensor.code)):
        if sensor.id not in stated and scope.covers_sensor(sensor):
            why = reason(
                "gate.sensor_retired",
                sensor=sensor.code,
                at=iso(sensor.retired_at or closure.began_at),
            )
            yield Blocker(why, path_to(closure, f"sensor-{sensor.code}"))


def _shut_since(session: Session, closure: Closure) -> datetime:
    """Return when the zone was first shut: a notice takes over what the one before it left open."""
    began_at, later, seen = closure.began_at, [closure.id], {closure.id}
    while later:
        before = session.scalars(select(Closure).where(Closure.superseded_by_id.in_(later))).all()
        began_at = min([began_at, *(one.began_at for one in before)])
        later = [one.id for one in before if one.id not in seen]
        seen.update(later)
    return began_at


def _scaffolds(session: Session, scope: Scope, now: datetime) -> Iterable[Blocker]:
    standing = select(Scaffold).where(
        Scaffold.site_id == scope.site_id, Scaffold.state.not_in(("design", "struck"))
    )
    for scaffold in session.scalars(standing.order_by(Scaffold.code)):
        tag = scaffold.tag(now)
        here = scope.covers(zone_id=scaffold.zone_id, building_id=scaffold.building_id)
        if here and tag.colour != "green":
            why = reason(
                "gate.scaffold_not_green",
                scaffold=scaffold.code,
                name=scaffold.name,
                colour=tag.colour,
                state=tag.state,
            )
            yield Blocker(why, path_to(scaffold))


def _papers(closure: Closure) -> Iterable[Blocker]:
    if not filled(closure.reassessment):
        yield Blocker(reason("gate.reassessment_missing"), path_to(closure, "reassessment"))
    if not filled(closure.rectification):
        yield Blocker(reason("gate.rectification_missing"), path_to(closure, "rectification"))


def _signatures(closure: Closure, actor: Actor | None) -> Iterable[Blocker]:
    here = path_to(closure, "signatures")
    if closure.lift_requested_by is None:
        yield Blocker(reason("gate.first_signature"), here)
    if closure.lift_signed_by is None:
        own = why_not_sign("closure.sign_lift", closure, actor) if actor is not None else None
        if own is not None and own.code == "signature.second_person":
            yield Blocker(reason("gate.second_signature_not_yours"), here)
        yield Blocker(reason(SECOND_SIGNATURE), here)


def _outdated_signatures(session: Session, closure: Closure, scope: Scope) -> Iterable[Blocker]:
    """Who signed before the stone moved again has judged something else."""
    if closure.lift_requested_at is None:
        return
    newer = select(Alert).where(
        Alert.site_id == scope.site_id,
        Alert.risen_at > closure.lift_requested_at,
        Alert.peak.in_(SERIOUS),
    )
    whole = newer.order_by(Alert.risen_at, Alert.code).options(joinedload(Alert.sensor))
    for alert in session.scalars(whole):
        if not _is_silence(alert) and _concerns(scope, alert):
            why = reason(
                "gate.signed_before_alert",
                alert=alert.code,
                severity=alert.peak,
                at=iso(alert.risen_at),
            )
            yield Blocker(why, path_to(closure, "signatures"))


def _is_silence(alert: Alert) -> bool:
    return str(alert.reason.get("code", "")).startswith("silence.")


def _covers(scope: Scope, thing: Task | Finding) -> bool:
    return scope.covers(
        zone_id=thing.zone_id, building_id=thing.building_id, element_id=thing.element_id
    )
