"""Why a task may not start, be called done, or be accepted yet."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.errors import Blocker
from models.licence import why_not_licensed
from models.paths import path_to
from models.people import Actor
from models.permit import Permit
from models.photo import Photo
from models.reading import RainEpisode, SensorState
from models.reasons import Reason, reason
from models.sensor import Sensor
from models.signing import why_not_sign
from models.task import Task
from models.times import to_ms
from models.workflow import guards, session_of
from models.zoning import zone_scope

DRY_BELOW_PCT = 20.0  # rot begins to develop at 20 % (domain §5.3)
# Moderate rain by GB/T 28592-2012: at least 10 mm in 24 h or 5 mm in 12 h.
MODERATE_MM = {"24": 10.0, "12": 5.0}


def reasons_against_start(task: Task, now: datetime) -> list[Blocker]:
    """Return everything that keeps work from beginning, each with its page."""
    found = [
        *_against_scaffold(task, now),
        *_against_company(task, now),
        *_against_project(task),
        *_against_permits(task, now),
        *_against_photos(task),
        *_against_defects(task),
    ]
    return found


def _list_start(task: Task, actor: Actor, now: datetime) -> list[Blocker]:
    return reasons_against_start(task, now)


@guards(Task, "start", "resume", lists=_list_start)
def why_not_start(task: Task, actor: Actor, now: datetime) -> Reason | None:
    """Nobody goes up a scaffold that is not green, nor without licence, permit, photo."""
    return next((blocker.reason for blocker in reasons_against_start(task, now)), None)


@guards(Task, "claim")
def why_not_claim(task: Task, actor: Actor, now: datetime) -> Reason | None:
    """Done is what a photo shows."""
    if task.needs_photos and not _has_photo(task, "after"):
        return reason("task.after_photo_missing")
    return None


@guards(Task, "accept")
def why_not_accept(task: Task, actor: Actor, now: datetime) -> Reason | None:
    """A second person accepts; a leak repair is accepted by the next rain."""
    return why_not_sign("task.accept", task, actor) or (
        why_not_proved_by_weather(session_of(task), task) if task.verify_by_weather else None
    )


def why_not_proved_by_weather(session: Session, task: Task) -> Reason | None:
    """Say what is lacking until moderate rain has fallen and the sensors stayed dry."""
    if task.claimed_at is None:
        return reason("task.rain_awaited")
    since = to_ms(task.claimed_at)
    rains = session.scalars(
        select(RainEpisode)
        .where(
            RainEpisode.site_id == task.site_id,
            RainEpisode.began_ms > since,
            RainEpisode.ended_ms.is_not(None),
        )
        .order_by(RainEpisode.began_ms.desc())
    )
    rain = next((one for one in rains if _is_moderate(one)), None)
    if rain is None:
        return reason("task.rain_awaited")
    return _why_not_dry(session, task, rain.ended_ms or 0)


def _is_moderate(rain: RainEpisode) -> bool:
    return any(float(rain.sums.get(hours) or 0) >= mm for hours, mm in MODERATE_MM.items())


def _why_not_dry(session: Session, task: Task, since_ms: int) -> Reason | None:
    for sensor, state in moisture_sensors(session, task):
        if state is None or state.at_ms is None or state.at_ms <= since_ms:
            return reason("task.sensor_not_heard_since_rain", sensor=sensor.code)
        if state.silent_since_ms is not None or state.value is None:
            return reason("task.sensor_not_heard_since_rain", sensor=sensor.code)
        if state.value >= DRY_BELOW_PCT:
            return reason("task.still_wet", sensor=sensor.code, value=state.value)
    return None


def moisture_sensors(session: Session, task: Task) -> Iterable[tuple[Sensor, SensorState | None]]:
    """Return the timber moisture sensors of the task's place with their latest."""
    mine = (
        select(Sensor, SensorState)
        .outerjoin(SensorState, SensorState.sensor == Sensor.key)
        .where(
            Sensor.site_id == task.site_id,
            Sensor.quantity == "moisture_content",
            Sensor.retired_at.is_(None),
        )
        .order_by(Sensor.code)
    )
    scope = zone_scope(session, task.zone) if task.zone else None
    for sensor, state in session.execute(mine):
        if scope is not None:
            here = scope.covers_sensor(sensor)
        else:
            here = task.building_id is None or sensor.building_id == task.building_id
        if here:
            yield sensor, state


def _against_scaffold(task: Task, now: datetime) -> Iterable[Blocker]:
    scaffold = task.scaffold
    if scaffold is not None and not scaffold.is_green(now):
        tag = scaffold.tag(now)
        why = reason(
            "task.scaffold_not_green",
            scaffold=scaffold.code,
            name=scaffold.name,
            colour=tag.colour,
            state=tag.state,
        )
        yield Blocker(why, path_to(scaffold))


def _against_company(task: Task, now: datetime) -> Iterable[Blocker]:
    company, project = task.organisation, task.project
    if company is None or company.kind != "contractor":
        return
    if project is None or not project.party_of(company.id):
        href = path_to(project) if project else path_to(task)
        yield Blocker(reason("task.company_no_party", company=company.name), href)
    scope = project.scope if project else "ancient_building"
    why = why_not_licensed(company, task.site, task.works_class, scope, now)
    if why is not None:
        yield Blocker(why, path_to(project) if project else path_to(task))


def _against_project(task: Task) -> Iterable[Blocker]:
    project = task.project
    if project is not None and not project.may_work:
        code = "task.project_unjustified" if project.unanswered() else "task.project_unapproved"
        why = reason(code, project=project.code, state=project.state)
        yield Blocker(why, path_to(project))


def _against_permits(task: Task, now: datetime) -> Iterable[Blocker]:
    suspended = select(Permit).where(Permit.task_id == task.id, Permit.state == "suspended")
    for permit in session_of(task).scalars(suspended.order_by(Permit.code)):
        yield Blocker(reason("task.permit_suspended", permit=permit.code), path_to(permit))


def _against_photos(task: Task) -> Iterable[Blocker]:
    if task.needs_photos and not _has_photo(task, "before"):
        yield Blocker(reason("task.before_photo_missing"), path_to(task, "photos"))


def _against_defects(task: Task) -> Iterable[Blocker]:
    for finding in task.defects:
        if not finding.is_safe:
            why = reason("task.defect_not_safe", finding=finding.code)
            yield Blocker(why, path_to(finding))


def _has_photo(task: Task, stage: str) -> bool:
    mine = select(func.count()).where(
        Photo.subject_kind == "task", Photo.subject_id == task.id, Photo.stage == stage
    )
    return bool(session_of(task).scalar(mine))
