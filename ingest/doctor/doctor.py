"""Looks an installation over: one finding for each thing that is wrong, each with its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.exc import DBAPIError

from ingest.doctor.broker import facts_of_broker, look_at_broker
from ingest.doctor.broker_config import look_at_config
from ingest.doctor.certificate import look_at_certificate
from ingest.doctor.database import facts_of_database, look_at_database
from ingest.doctor.disk import look_at_disk
from ingest.doctor.finding import SEVERITIES, Finding, fault, warning
from ingest.doctor.people import look_at_people
from ingest.doctor.roles import look_at_roles
from ingest.doctor.time import look_at_time
from models.check_results import keep, last
from models.clock import machine_now
from models.pulse import bump
from models.reasons import Reason
from models.settings import Settings
from models.store import Store
from models.times import iso


def examine(settings: Settings, store: Store, broker_config: Path | None = None) -> dict[str, Any]:
    """Look at everything; return what was found, the worst first, as it is kept and shown."""
    try:
        findings = list(_findings(settings, store, broker_config))
        known = [
            *facts_of_database(store),
            *(facts_of_broker(settings.mqtt) if settings.mqtt else ()),
        ]
        facts = [one.to_json() for one in known]
    except DBAPIError as broken:  # what can't even be read
        findings, facts = [fault("unreadable", why=str(broken.orig)[:200])], []
    findings.sort(key=lambda one: SEVERITIES.index(one.severity))
    return {
        "at": iso(machine_now().replace(microsecond=0)),
        "healthy": not findings,
        "findings": [one.to_json() for one in findings],
        "facts": facts,
    }


def _findings(settings: Settings, store: Store, config: Path | None) -> Iterator[Finding]:
    schema = list(look_at_database(store))
    yield from schema
    if any(one.what.code == "doctor.schema" for one in schema):
        return
    now = machine_now()
    yield from look_at_disk(store, now, settings.reserve_bytes)
    with store.reading() as session:
        yield from look_at_time(session, now)
        yield from look_at_roles(session, now)
        yield from look_at_people(settings, session, now)
    if settings.mqtt_certificate is not None:
        yield from look_at_certificate(settings.mqtt_certificate, now)
    if settings.mqtt is not None:
        yield from look_at_broker(settings.mqtt)
    if config is not None:
        yield from look_at_config(config)
    yield from _last_torture(settings.data_dir)


def _facts(settings: Settings, store: Store) -> Iterator[Reason]:
    yield from facts_of_database(store)
    if settings.mqtt is not None:
        yield from facts_of_broker(settings.mqtt)


def _last_torture(data_dir: Path) -> Iterable[Finding]:
    result = last(data_dir, "torture")
    if result is not None and not result.get("held"):
        yield warning("torture_not_held", at=result.get("at"), n=len(result.get("faults", ())))


class Task(Protocol):
    """What the work role hands over."""

    store: Store


def handler(settings: Settings) -> Mapping[str, Callable[[Any], Mapping[str, Any]]]:
    """Return the job by which a page has the installation looked over."""

    def doctor(task: Task) -> Mapping[str, Any]:
        result = examine(settings, task.store)
        keep(settings.data_dir, "doctor", result)
        with task.store.writing() as session:
            bump(session)  # an open page shows it
        return {"healthy": result["healthy"], "n": len(result["findings"])}

    return {"doctor": doctor}
