"""Rules with their versions, and when one would have fired over stored readings."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, Any

from flask import g
from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from models.backtest import Fired, count_readings, sensors_under, would_have_fired
from models.errors import BadInput, Fault, Missing
from models.job import ask
from models.reasons import reason
from models.rulebook import RuleRow
from models.rules.parsing import parse_rule
from models.rules.spec import Rule
from models.sensor import Sensor
from models.times import from_ms, iso
from webapp.api.finding import nothing_called
from webapp.api.jobs import JobObject, job_object
from webapp.api.operations import Part
from webapp.api.paging import Order, Paged, page_of
from webapp.api.values import Answer, Body, Line, Moment, Thing, Told, told
from webapp.db import db, site_now

part = Part("rules")
pages = part.pages

BY_CODE = Order((RuleRow.code,), lambda one: (one.code,))
AT_ONCE = 100_000  # readings that are judged while the caller waits
MOST_STEPS = 10_000
USUAL_SPAN = timedelta(days=30)
BACKTEST = "backtest"


class RuleVersionObject(Answer):
    """What the rule said from an instant on."""

    number: int
    since: Moment


class RuleObject(Thing):
    """A rule. `state`: on or off; `spec` as the registry file has it."""

    rule_version: int
    since: Moment
    spec: dict[str, Any]


class RuleDetail(RuleObject):
    """A rule with its versions."""

    versions: list[RuleVersionObject]


class RuleList(Answer):
    """A page of rules."""

    items: list[RuleObject]
    next: str | None


class Backtest(Body):
    """Over which stretch, `(since, until]`, of which sensors, and with which spec instead."""

    since: Moment | None = None
    until: Moment | None = None
    sensors: Annotated[list[Line], Field(max_length=200)] | None = None
    spec: dict[str, Any] | None = None


class StepObject(Answer):
    """One step that the rule would have taken."""

    subject: str
    to: str
    severity: str
    at: Moment
    observed_at: Moment
    value: float | None
    limit: float | None
    reason: Told


class BacktestObject(Answer):
    """What would have fired. `cut`: there was more than is shown."""

    rule: str
    rule_version: int | None
    since: Moment
    until: Moment
    readings: int
    items: list[StepObject]
    cut: bool


@part.get("/rules", RuleList, "The rules, by code", query=Paged)
def rules(query: Paged) -> RuleList:
    """List the rules."""
    rows, following = page_of(_whole(), BY_CODE, query)
    return RuleList(items=[RuleObject(**_fields(row)) for row in rows], next=following)


@part.get("/rules/<rule>", RuleDetail, "One rule with its versions")
def rule(rule: str) -> RuleDetail:
    """Show one rule."""
    row = _find(rule)
    versions = [RuleVersionObject(number=one.number, since=one.since) for one in row.versions]
    return RuleDetail(**_fields(row), versions=versions)


@part.post(
    "/rules/<rule>/backtest",
    BacktestObject,
    "When it would have fired; above 100,000 readings a job (202)",
    scope="admin",
    body=Backtest,
    also={202: JobObject},
)
def backtest(rule: str, body: Backtest) -> Any:
    """Judge stored readings again; nothing is changed."""
    row = _find(rule)
    spec = parse_rule({**body.spec, "code": row.code}, "spec") if body.spec else None
    tried = spec or parse_rule(row.current.spec)
    since, until = _stretch(body)
    sensors = _chosen(sensors_under(db.session(), tried, g.actor), body.sensors)
    readings = count_readings(db.session(), sensors, since, until)
    if readings > AT_ONCE:
        return _as_job(tried, sensors, since, until), 202
    fired = _all(tried, sensors, since, until)
    steps = list(islice(fired, MOST_STEPS + 1))
    return BacktestObject(
        rule=row.code,
        rule_version=None if spec else row.current.number,
        since=since,
        until=until,
        readings=readings,
        items=[_step(one) for one in steps[:MOST_STEPS]],
        cut=len(steps) > MOST_STEPS,
    )


def _as_job(rule: Rule, sensors: list[Sensor], since: datetime, until: datetime) -> JobObject:
    arguments = {
        "spec": rule.to_json(),
        "sensors": [str(one.id) for one in sensors],
        "since": iso(since),
        "until": iso(until),
    }
    job = ask(db.session(), BACKTEST, arguments, by=g.actor, now=site_now())
    db.session.flush()
    return job_object(job)


def _all(
    rule: Rule, sensors: Iterable[Sensor], since: datetime, until: datetime
) -> Iterator[Fired]:
    for sensor in sensors:
        yield from would_have_fired(db.session(), rule, sensor, since, until)


def _stretch(body: Backtest) -> tuple[datetime, datetime]:
    until = body.until or site_now()
    since = body.since or until - USUAL_SPAN
    if since >= until:
        raise BadInput([Fault("since", reason("api.since_after_until"))])
    return since, until


def _chosen(sensors: list[Sensor], wanted: list[str] | None) -> list[Sensor]:
    if wanted is None:
        return sensors
    by_name = {f"{one.site.code}/{one.code}": one for one in sensors}
    by_name |= {str(one.id): one for one in sensors}
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise nothing_called("sensors", unknown[0])
    return [by_name[name] for name in dict.fromkeys(wanted)]


def _step(fired: Fired) -> StepObject:
    sensor, step = fired
    return StepObject(
        subject=sensor.subject,
        to=step.to,
        severity=step.severity,
        at=from_ms(step.at_ms),
        observed_at=from_ms(step.observed_ms),
        value=step.value,
        limit=step.limit,
        reason=told(step.reason, sensor.site.timezone),
    )


def _find(code: str) -> RuleRow:
    row = db.session.scalars(_whole().where(RuleRow.code == code.replace("\x00", ""))).first()
    if row is None:
        raise Missing("rule", code[:120])
    return row


def _whole() -> Select[tuple[RuleRow]]:
    """Rules are the installation's: staff of any site may read them."""
    rows = select(RuleRow).options(selectinload(RuleRow.versions))
    return rows if g.actor.is_staff else rows.where(False)


def _fields(row: RuleRow) -> dict[str, Any]:
    current = row.current
    return {
        "id": row.id,
        "code": row.code,
        "version": row.version,
        "state": "on" if row.off_at is None else "off",
        "actions": ["backtest"] if g.actor.has_role("admin") else [],
        "rule_version": current.number,
        "since": current.since,
        "spec": current.spec,
    }
