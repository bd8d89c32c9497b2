"""From posted to reopened: the gate is empty and two people sign, or one overrides."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select

from models.closure import Closure, SensorStatement
from models.errors import Blocker, Refusal
from models.gate import SECOND_SIGNATURE, blockers
from models.inputs import Faults, need_text
from models.people import Actor
from models.photo import Photo
from models.reasons import Reason, reason
from models.sensor import Sensor
from models.signing import why_not_sign
from models.times import iso
from models.workflow import guards, session_of


def countersign(closure: Closure, *, by: Actor, now: datetime, note: str = "") -> None:
    """A manager stands by what the duty officer shut."""
    due_at = closure.countersign_due_at
    late = due_at is not None and now > due_at
    why = reason("closure.countersigned", late=late, note=note.strip())
    closure.step("countersign", by=by, now=now, why=why)
    closure.countersigned_at, closure.countersigned_by = now, by.id


def post(closure: Closure, *, by: Actor, now: datetime, note: str = "") -> None:
    """Say that the notice hangs at the gates; photos prove it."""
    closure.step("post", by=by, now=now, why=reason("closure.posted", note=note.strip()))
    closure.posted_at = now


def state_sensor(
    closure: Closure, sensor: Sensor, statement: str, *, by: Actor, now: datetime
) -> SensorStatement:
    """An engineer says why the zone may be judged without a sensor that was lost."""
    statement = need_text("statement", statement)
    if sensor.retired_at is None:
        raise Refusal(reason("closure.sensor_in_service", sensor=sensor.code))
    why = reason("closure.sensor_stated", sensor=sensor.code, statement=statement)
    closure.require("state_sensor", by, now)
    row = SensorStatement(
        id=uuid.uuid4(), sensor_id=sensor.id, statement=statement, by_id=by.id, at=now
    )
    closure.statements.append(row)
    closure.step("state_sensor", by=by, now=now, why=why)
    return row


def reassess(closure: Closure, text: str, *, by: Actor, now: datetime) -> None:
    """Judge anew whether people may go in (文物建筑开放导则: the opening is assessed again)."""
    text = need_text("reassessment", text)
    closure.step("reassess", by=by, now=now, why=reason("closure.reassessed", note=text))
    closure.reassessment, closure.reassessed_at = text, now


def rectify(closure: Closure, text: Mapping[str, str], *, by: Actor, now: datetime) -> None:
    """Write what was put right; it is published when the zone opens."""
    faults = Faults()
    faults.need("rectification", text)
    faults.stop()
    closure.step("rectify", by=by, now=now, why=reason("closure.rectified", text=dict(text)))
    closure.rectification = dict(text)


def request_lift(
    closure: Closure, statement: str, *, by: Actor, now: datetime, reassessment: str = ""
) -> None:
    """First signature: the engineer states that the zone may open, and asks for it."""
    statement = need_text("statement", statement)
    if reassessment.strip():
        reassess(closure, reassessment, by=by, now=now)
    why = reason("closure.lift_requested", statement=statement)
    closure.step("request_lift", by=by, now=now, why=why)
    closure.lift_statement = statement
    closure.lift_requested_at, closure.lift_requested_by = now, by.id


def sign_lift(closure: Closure, *, by: Actor, now: datetime) -> None:
    """Second signature: the bureau's manager, who is not the engineer. Raises Refusal."""
    closure.step("sign_lift", by=by, now=now, why=reason("closure.lift_signed"))
    closure.lift_signed_at, closure.lift_signed_by = now, by.id


def lift(closure: Closure, *, by: Actor, now: datetime) -> None:
    """Open the zone. A manager who may sign does so with the same tap.

    A program only carries out what two people have signed. Raises Refusal with all blockers.
    """
    closure.require("lift", by, now)
    if closure.lift_signed_by is None:
        sign_lift(closure, by=by, now=now)
    closure.step("lift", by=by, now=now, why=reason("closure.lifted"))
    closure.ended_at = now


def refuse_lift(closure: Closure, why: str, *, by: Actor, now: datetime) -> None:
    """It stays shut: the signatures asked for are void, the reason is on record."""
    note = need_text("why", why)
    closure.step("refuse_lift", by=by, now=now, why=reason("closure.lift_refused", note=note))
    closure.lift_statement = None
    closure.lift_requested_at = closure.lift_requested_by = None
    closure.lift_signed_at = closure.lift_signed_by = None


def override(closure: Closure, why: str, *, by: Actor, now: datetime) -> None:
    """Open against the gate, in one's own name; the reason stays on the notice for ever."""
    note = need_text("why", why)
    closure.require("override", by, now)
    standing = blockers(session_of(closure), closure, None, now)
    closure.override = {
        "reason": note,
        "at": iso(now),
        "by": str(by.id),
        "blockers": [blocker.reason.to_json() for blocker in standing],
    }
    overridden = reason("closure.overridden", note=note, n=len(standing))
    closure.step("override", by=by, now=now, why=overridden)
    closure.ended_at = now


def _in_the_way(closure: Closure, actor: Actor, now: datetime) -> Sequence[Blocker]:
    return blockers(session_of(closure), closure, actor, now)


def _besides_signature(closure: Closure, actor: Actor, now: datetime) -> list[Blocker]:
    found = blockers(session_of(closure), closure, None, now)
    return [blocker for blocker in found if blocker.reason.code != SECOND_SIGNATURE]


@guards(Closure, "post")
def why_not_post(closure: Closure, actor: Actor, now: datetime) -> Reason | None:
    """Posted is what a photo at the gate shows."""
    photos = select(func.count()).where(
        Photo.subject_kind == "closure",
        Photo.subject_id == closure.id,
        Photo.stage == "posting",
    )
    if session_of(closure).scalar(photos):
        return None
    return reason("closure.posting_photo_missing")


@guards(Closure, "countersign")
def why_not_countersign(closure: Closure, actor: Actor, now: datetime) -> Reason | None:
    """Once, by another person than the one who shut it."""
    if closure.countersigned_at is not None:
        return reason("closure.countersigned_already")
    return why_not_sign("closure.countersign", closure, actor)


@guards(Closure, "state_sensor")
def why_not_state_sensor(closure: Closure, actor: Actor, now: datetime) -> Reason | None:
    """An engineer in person."""
    return why_not_sign("closure.state_sensor", closure, actor)


@guards(Closure, "request_lift")
def why_not_request_lift(closure: Closure, actor: Actor, now: datetime) -> Reason | None:
    """An engineer in person; what is in the way may still be dealt with afterwards."""
    return why_not_sign("closure.request_lift", closure, actor)


@guards(Closure, "sign_lift", lists=_besides_signature)
def why_not_sign_lift(closure: Closure, actor: Actor, now: datetime) -> Reason | None:
    """A manager, another person than the engineer, and nothing else in the way."""
    if closure.lift_signed_by is not None:
        return reason("closure.signed_already")
    own = why_not_sign("closure.sign_lift", closure, actor)
    if own is not None:
        return own
    found = _besides_signature(closure, actor, now)
    return reason("closure.blocked", n=len(found)) if found else None


@guards(Closure, "lift", lists=_in_the_way)
def why_not_lift(closure: Closure, actor: Actor, now: datetime) -> Reason | None:
    """Everything is dealt with, but for a signature that this very person may give."""
    found = left_to_lift(closure, actor, _in_the_way(closure, actor, now))
    return reason("closure.blocked", n=len(found)) if found else None


def left_to_lift(closure: Closure, actor: Actor, found: Sequence[Blocker]) -> list[Blocker]:
    """Return what of the blockers this actor's own signature would not settle."""
    signs = closure.lift_signed_by is None and not why_not_sign("closure.sign_lift", closure, actor)
    return [one for one in found if not (signs and one.reason.code == SECOND_SIGNATURE)]


@guards(Closure, "override")
def why_not_override(closure: Closure, actor: Actor, now: datetime) -> Reason | None:
    """A manager in person."""
    return why_not_sign("closure.override", closure, actor)
