"""The papers on the way to the reopened door, one page each; and the override."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.amendment import extend
from models.closure import Closure
from models.errors import Forbidden, Missing
from models.gate import blockers
from models.inputs import Faults
from models.lifting import override, reassess, rectify, refuse_lift, request_lift, state_sensor
from models.reasons import reason
from models.sensor import Sensor
from webapp.casework import find, history_of, meanwhile, require_unchanged, seen
from webapp.closure_page import WHOLE
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import sentence, t
from webapp.forms import again
from webapp.papers import Field, Paper, bilingual_of, moment_of, show_paper, wall_time
from webapp.policies import allow

part = Blueprint("papers", __name__)
LONGEST_PUBLIC = 400


def _area(name: str, value: str | None = "") -> Field:
    return Field(
        "area", name, t(f"closures.{name}"), value or "", t(f"closures.{name}_hint"), rows=5
    )


def _fields(closure: Closure, paper: str) -> list[Field]:
    if paper == "extend":
        until = wall_time(closure.until_at)
        hint = t("closures.until_hint")
        when = Field("moment", "until_at", t("closure.field.until_at"), until, hint, optional=True)
        return [when, Field("text", "why", t("closures.why_extended"))]
    if paper == "reassess":
        return [_area("reassessment", closure.reassessment)]
    if paper == "rectify":
        hint = t("closures.rectification_hint")
        label = t("closures.rectification")
        value = closure.rectification or {}
        return [Field("bilingual", "rectification", label, value, hint, rows=4)]
    if paper == "request_lift":
        own = [] if closure.reassessment else [_area("reassessment")]
        return [*own, _area("statement")]
    return [_area("why")]


def _request_lift(closure: Closure, act: dict[str, Any]) -> None:
    faults = Faults()
    if not closure.reassessment:
        faults.need("reassessment", request.form.get("reassessment", ""))
    faults.need("statement", request.form.get("statement", ""))
    faults.stop()
    again_judged = request.form.get("reassessment", "")
    request_lift(closure, request.form["statement"], reassessment=again_judged, **act)


def _extend(closure: Closure, act: dict[str, Any]) -> None:
    faults = Faults()
    until = moment_of("until_at", closure.site.timezone, faults)
    faults.need("why", request.form.get("why", ""))
    faults.stop()
    extend(closure, until, why=request.form["why"], **act)


def _rectify(closure: Closure, act: dict[str, Any]) -> None:
    faults = Faults()
    text = bilingual_of("rectification", faults, LONGEST_PUBLIC)
    faults.stop()
    rectify(closure, text or {}, **act)


VERBS: dict[str, Callable[[Closure, dict[str, Any]], Any]] = {
    "extend": _extend,
    "reassess": lambda closure, act: reassess(closure, request.form.get("reassessment", ""), **act),
    "rectify": _rectify,
    "request_lift": _request_lift,
    "refuse_lift": lambda closure, act: refuse_lift(closure, request.form.get("why", ""), **act),
    "override": lambda closure, act: override(closure, request.form.get("why", ""), **act),
}


@part.get("/<key>/papers/<paper>")
@allow("duty", "manager", "engineer")
def show(key: str, paper: str) -> str:
    """Show the form of one paper; overriding first shows what it goes against."""
    if paper not in VERBS:
        abort(404)
    closure = find(Closure, key, *WHOLE)
    if not closure.may(paper, g.actor):
        raise Forbidden(reason("access.wrong_role"))
    events = history_of(closure)
    against = blockers(db.session(), closure, None, site_now()) if paper == "override" else []
    return show_paper(
        Paper(
            title=t(f"closures.{paper}_title", zone=closure.zone.name),
            intro=t(f"closures.{paper}_intro"),
            warning=t("closures.override_warning") if paper == "override" else "",
            submit=t(f"closures.{paper}_submit"),
            back=(url_for("closures.show", key=closure.code), closure.code),
            fields=_fields(closure, paper),
            version=seen(closure, events),
            icon="lock-open" if paper == "override" else "signature",
        ),
        blockers=[{"text": sentence(one.reason), "href": one.href} for one in against],
        meanwhile=meanwhile(events),
    )


@part.post("/<key>/papers/<paper>")
@allow("duty", "manager", "engineer")
@again(show)
def take(key: str, paper: str) -> ResponseReturnValue:
    """Take a paper into the file."""
    if paper not in VERBS:
        abort(404)
    begin_write()
    closure = find(Closure, key)
    require_unchanged(closure)
    VERBS[paper](closure, {"by": g.actor, "now": site_now()})
    commit()
    flash(t(f"closures.did_{paper}", zone=closure.zone.name), "done")
    return redirect(url_for("closures.show", key=closure.code, _anchor="reopening"), 303)


@part.get("/<key>/sensors/<code>")
@allow("engineer")
def sensor(key: str, code: str) -> str:
    """Ask why the zone may be judged without a sensor that was lost."""
    closure = find(Closure, key, *WHOLE)
    events = history_of(closure)
    label, hint = t("closures.sensor_statement", sensor=code), t("closures.sensor_statement_hint")
    return show_paper(
        Paper(
            title=t("closures.sensor_title", sensor=_lost(closure, code).code),
            intro=t("closures.sensor_intro"),
            submit=t("closures.sensor_submit"),
            back=(url_for("closures.show", key=closure.code), closure.code),
            fields=[Field("area", "statement", label, hint=hint, rows=5)],
            version=seen(closure, events),
            icon="signature",
        ),
        meanwhile=meanwhile(events),
    )


@part.post("/<key>/sensors/<code>")
@allow("engineer")
@again(sensor)
def state(key: str, code: str) -> ResponseReturnValue:
    """Take the engineer's word for a lost sensor."""
    begin_write()
    closure = find(Closure, key)
    require_unchanged(closure)
    words = request.form.get("statement", "")
    state_sensor(closure, _lost(closure, code), words, by=g.actor, now=site_now())
    commit()
    flash(t("closures.did_state_sensor", sensor=code), "done")
    return redirect(url_for("closures.show", key=closure.code, _anchor="reopening"), 303)


def _lost(closure: Closure, code: str) -> Sensor:
    mine = select(Sensor).where(Sensor.site_id == closure.site_id, Sensor.code == code)
    found = db.session.scalars(mine).first()
    if found is None:
        raise Missing("sensor", code)
    return found
