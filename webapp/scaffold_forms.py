"""Signing a scaffold as its erector, and inspecting it: the eight items on a phone."""

from collections.abc import Mapping

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import joinedload

from models.inputs import Faults, whole_number
from models.inspection import ITEMS, fail, inspect, kind_due, sign_erected
from models.reasons import reason
from models.scaffold import LOAD_CLASSES, Scaffold
from webapp.casework import find, require_unchanged
from webapp.db import begin_write, commit, site_now
from webapp.filters import name, t
from webapp.forms import again
from webapp.papers import number_of, text_of
from webapp.policies import allow
from webapp.scaffold_page import LOADS, where
from webapp.tag_words import shown_tag

part = Blueprint("forms", __name__)

SIGNERS = ("contractor", "supervisor", "engineer", "manager")
LONGEST_ITEM = 1000
WHOLE = (
    joinedload(Scaffold.site),
    joinedload(Scaffold.building),
    joinedload(Scaffold.zone),
    joinedload(Scaffold.organisation),
)


def _known(scaffold: Scaffold) -> dict[str, str]:
    """Return what need not be typed again: of the last look, or of the scaffold itself."""
    last = next((one.items for one in reversed(scaffold.inspections) if one.items), None)
    kept = last or scaffold.items or {}
    told = {
        "for_whom": name(scaffold.organisation.name) if scaffold.organisation else "",
        "location": t("shell.comma").join(
            filter(None, (name(scaffold.site.name), where(scaffold), scaffold.code))
        ),
        "description": _description(scaffold),
    }
    reporter = g.user.name if g.get("user") else ""
    return {**told, **{one: kept[one] for one in told if kept.get(one)}, "reporter": reporter}


def _description(scaffold: Scaffold) -> str:
    parts = [t(f"scaffold.kind.{scaffold.kind}"), name(scaffold.name)]
    if scaffold.load_class:
        parts.append(t("scaffolds.class_of", n=scaffold.load_class))
    return t("shell.comma").join(parts)


def _items() -> Mapping[str, str]:
    return {one: request.form.get(f"items.{one}", "")[:LONGEST_ITEM] for one in ITEMS}


@part.get("/scaffolds/<key>/inspect")
@allow(*SIGNERS)
def inspection_page(key: str) -> str:
    """Show the form of an inspection."""
    now = site_now()
    scaffold = find(Scaffold, key, *WHOLE)
    steps = {step.action: step.why_not for step in scaffold.steps(g.actor, now)}
    return render_template(
        "scaffolds/inspect.html",
        scaffold=scaffold,
        tag=shown_tag(scaffold, now, url_for("scaffolds.show", key=scaffold.code)),
        kind=kind_due(scaffold, now),
        items=ITEMS,
        known=_known(scaffold),
        may_pass="inspect" in steps and steps["inspect"] is None,
        why_not_pass=steps.get("inspect"),
        may_fail="fail" in steps,
        now=now,
    )


@part.post("/scaffolds/<key>/inspect")
@allow(*SIGNERS)
@again(inspection_page)
def inspection(key: str) -> ResponseReturnValue:
    """Write an inspection: passed, or failed with what is wrong."""
    passed = request.form.get("result") == "pass"
    begin_write()
    scaffold = find(Scaffold, key)
    require_unchanged(scaffold)
    if passed:
        inspect(scaffold, _items(), by=g.actor, now=site_now())
    else:
        why = request.form.get("why", "")[:LONGEST_ITEM]
        fail(scaffold, _items(), why=why, by=g.actor, now=site_now())
    commit()
    done = "scaffolds.did_pass" if passed else "scaffolds.did_fail"
    flash(t(done, scaffold=scaffold.code), "done" if passed else "warn")
    return redirect(url_for("scaffolds.show", key=scaffold.code), 303)


@part.get("/scaffolds/<key>/erected")
@allow("contractor", "supervisor")
def erected_page(key: str) -> str:
    """Show the form of the erector's signature."""
    now = site_now()
    scaffold = find(Scaffold, key, *WHOLE)
    return render_template(
        "scaffolds/erected.html",
        scaffold=scaffold,
        tag=shown_tag(scaffold, now, url_for("scaffolds.show", key=scaffold.code)),
        items=ITEMS,
        known=_known(scaffold),
        loads=[(n, t("scaffolds.load", n=n, load=LOADS[n])) for n in LOAD_CLASSES],
        now=now,
    )


@part.post("/scaffolds/<key>/erected")
@allow("contractor", "supervisor")
@again(erected_page)
def erected(key: str) -> ResponseReturnValue:
    """Sign as the erector's competent person, with the load class."""
    faults = Faults()
    load = request.form.get("load_class", "")
    counts = {one: _count(one, faults) for one in ("bays", "lifts", "max_loaded_lifts")}
    height = number_of("height_m", faults)
    texts = {
        one: text_of(one, faults, LONGEST_ITEM)
        for one in ("card", "ties", "foundation", "restrictions")
    }
    faults.stop()
    begin_write()
    scaffold = find(Scaffold, key)
    require_unchanged(scaffold)
    sign_erected(
        scaffold,
        load_class=whole_number(load) or 0,
        items=_items(),
        height_m=height,
        sheeting="sheeting" in request.form,
        by=g.actor,
        now=site_now(),
        **counts,
        **texts,
    )
    commit()
    flash(t("scaffolds.did_sign_erected", scaffold=scaffold.code), "done")
    return redirect(url_for("scaffolds.show", key=scaffold.code), 303)


def _count(field: str, faults: Faults) -> int | None:
    found = number_of(field, faults)
    if found is None:
        return None
    if found != int(found) or not 0 < found < 1000:
        faults.refuse(field, reason("input.not_between", value=found, low=1, high=999))
        return None
    return int(found)
