"""The first draft of a report: what the data already knows, for a person to correct and finish."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.clearing import clear_checks
from models.contacts import calls_about
from models.finding import Finding
from models.incident import Incident
from models.reading import RainEpisode
from models.times import from_ms, iso
from webapp.filters import full_moment, name, sentence, t

ALERTS_AT_MOST = 6  # the earliest; a report is read in a minute


def drafted(session: Session, incident: Incident) -> dict[str, str]:
    """Return the five fields as far as the data goes; what only a person can tell stays open."""
    return {
        "scene": _scene(incident),
        "course": _lines(_course(session, incident)),
        "cause": _lines(_cause(session, incident)),
        "measures": _lines(_measures(session, incident)),
        "other": "",
    }


def _lines(lines: list[str]) -> str:
    return "\n".join(line for line in lines if line)


def _scene(incident: Incident) -> str:
    where = name(incident.zone.name) if incident.zone else ""
    return t(
        "reports.draft_scene",
        site=incident.site.name,
        level=t(f"public.protection.{incident.site.protection_level}"),
        zone=where or name(incident.site.name),
        received=iso(incident.received_at),
        what=sentence(incident.heading),
    )


def _course(session: Session, incident: Incident) -> list[str]:
    told = [
        t(
            "reports.draft_alert",
            at=iso(alert.raised_at),
            alert=alert.code,
            level=t(f"level.{alert.peak}"),
            why=sentence(alert.reason),
        )
        for alert in incident.alerts[:ALERTS_AT_MOST]
    ]
    rest = len(incident.alerts) - len(told)
    findings = list(
        session.scalars(
            select(Finding).where(Finding.incident_id == incident.id).order_by(Finding.code)
        )
    )
    return [
        *told,
        t("reports.draft_more_alerts", n=rest) if rest > 0 else "",
        t("reports.draft_findings", n=len(findings)) if findings else "",
        *(_finding(one) for one in findings),
        t("reports.draft_loss"),
    ]


def _finding(finding: Finding) -> str:
    grades = [f"{one['scheme']} {one['grade']}" for one in finding.grades]
    return t(
        "reports.draft_finding",
        element=finding.element_code,
        orientation=t(f"orientation.{finding.orientation}") if finding.orientation else "—",
        damage=finding.damage,
        extent=finding.extent or "—",
        grades=grades or "—",
    )


def _cause(session: Session, incident: Incident) -> list[str]:
    episode = session.get(RainEpisode, incident.episode_id) if incident.episode_id else None
    rain = (
        t("reports.draft_rain", since=iso(from_ms(episode.began_ms)), **_sums(episode))
        if (episode)
        else ""
    )
    return [rain, t("reports.draft_cause", cause=incident.cause)]


def _sums(episode: RainEpisode) -> dict[str, Any]:
    return {f"h{hours}": episode.sums.get(str(hours)) for hours in (12, 24)}


def _measures(session: Session, incident: Incident) -> list[str]:
    closed = [
        t(
            "reports.draft_closed",
            at=iso(one.began_at),
            zone=one.zone.name,
            closure=one.code,
            radius=one.radius_m,
        )
        for one in incident.closures
    ]
    things = [incident, *incident.closures, *incident.alerts]
    out = clear_checks(session, things)
    called = {key for thing in things for key in calls_about(session, thing)}
    return [
        *closed,
        t("reports.draft_out", n=len(out), at=full_moment(max(one.at for one in out.values())))
        if out
        else t("reports.draft_not_out"),
        t("reports.draft_called", n=len(called)) if called else "",
    ]
