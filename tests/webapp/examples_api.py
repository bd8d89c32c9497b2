"""Objects of a competitor under the API's addresses: no session of a person finds them there."""

from typing import Any

from sqlalchemy.orm import Session

from models.base import bilingual
from models.clock import machine_now
from models.people import Organisation
from models.project import propose_project
from models.registry import Site
from models.scaffold import plan_scaffold
from models.task import plan_task
from tests.webapp.cast import CANARY, SYSTEM, Cast
from tests.webapp.examples import example

NAME = bilingual(CANARY, CANARY)


@example("api_sites.site")
def a_site(session: Session, cast: Cast) -> dict[str, Any]:
    """A site whose name says CANARY."""
    site = Site(code="api-canary", name=NAME)
    session.add(site)
    session.flush()
    return {"site": site.code}


@example("api_scaffolds.scaffold", "api_scaffolds.move_scaffold")
def a_scaffold(session: Session, cast: Cast) -> dict[str, Any]:
    """A scaffold of the competitor."""
    site = session.get_one(Site, cast.site_id)
    company = session.get_one(Organisation, cast.competitor_id)
    act = {"by": SYSTEM, "now": machine_now()}
    scaffold = plan_scaffold(session, site, name=NAME, company=company, **act)
    session.flush()
    return {"scaffold": scaffold.code}


@example("api_tasks.task", "api_tasks.move_task", "api_photos.photo")
def a_task(session: Session, cast: Cast) -> dict[str, Any]:
    """A task of the competitor."""
    site = session.get_one(Site, cast.site_id)
    company = session.get_one(Organisation, cast.competitor_id)
    act = {"by": SYSTEM, "now": machine_now()}
    project = propose_project(session, site, works_class="maintenance", title=NAME, **act)
    task = plan_task(session, site, title=NAME, project=project, company=company, **act)
    session.flush()
    return {"task": task.code}


@example(
    "api_sensors.sensor",
    "api_readings.readings",
    "api_alerts.alert",
    "api_alerts.acknowledge",
    "api_alerts.assign",
    "api_alerts.shelve",
    "api_alerts.unshelve",
    "api_alerts.dismiss",
    "api_alerts.close",
    "api_alerts.reset",
    "api_incidents.incident",
    "api_incidents.move_incident",
    "api_closures.closure",
    "api_closures.issue",
    "api_closures.extend",
    "api_closures.lift",
    "api_closures.countersign",
    "api_closures.request_lift",
    "api_closures.override",
    "api_channels.claim",
    "api_rules.rule",
    "api_rules.backtest",
    "api_jobs.job",
)
def what_belongs_to_no_company(session: Session, cast: Cast) -> dict[str, Any]:
    """Staff's things; tests/webapp/api/test_access.py hides real ones from a narrower token."""
    return {}
