"""Objects of response that the walk over the URL map must not find: of the office, for staff."""

from typing import Any

from sqlalchemy.orm import Session

from models.base import bilingual
from models.clock import machine_now
from models.closing import close_zone
from models.finding import record_finding
from models.incident import Incident, open_incident
from models.registry import Site, Zone
from models.report import draft_report
from tests.webapp.cast import CANARY, SYSTEM, Cast
from tests.webapp.examples import example

NAME = bilingual(CANARY, CANARY)


def _zone(session: Session, cast: Cast, code: str) -> Zone:
    site = session.get_one(Site, cast.site_id)
    zone = Zone(
        code=code,
        name=bilingual("东廊", "East gallery"),  # public: everyone may read what is shut
        building_ids=[],
        element_ids=[],
        parent_ids=[],
        also_affects=[],
    )
    site.zones.append(zone)
    session.flush()
    return zone


def _closure(session: Session, cast: Cast, code: str) -> str:
    closure = close_zone(session, _zone(session, cast, code), by=SYSTEM, now=machine_now())
    closure.reassessment = CANARY
    return closure.code


def _incident(session: Session, cast: Cast) -> Incident:
    site = session.get_one(Site, cast.site_id)
    return open_incident(session, [], site=site, title=NAME, by=SYSTEM, now=machine_now())


@example(
    "closures.show",
    "closures.step",
    "closures.clear",
    "closures.call",
    "closures.notice.edit",
    "closures.notice.save",
    "closures.notice.sheet",
)
def a_closure(session: Session, cast: Cast) -> dict[str, Any]:
    """A closure of a zone."""
    return {"key": _closure(session, cast, "canary")}


@example("closures.papers.show", "closures.papers.take")
def a_paper(session: Session, cast: Cast) -> dict[str, Any]:
    """The paper that asks for the most."""
    return {"key": _closure(session, cast, "canary-paper"), "paper": "override"}


@example("closures.papers.sensor", "closures.papers.state")
def a_lost_sensor(session: Session, cast: Cast) -> dict[str, Any]:
    """A sensor that is none."""
    return {"key": _closure(session, cast, "canary-sensor"), "code": "C-99"}


@example("public.notice")
def a_notice(session: Session, cast: Cast) -> dict[str, Any]:
    """An address that no notice has: a real one is for everyone to read."""
    return {"token": "never-issued"}


@example(
    "incidents.show",
    "incidents.step",
    "incidents.note",
    "incidents.send",
    "incidents.clear",
    "incidents.call",
)
def an_incident(session: Session, cast: Cast) -> dict[str, Any]:
    """A case file."""
    return {"key": _incident(session, cast).code}


@example("incidents.step_page", "incidents.wordy_step")
def a_step(session: Session, cast: Cast) -> dict[str, Any]:
    """A step that needs a reason."""
    return {"key": _incident(session, cast).code, "action": "dismiss"}


@example("reports.begin", "reports.draft")
def a_kind_of_report(session: Session, cast: Cast) -> dict[str, Any]:
    """A report that nobody has begun."""
    return {"key": _incident(session, cast).code, "kind": "first"}


@example("reports.show", "reports.save", "reports.acknowledge")
def a_report(session: Session, cast: Cast) -> dict[str, Any]:
    """A draft."""
    incident = _incident(session, cast)
    fields = {"scene": CANARY}
    report = draft_report(session, incident, "first", fields=fields, by=SYSTEM, now=machine_now())
    return {"key": report.code}


def _finding(session: Session, cast: Cast) -> str:
    site = session.get_one(Site, cast.site_id)
    finding = record_finding(
        session,
        site,
        element_code="RF-TIL",
        damage="CRACK",
        note=CANARY,
        by=SYSTEM,
        now=machine_now(),
    )
    return finding.code


@example("findings.show", "findings.step")
def a_finding(session: Session, cast: Cast) -> dict[str, Any]:
    """A survey finding."""
    return {"key": _finding(session, cast)}


@example("findings.ask", "findings.take")
def a_finding_step(session: Session, cast: Cast) -> dict[str, Any]:
    """A step of it that needs words."""
    return {"key": _finding(session, cast), "action": "make_safe"}
