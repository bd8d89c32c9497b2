"""Alerts, in the states of ISA-18.2, and what a duty desk does with them."""

import uuid
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from flask import g
from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from models.alert import ACTIONS, LABELS, Alert
from models.alert_rights import buttons, require
from models.people import User
from webapp.api.alert_states import in_state
from webapp.api.finding import find, find_to_change, person_at, site_of
from webapp.api.operations import Part
from webapp.api.paging import Order, Paged, page_of
from webapp.api.values import (
    Answer,
    Body,
    FilledText,
    Line,
    Moment,
    Nothing,
    Severity,
    Text,
    Thing,
    Told,
    told,
)
from webapp.db import db, site_now

part = Part("alerts")
pages = part.pages

STATES = tuple(ACTIONS)
NEWEST = Order((Alert.raised_at, Alert.id), lambda one: (one.raised_at, one.id), newest_first=True)
PARTS = (joinedload(Alert.site),)
AlertState = Literal[
    "active_unacknowledged",
    "active",
    "cleared_unacknowledged",
    "latched_unacknowledged",
    "latched",
    "shelved",
    "suppressed",
    "out_of_service",
    "normal",
]


class Person(Answer):
    """Somebody of the authority."""

    id: uuid.UUID
    name: str


class AlertObject(Thing):
    """One episode of one rule at one subject. `unknown`: its sensor has fallen silent."""

    state: AlertState
    acknowledged: bool
    latched: bool
    shelved_until: Moment | None
    assignee: Person | None
    rule: str
    rule_version: int
    subject: str
    site: str | None
    severity: Severity
    peak: Severity
    unknown: bool
    raised_at: Moment
    observed_at: Moment
    cleared_at: Moment | None
    value: float | None
    limit: float | None
    reason: Told
    label: str | None


class AlertList(Answer):
    """A page of alerts."""

    items: list[AlertObject]
    next: str | None


def _states(text: str) -> str:
    unknown = [one for one in text.split(",") if one not in STATES]
    if unknown:
        context = {"value": unknown[0][:80], "allowed": list(STATES)}
        raise PydanticCustomError("input.not_one_of", "not a state", context)
    return text


class AlertQuery(Paged):
    """Which alerts."""

    state: Annotated[
        str | None,
        AfterValidator(lambda text: text if text is None else _states(text)),
        WithJsonSchema({"type": "string"}),
        Field(description=f"One or more, with commas between them: {', '.join(STATES)}."),
    ] = None
    site: Line | None = None
    severity: Severity | None = None


class Acknowledge(Body):
    """Somebody has seen it and acts."""

    note: Text = ""


class Assign(Body):
    """Who is sent: the id or the e-mail address of one of the site's people."""

    person: Line
    note: Text = ""


class Shelve(Body):
    """Until when it stays off the list, and why: 24 h at the most, 4 h of high severity."""

    until: Moment
    why: FilledText


class Dismiss(Body):
    """Why it is false. It stays off the list until it clears, 24 h at the most."""

    why: FilledText


class Close(Body):
    """What an episode that is over was."""

    label: Literal["real", "false", "test", "work_on_site", "unknown"]
    note: FilledText


class Reset(Body):
    """What the inspection on the spot found."""

    inspection: FilledText


assert Close.model_fields["label"].annotation.__args__ == LABELS  # type: ignore[union-attr]


@part.get("/alerts", AlertList, "The alerts, the newest first", query=AlertQuery)
def alerts(query: AlertQuery) -> AlertList:
    """List alerts of all states, or of some."""
    statement = select(Alert).where(Alert.visible_to(g.actor)).options(*PARTS)
    site = site_of("site", query.site)
    if site is not None:
        statement = statement.where(Alert.site_id == site.id)
    if query.severity is not None:
        statement = statement.where(Alert.severity == query.severity)
    if query.state is not None:
        now = site_now()
        statement = statement.where(or_(*(in_state(one, now) for one in query.state.split(","))))
    rows, following = page_of(statement, NEWEST, query)
    return AlertList(items=present_all(rows), next=following)


@part.get("/alerts/<alert>", AlertObject, "One alert")
def alert(alert: str) -> AlertObject:
    """Show one alert."""
    return present(find(Alert, alert, *PARTS))


@part.post("/alerts/<alert>/acknowledge", AlertObject, "Acknowledge an alert", body=Acknowledge)
def acknowledge(alert: str, body: Acknowledge) -> AlertObject:
    """Say that somebody has seen it."""
    return _do(alert, "acknowledge", lambda row: row.acknowledge(note=body.note, **_act()))


@part.post("/alerts/<alert>/assign", AlertObject, "Send somebody", body=Assign)
def assign(alert: str, body: Assign) -> AlertObject:
    """Send one of the site's people."""
    return _do(
        alert,
        "assign",
        lambda row: row.assign(
            person_at(row.site_id, "person", body.person), note=body.note, **_act()
        ),
    )


@part.post("/alerts/<alert>/shelve", AlertObject, "Take an alert off the list", body=Shelve)
def shelve(alert: str, body: Shelve) -> AlertObject:
    """Take it off the list for a time."""
    return _do(alert, "shelve", lambda row: row.shelve(body.until, body.why, **_act()))


@part.post("/alerts/<alert>/unshelve", AlertObject, "Put an alert back", body=Nothing)
def unshelve(alert: str, body: Nothing) -> AlertObject:
    """Put it back before its time."""
    return _do(alert, "unshelve", lambda row: row.unshelve(**_act()))


@part.post("/alerts/<alert>/dismiss", AlertObject, "Label an active alert false", body=Dismiss)
def dismiss(alert: str, body: Dismiss) -> AlertObject:
    """Call it false and shelve it until it clears."""
    return _do(alert, "dismiss", lambda row: row.dismiss(body.why, **_act()))


@part.post("/alerts/<alert>/close", AlertObject, "Label an episode that is over", body=Close)
def close(alert: str, body: Close) -> AlertObject:
    """Say what it was."""
    return _do(alert, "close", lambda row: row.close(body.label, body.note, **_act()))


@part.post("/alerts/<alert>/reset", AlertObject, "Reset a latched alert", body=Reset)
def reset(alert: str, body: Reset) -> AlertObject:
    """Let go of a latch after an inspection."""
    return _do(alert, "reset", lambda row: row.reset(body.inspection, **_act()))


def _do(key: str, action: str, step: Callable[[Alert], None]) -> AlertObject:
    row = find_to_change(Alert, key, present, *PARTS)
    require(row, action, g.actor)
    step(row)
    db.session.flush()
    return present(row)


def _act() -> dict[str, object]:
    return {"by": g.actor, "now": site_now()}


def present(alert: Alert) -> AlertObject:
    """Return one alert as the API tells it."""
    return present_all([alert])[0]


def present_all(alerts: Sequence[Alert]) -> list[AlertObject]:
    """Return alerts as the API tells them; one query for the people."""
    people = _people({one.assignee_id for one in alerts if one.assignee_id})
    return [_object(one, people) for one in alerts]


def _people(ids: set[uuid.UUID]) -> dict[uuid.UUID, Person]:
    if not ids:
        return {}
    found = db.session.execute(select(User.id, User.name, User.email).where(User.id.in_(ids)))
    return {one: Person(id=one, name=name or email) for one, name, email in found}


def _object(alert: Alert, people: dict[uuid.UUID, Person]) -> AlertObject:
    now = site_now()
    return AlertObject(
        id=alert.id,
        code=alert.code,
        version=alert.version,
        state=alert.state(now),
        actions=list(buttons(alert, g.actor, now)),
        acknowledged=alert.acknowledged,
        latched=alert.latched,
        shelved_until=alert.shelved_until,
        assignee=people.get(alert.assignee_id) if alert.assignee_id else None,
        rule=alert.rule_code,
        rule_version=alert.rule_version,
        subject=alert.subject,
        site=alert.site.code if alert.site else None,
        severity=alert.severity,
        peak=alert.peak,
        unknown=alert.unknown,
        raised_at=alert.raised_at,
        observed_at=alert.observed_at,
        cleared_at=alert.cleared_at,
        value=alert.value,
        limit=alert.limit,
        reason=told(alert.reason, alert.site.timezone if alert.site else None),
        label=alert.label,
    )
