"""Heavy rain, weather that nobody measures, and a tag that ran out stop work on scaffolds."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.inspection import Inspection
from models.notice import Notice
from models.people import Actor, Membership, User, machine
from models.permit import Permit
from models.reading import RainEpisode, SensorState
from models.reasons import Reason, reason
from models.registry import Site
from models.scaffold import STANDING, Scaffold
from models.sensor import Sensor
from models.stoppage import stop_work
from models.task import Task
from models.times import from_ms, iso

# 大雨 by GB/T 28592-2012; JGJ 130 and GB 55023 §5.3.5 want an inspection after it.
HEAVY_RAIN_MM: Mapping[str, float] = {"12": 15.0, "24": 25.0}
RAIN = ("rain_total", "rain_increment", "rain_rate")


def is_heavy(sums: Mapping[str, Any]) -> str | None:
    """Return the window (hours) in which enough rain fell to stop scaffolds, or None."""
    for hours, limit_mm in HEAVY_RAIN_MM.items():
        if float(sums.get(hours) or 0.0) >= limit_mm:
            return hours
    return None


def hold_for_rain(
    session: Session,
    site: Site,
    episode: RainEpisode,
    sums: Mapping[str, Any],
    now: datetime,
    by: Actor | None = None,
) -> list[Scaffold]:
    """Put the site's standing scaffolds on hold where it rained enough; once per episode.

    `sums` are the episode's greatest millimetres by hours ("12", "24"). The caller commits.
    """
    hours = is_heavy(sums)
    if hours is None:
        return []
    why = reason("hold.rain", mm=float(sums[hours]), hours=int(hours))
    occasion = f"episode:{episode.id}"
    return _hold_all(session, site, occasion, why, now, by or machine("clock"), episode.id)


def hold_for_unknown_weather(
    session: Session,
    site: Site,
    now: datetime,
    since: datetime | None = None,
    by: Actor | None = None,
) -> list[Scaffold]:
    """Put standing scaffolds on hold because no gauge reports: unknown weather holds too."""
    since = since or gauges_silent_since(session, site) or now
    why = reason("hold.weather_unknown", since=iso(since))
    return _hold_all(session, site, f"unknown:{iso(since)}", why, now, by or machine("clock"))


def gauges_silent_since(session: Session, site: Site) -> datetime | None:
    """Return since when no rain gauge of the site reports; None while one does, or none is."""
    mine = (
        select(SensorState.silent_since_ms)
        .join(Sensor, Sensor.key == SensorState.sensor)
        .where(Sensor.site_id == site.id, Sensor.quantity.in_(RAIN), Sensor.retired_at.is_(None))
    )
    silent = list(session.scalars(mine))
    known = [since_ms for since_ms in silent if since_ms is not None]
    return from_ms(max(known)) if silent and len(known) == len(silent) else None


def has_standing_scaffold(session: Session, site_id: uuid.UUID) -> bool:
    """Whether weather could stop anything here; asked before the rain is added up."""
    mine = select(Scaffold.id).where(Scaffold.site_id == site_id, Scaffold.state.in_(STANDING))
    return session.scalars(mine).first() is not None


def pause_on_red_tags(session: Session, now: datetime, by: Actor | None = None) -> datetime | None:
    """Pause what is under way on scaffolds whose tag turned red by time alone: nobody was there to.

    Returns when the next tag with work on it would; the caller commits. No hold is stored: the
    inspection that is overdue makes the tag green again, and who works there then goes on.
    """
    mine = select(Scaffold).where(
        Scaffold.state == "handed_over", Scaffold.tasks.any(Task.state == "in_progress")
    )
    nexts = []
    for scaffold in session.scalars(mine.order_by(Scaffold.code)):
        state, ends_at = scaffold.state_at(now), scaffold.runs_out_at
        if state in _RAN_OUT:
            _pause(session, scaffold, state, now, by or machine("clock"))
        elif ends_at is not None:
            nexts.append(ends_at)
    return min(nexts, default=None)


_RAN_OUT = {"overdue": "hold.overdue", "out_of_use": "hold.unused"}


def _pause(session: Session, scaffold: Scaffold, state: str, now: datetime, by: Actor) -> None:
    stop_work(scaffold, "other", now=now, by=by)
    due = iso(scaffold.next_due_at) if scaffold.next_due_at else None
    occasion = f"{state}:{iso(scaffold.runs_out_at or now)}"
    _tell_company(session, scaffold, occasion, reason(_RAN_OUT[state], due=due), now, by)


def _hold_all(
    session: Session,
    site: Site,
    occasion: str,
    why: Reason,
    now: datetime,
    by: Actor,
    episode_id: uuid.UUID | None = None,
) -> list[Scaffold]:
    standing = select(Scaffold).where(Scaffold.site_id == site.id, Scaffold.state.in_(STANDING))
    held = [
        scaffold
        for scaffold in session.scalars(standing.order_by(Scaffold.code))
        if not _is_known(scaffold, occasion)
    ]
    for scaffold in held:
        _hold(session, scaffold, occasion, why, now, by, episode_id)
    if held:
        _suspend_permits(session, site, why, now, by)
    return held


def _is_known(scaffold: Scaffold, occasion: str) -> bool:
    """One inspection per occasion; one that still waits for unknown weather serves them all."""
    unknown = occasion.startswith("unknown:")
    return any(
        row.occasion == occasion
        or (unknown and row.state == "open" and (row.occasion or "").startswith("unknown:"))
        for row in scaffold.inspections
    )


def _hold(
    session: Session,
    scaffold: Scaffold,
    occasion: str,
    why: Reason,
    now: datetime,
    by: Actor,
    episode_id: uuid.UUID | None,
) -> None:
    scaffold.inspections.append(
        Inspection(
            id=uuid.uuid4(),
            site_id=scaffold.site_id,
            kind="after_weather",
            state="open",
            occasion=occasion,
            episode_id=episode_id,
            why=why.to_json(),
            opened_at=now,
        )
    )
    scaffold.step("hold", by=by, now=now, why=why)
    scaffold.held = why.to_json()
    stop_work(scaffold, "weather", now=now, by=by)
    _tell_company(session, scaffold, occasion, why, now, by)


def _suspend_permits(session: Session, site: Site, why: Reason, now: datetime, by: Actor) -> None:
    active = select(Permit).where(Permit.site_id == site.id, Permit.state == "active")
    for permit in session.scalars(active.order_by(Permit.code)):
        permit.step("suspend", by=by, now=now, why=why)
        permit.suspended_why = why.to_json()


def _tell_company(
    session: Session, scaffold: Scaffold, occasion: str, why: Reason, now: datetime, by: Actor
) -> None:
    """One notice to each of the contractor's people, keyed so that a repeat is none."""
    tasks: list[Task] = [task for task in scaffold.tasks if task.organisation_id is not None]
    companies = {scaffold.organisation_id, *(task.organisation_id for task in tasks)} - {None}
    values = {"scaffold": scaffold.code, "name": scaffold.name, **why.values}
    told = Reason(why.code.replace("hold.", "hold.notice_"), values)
    for person in _people_of(session, companies, scaffold.site_id, now):
        session.add(
            Notice(
                key=f"hold:{scaffold.id}:{occasion}:{person.id}:email",
                kind="hold",
                channel="email",
                person_id=person.id,
                role="contractor",
                address=person.email,
                language=person.language,
                site_id=scaffold.site_id,
                incident_id=scaffold.incident_id,
                reason=told.to_json(),
                created_at=now,
                next_try_at=by.machine_now(),
            )
        )


def _people_of(
    session: Session, companies: set[Any], site_id: uuid.UUID, now: datetime
) -> list[User]:
    rows = session.scalars(
        select(Membership)
        .join(User, Membership.user_id == User.id)
        .where(
            Membership.organisation_id.in_(companies),
            Membership.role == "contractor",
            Membership.since <= now,
            (Membership.until.is_(None)) | (Membership.until > now),
            User.disabled_at.is_(None),
        )
        .order_by(User.email)
    )
    here = [row.user for row in rows if _is_here(row, site_id)]
    return list(dict.fromkeys(here))


def _is_here(membership: Membership, site_id: uuid.UUID) -> bool:
    named = membership.site_ids
    return named is None or str(site_id) in {str(one) for one in named}
