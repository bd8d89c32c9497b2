"""The page of a closure: what to do now, what the notice says, and what keeps the door shut."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask import g, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from models.amendment import Amendment, missing, why_small_radius
from models.clearing import clear_checks, places
from models.closure import Closure
from models.contacts import call_list, calls_about
from models.errors import Blocker
from models.gate import blockers
from models.lifting import left_to_lift
from models.photo import photos_of
from models.public_notice import facts
from models.reasons import Reason, reason
from models.rights import may_begin
from models.sensor import Sensor
from models.words.render import moment
from webapp.casework import find, history_of, meanwhile, names_of, seen, told
from webapp.db import db, site_now
from webapp.filters import full_moment, name, sentence, t
from webapp.poster import poster, public_address
from webapp.reader import current_reader

# The steps that one tap takes; the others have a page of their own, for there is more to say.
TAPS = {"issue": "barrier-block", "discard": "x", "post": "check", "countersign": "signature"}
PAPERS = ("extend", "reassess", "rectify", "request_lift", "refuse_lift")
WHOLE = (
    joinedload(Closure.site),
    joinedload(Closure.zone),
    joinedload(Closure.incident),
    joinedload(Closure.alert),
    selectinload(Closure.amendments),
    selectinload(Closure.statements),
)


def show_closure(key: str) -> str:
    """Draw the page of a closure."""
    session, now = db.session(), site_now()
    closure = find(Closure, key, *WHOLE)
    standing = _sensors(closure.site_id)  # held, so that the gate finds them already loaded
    events = history_of(closure)
    in_the_way = blockers(session, closure, g.actor, now) if closure.in_force else []
    notice = facts(session, closure, now)
    names = names_of(_signers(closure))
    return render_template(
        "closures/show.html",
        closure=closure,
        seen=seen(closure, events),
        notice=notice,
        poster=poster(notice, current_reader().language),
        address=public_address(closure.token),
        missing=missing(closure) if closure.in_force else [],
        small_radius=sentence(why_small_radius(closure)),
        taps=_taps(closure, now),
        papers=_papers(closure, now),
        gate=_gate(closure, in_the_way, standing),
        first_hour=first_hour(closure, closure.zone, [closure]),
        photos=photos_of(session, closure),
        log=told(events),
        meanwhile=meanwhile(events),
        changes=_changes(closure),
        names=names,
        may=lambda what: may_begin(what, g.actor, closure.site_id),
        overridden_by=", ".join(names.get(one, "") for one in _overrider(closure)),
    )


def _sensors(site_id: uuid.UUID) -> list[Sensor]:
    mine = select(Sensor).where(Sensor.site_id == site_id).options(selectinload(Sensor.epochs))
    return list(db.session.scalars(mine))


def _signers(closure: Closure) -> list[uuid.UUID | None]:
    return [
        closure.issued_by,
        closure.countersigned_by,
        closure.lift_requested_by,
        closure.lift_signed_by,
        *_overrider(closure),
    ]


def _overrider(closure: Closure) -> list[uuid.UUID]:
    by = (closure.override or {}).get("by", "")
    return [uuid.UUID(by)] if by and by != "None" else []


def _changes(closure: Closure) -> list[tuple[Amendment, list[tuple[str, str, str]]]]:
    """Return the amendments, the newest first, each with (field, before, after)."""
    return [
        (one, [(field, _told(was), _told(one.after[field])) for field, was in one.before.items()])
        for one in reversed(closure.amendments)
    ]


def _told(value: Any) -> str:
    """Return what a field of the notice said."""
    if isinstance(value, dict) and "name" in value:
        return " ".join(filter(None, (name(value.get("title")), name(value["name"]))))
    if isinstance(value, str) and value.endswith("Z") and value[:1].isdigit():
        return full_moment(moment(value))
    return name(value) or "—"


def _may(closure: Closure, action: str, now: datetime) -> bool:
    return action in closure.offered(now) and closure.may(action, g.actor)


def _taps(closure: Closure, now: datetime) -> list[Any]:
    """Return the buttons, grey ones with the sentence that a refusal would say."""
    found = []
    for action, icon in TAPS.items():
        done = action == "countersign" and closure.countersigned_at is not None
        if not done and _may(closure, action, now):
            why_not = sentence(closure.why_not(action, g.actor, now))
            found.append(_button(action, icon, why_not, primary=action == "issue"))
    return found


def _papers(closure: Closure, now: datetime) -> list[Any]:
    found = []
    for action in PAPERS:
        if _may(closure, action, now):
            why_not = sentence(closure.why_not(action, g.actor, now))
            href = url_for("closures.papers.show", key=closure.code, paper=action)
            found.append(_button(action, "", why_not, href=href))
    return found


def _button(
    action: str, icon: str, why_not: str = "", *, primary: bool = False, href: str = ""
) -> Any:
    label = t(f"closure.action.{action}")
    return SimpleNamespace(
        name=action, label=label, icon=icon, why_not=why_not, primary=primary, href=href
    )


@dataclass(frozen=True)
class Gate:
    """What the page shows of the way back: everything in the way, and the two signatures."""

    blockers: list[dict[str, str]]
    lift: Any  # the button; None for those whose it is not
    override: bool
    lost: list[Sensor]  # retired, and nobody has stated yet that the zone is safe without


def _gate(closure: Closure, found: list[Any], standing: list[Sensor]) -> Gate:
    told = [{"text": sentence(one.reason), "href": _where(closure, one)} for one in found]
    lift = None
    if closure.in_force and closure.may("lift", g.actor):
        left = left_to_lift(closure, g.actor, found)
        why_not = reason("closure.blocked", n=len(left)) if left else None
        lift = _button("lift", "lock-open", sentence(why_not), primary=True)
    lost = {
        one.reason.values["sensor"] for one in found if one.reason.code == "gate.sensor_retired"
    }
    return Gate(
        told,
        lift,
        closure.in_force and closure.may("override", g.actor),
        [sensor for sensor in standing if sensor.code in lost],
    )


# A paper that is missing is in the way until somebody fills it in: here is where.
_FILLED_IN = {
    "gate.reassessment_missing": "reassess",
    "gate.rectification_missing": "rectify",
    "gate.first_signature": "request_lift",
}


def _where(closure: Closure, blocker: Blocker) -> str:
    """Return where this reader can deal with a blocker; this very page is no answer."""
    code, now = blocker.reason.code, site_now()
    paper = _FILLED_IN.get(code, "")
    if paper and _may(closure, paper, now):
        return url_for("closures.papers.show", key=closure.code, paper=paper)
    if code == "gate.sensor_retired" and _may(closure, "state_sensor", now):
        sensor = blocker.reason.values["sensor"]
        return url_for("closures.papers.sensor", key=closure.code, code=sensor)
    return "" if blocker.href.startswith("/closures/") else blocker.href


@dataclass(frozen=True)
class FirstHour:
    """Are people out, and whom to call: a tap each."""

    places: list[tuple[Any, Any]]  # place, its tick or None
    contacts: list[tuple[Any, Any]]  # contact, the last call or None
    names: dict[uuid.UUID, str]

    @property
    def people_out(self) -> bool:
        """Whether somebody has looked everywhere."""
        return bool(self.places) and all(check is not None for _, check in self.places)

    @property
    def called(self) -> int:
        """How many have been tried."""
        return sum(1 for _, call in self.contacts if call is not None)


def first_hour(about: Any, zone: Any, checked: list[Any]) -> FirstHour:
    """Return the places and the call list; ticks count that were made on any of `checked`."""
    session = db.session()
    checks = clear_checks(session, checked)
    calls = calls_about(session, about)
    found = [(place, checks.get(place.key)) for place in places(session, zone)] if zone else []
    return FirstHour(
        found,
        [(contact, _said(calls.get(contact.id))) for contact in call_list(session, about.site_id)],
        names_of(check.by_id for check in checks.values()),
    )


def _said(event: Any) -> Any:
    if event is None:
        return None
    why = Reason.from_json(event.reason)
    return SimpleNamespace(outcome=event.after, at=event.at, note=why.values.get("note", ""))
