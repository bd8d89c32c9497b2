"""One storm, one case: the alerts of a site in one rain episode are one incident."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Alert, rank
from models.incident import OPEN_STATES, Incident, open_incident
from models.people import Actor
from models.reading import RainEpisode
from models.registry import Zone
from models.times import to_ms

# Rain works for days: damp and cracks follow it (rule X1 looks back 72 hours).
AFTER_RAIN = timedelta(hours=72)


def episode_of(session: Session, site_id: uuid.UUID, at: datetime) -> RainEpisode | None:
    """Return the rain episode that an instant belongs to: under way, or over less than 72 h."""
    at_ms = to_ms(at)
    latest = session.scalars(
        select(RainEpisode)
        .where(RainEpisode.site_id == site_id, RainEpisode.began_ms <= at_ms)
        .order_by(RainEpisode.began_ms.desc())
        .limit(1)
    ).first()
    if latest is None:
        return None
    over = at_ms - latest.last_rain_ms > AFTER_RAIN // timedelta(milliseconds=1)
    return None if over else latest


def storm_incident(session: Session, site_id: uuid.UUID, at: datetime) -> Incident | None:
    """Return the open case of the rain episode that an instant belongs to."""
    episode = episode_of(session, site_id, at)
    if episode is None:
        return None
    mine = select(Incident).where(
        Incident.episode_id == episode.id, Incident.state.in_(OPEN_STATES)
    )
    return session.scalars(mine.order_by(Incident.opened_at)).first()


def join_storm(session: Session, alert: Alert, *, by: Actor, now: datetime) -> Incident | None:
    """Take a new alert into the open case of its storm, if there is one. The caller commits."""
    if alert.site_id is None or alert.incident_id is not None:
        return None
    incident = storm_incident(session, alert.site_id, now)
    if incident is not None:
        incident.link([alert], by=by, now=now)
    return incident


def open_or_join(
    session: Session,
    alerts: Sequence[Alert],
    *,
    by: Actor,
    now: datetime,
    title: Mapping[str, str] | None = None,
    cause: str = "natural",
    received_at: datetime | None = None,
    zone: Zone | None = None,
) -> Incident:
    """Turn alerts into a case, or join the case of their storm; its other live alerts come too."""
    site_id = next((alert.site_id for alert in alerts if alert.site_id), None)
    if site_id is None:
        return open_incident(
            session, alerts, by=by, now=now, title=title, cause=cause, received_at=received_at
        )
    incident = storm_incident(session, site_id, now)
    if incident is None:
        episode = episode_of(session, site_id, now)
        incident = open_incident(
            session,
            alerts,
            by=by,
            now=now,
            zone=zone,
            title=title,
            cause=cause,
            received_at=received_at,
            episode_id=episode.id if episode else None,
        )
        if episode is not None:
            incident.link(_siblings(session, episode), by=by, now=now)
    else:
        incident.link(alerts, by=by, now=now)
    return incident


def zones_ranked(session: Session, incident: Incident) -> list[tuple[str, str]]:
    """Return the subjects of an incident's alerts with their worst severity, worst first."""
    worst: dict[str, Any] = {}
    for alert in session.scalars(select(Alert).where(Alert.incident_id == incident.id)):
        known = worst.get(alert.subject)
        if known is None or rank(alert.peak) > rank(known):
            worst[alert.subject] = alert.peak
    return sorted(worst.items(), key=lambda pair: (-rank(pair[1]), pair[0]))


def _siblings(session: Session, episode: RainEpisode) -> list[Alert]:
    mine = select(Alert).where(
        Alert.live, Alert.site_id == episode.site_id, Alert.incident_id.is_(None)
    )
    found = session.scalars(mine.order_by(Alert.raised_at, Alert.code))
    return [alert for alert in found if to_ms(alert.raised_at) >= episode.began_ms]
