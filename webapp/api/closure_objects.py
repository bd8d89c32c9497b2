"""A closure as the API tells it."""

from typing import Any

from flask import g

from models.closure import Closure
from models.errors import Blocker
from models.gate import blockers
from webapp.api.steps import actions_of
from webapp.api.values import Answer, Blocked, Moment, Named, Thing, Told, named, told
from webapp.db import db, site_now

# Steps with an address of their own here. The others are a person's, on pages.
STEPS = ("issue", "extend", "lift")
LOOKS_FURTHER = ("issue", "lift")


class OverrideObject(Answer):
    """The zone was opened against the gate; the reason stays for ever."""

    reason: str
    at: Moment


class ClosureObject(Thing):
    """A zone shut for the public. `notice` is the public address."""

    site: str
    zone: str
    alert: str | None
    incident: str | None
    why: Told
    began_at: Moment
    until_at: Moment | None
    next_update_at: Moment | None
    review_due_at: Moment
    radius_m: float | None
    issued_at: Moment | None
    countersign_due_at: Moment | None
    countersigned_at: Moment | None
    posted_at: Moment | None
    lift_requested_at: Moment | None
    lift_signed_at: Moment | None
    ended_at: Moment | None
    override: OverrideObject | None
    explanation: Named | None
    notice: str | None


class ClosureDetail(ClosureObject):
    """A closure with everything that keeps it shut."""

    blockers: list[Blocked]


class ClosureList(Answer):
    """A page of closures."""

    items: list[ClosureObject]
    next: str | None


def present(closure: Closure) -> ClosureDetail:
    """Return a closure as the API tells it."""
    now = site_now()
    waits = blockers(db.session(), closure, g.actor, now) if closure.in_force else []
    timezone = closure.site.timezone
    return ClosureDetail(
        **fields_of(closure, actions_of(closure, STEPS)),
        blockers=[_blocked(one, timezone) for one in waits],
    )


def fields_of(closure: Closure, actions: list[str]) -> dict[str, Any]:
    opened = closure.override
    return {
        **{name: getattr(closure, name) for name in _AS_STORED},
        "actions": actions,
        "site": closure.site.code,
        "zone": closure.zone.code,
        "alert": closure.alert.code if closure.alert else None,
        "incident": closure.incident.code if closure.incident else None,
        "why": told(closure.why, closure.site.timezone),
        "override": OverrideObject(reason=opened["reason"], at=opened["at"]) if opened else None,
        "explanation": named(closure.explanation),
        "notice": None if closure.issued_at is None else f"/n/{closure.token}",
    }


_AS_STORED = (
    "id",
    "code",
    "version",
    "state",
    "began_at",
    "until_at",
    "next_update_at",
    "review_due_at",
    "radius_m",
    "issued_at",
    "countersign_due_at",
    "countersigned_at",
    "posted_at",
    "lift_requested_at",
    "lift_signed_at",
    "ended_at",
)


def _blocked(one: Blocker, timezone: str) -> Blocked:
    return Blocked(**told(one.reason, timezone).model_dump(), href=one.href)
