"""Survey findings: what is damaged, how badly by which scheme, made safe, mended, verified."""

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from models.errors import BadInput, Fault, Missing
from models.finding import Finding, record_finding
from models.incident import Incident
from models.inputs import Faults
from models.people import STAFF
from models.photo import photos_of
from models.reasons import reason
from models.registry import Building, Element, Site
from models.rights import SURVEYORS, may_begin
from models.task import OVER, Task
from models.vocabulary import DAMAGES, DANGEROUS, ELEMENTS, ORIENTATIONS, SCHEMES, grade_word
from webapp.casework import find, history_of, meanwhile, names_of, require_unchanged, seen, told
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import sentence, t
from webapp.forms import again
from webapp.papers import Field, Paper, show_paper, text_of
from webapp.policies import allow
from webapp.works_choices import choice_of_site, sites_for

pages = Blueprint("findings", __name__, url_prefix="/findings")
LISTED = 200
SHOWN_SCHEMES = ("EN16096-CC", "EN16096-UC", "GB50165-92")
STEPS = ("monitor", "repair", "verify")  # one tap
WORDY = ("make_safe", "worsen", "link_task")  # a page of their own
ICONS = {"monitor": "eye", "repair": "tools", "verify": "signature"}


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List findings, those that endanger somebody first."""
    mine = select(Finding).where(Finding.visible_to(g.actor)).options(joinedload(Finding.site))
    found = db.session.scalars(mine.order_by(Finding.assessed_at.desc()).limit(LISTED)).all()
    ordered = sorted(found, key=lambda one: not (one.is_dangerous and not one.is_safe))
    return render_template("findings/index.html", findings=ordered, dangerous=_unsafe(found))


def _unsafe(findings: Any) -> int:
    return sum(1 for one in findings if one.is_dangerous and not one.is_safe)


@pages.get("/new")
@allow(*SURVEYORS)
def new() -> str:
    """Show the survey form of a case or a site, or first the choice of a site."""
    incident, site = _place()
    if site is None:
        back = (url_for("findings.index"), t("nav.findings"))
        return choice_of_site("finding", t("findings.new"), "findings.new", back)
    buildings = db.session.scalars(
        select(Building)
        .where(Building.site_id == site.id, Building.retired.is_(False))
        .options(selectinload(Building.elements))
        .order_by(Building.code)
    ).all()
    parts = [
        (str(element.id), t("findings.part", building=building.name, element=element.name))
        for building in buildings
        for element in building.elements
        if not element.retired
    ]
    return render_template(
        "findings/new.html",
        incident=incident,
        site=site,
        parts=[("", t("findings.no_part")), *parts],
        elements=[(one, f"{t(f'element.{one}')} {one}") for one in ELEMENTS],
        damages=[(one, t(f"damage.{one}")) for one in DAMAGES],
        orientations=[("", "—"), *((one, t(f"orientation.{one}")) for one in ORIENTATIONS)],
        schemes=schemes(),
        fresh=str(uuid.uuid4()),
    )


def schemes() -> list[tuple[str, str, list[tuple[str, str]], bool]]:
    """Return (scheme, its name, grades to choose from, whether it is shown at once)."""
    return [
        (
            scheme,
            t(f"scheme.{scheme}"),
            [("", "—"), *((one, f"{one} {t(grade_word(scheme, one))}") for one in grades)],
            scheme in SHOWN_SCHEMES,
        )
        for scheme, grades in SCHEMES.items()
    ]


def _place() -> tuple[Incident | None, Site | None]:
    """Return the case and the site of a survey: the named, or the only one. Raises Missing."""
    key = request.values.get("incident", "")
    if key:
        incident = find(Incident, key, joinedload(Incident.site))
        return incident, incident.site
    if request.values.get("site"):
        return None, find(Site, request.values["site"])
    sites = sites_for("finding")
    return None, sites[0] if len(sites) == 1 else None


@pages.post("/new")
@allow(*SURVEYORS)
@again(new)
def add() -> ResponseReturnValue:
    """Write down one damage; sent twice, it is one."""
    faults = Faults()
    extent, note = text_of("extent", faults, 200), text_of("note", faults)
    faults.stop()
    begin_write()
    incident, site = _place()
    if site is None:
        raise Missing("site")
    finding = _known(request.form.get("id", ""))
    if finding is None:
        element = _element(site, request.form.get("element", ""))
        finding = record_finding(
            db.session(),
            site,
            element_code=request.form.get("element_code", ""),
            damage=request.form.get("damage", ""),
            orientation=request.form.get("orientation", ""),
            grades=graded(),
            safety=bool(request.form.get("safety")),
            extent=extent,
            note=note,
            element=element,
            zone=None if element else (incident.zone if incident else None),
            incident=incident,
            finding_id=_uuid(request.form.get("id", "")),
            by=g.actor,
            now=site_now(),
        )
    commit()
    flash(t("findings.added", which=finding.code), "done")
    return redirect(url_for("findings.show", key=finding.code), 303)


def graded() -> list[dict[str, str]]:
    """Return the grades that were chosen, each under its own scheme."""
    chosen = ((scheme, request.form.get(f"grade-{scheme}", "")) for scheme in SCHEMES)
    return [{"scheme": scheme, "grade": grade} for scheme, grade in chosen if grade]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _known(key: str) -> Finding | None:
    mine = select(Finding).where(Finding.id == _uuid(key), Finding.visible_to(g.actor))
    return db.session.scalars(mine).first()


def _element(site: Site, key: str) -> Element | None:
    if not key:
        return None
    mine = (
        select(Element).join(Building).where(Building.site_id == site.id, Element.id == _uuid(key))
    )
    found = db.session.scalars(mine).first()
    if found is None:
        raise BadInput([Fault("element", reason("form.not_a_choice"))])
    return found


def show_finding(key: str) -> str:
    """Draw the page of a finding."""
    whole = (
        joinedload(Finding.site),
        joinedload(Finding.element).joinedload(Element.building),
        joinedload(Finding.incident),
        joinedload(Finding.task),
    )
    finding = find(Finding, key, *whole)
    events = history_of(finding)
    return render_template(
        "findings/show.html",
        finding=finding,
        seen=seen(finding, events),
        steps=_steps(finding),
        dangerous=DANGEROUS,
        grade_word=grade_word,
        photos=photos_of(db.session(), finding),
        may_order=may_begin("task", g.actor, finding.site_id),
        may_survey=g.actor.has_role(*SURVEYORS, site_id=finding.site_id),
        names=names_of([finding.assessed_by, finding.verified_by]),
        log=told(events),
        meanwhile=meanwhile(events),
    )


@pages.get("/<key>")
@allow(*STAFF)
def show(key: str) -> str:
    """Show one finding."""
    return show_finding(key)


def _steps(finding: Finding) -> list[Any]:
    return [
        SimpleNamespace(
            name=step.action,
            label=t(f"finding.action.{step.action}"),
            why_not=sentence(step.why_not),
            href=url_for("findings.ask", key=finding.code, action=step.action)
            if step.action in WORDY
            else "",
            icon=ICONS.get(step.action, ""),
            primary=step.action in ("make_safe", "verify"),
        )
        for step in finding.steps(g.actor, site_now())
    ]


VERBS: dict[str, Callable[[Finding, dict[str, Any]], None]] = {
    "monitor": lambda finding, act: finding.monitor(**act),
    "repair": lambda finding, act: finding.repair(**act),
    "verify": lambda finding, act: finding.verify(**act),
    "make_safe": lambda finding, act: finding.make_safe(request.form.get("how", ""), **act),
    "worsen": lambda finding, act: finding.worsen(request.form.get("note", ""), **act),
    "link_task": lambda finding, act: finding.link_task(_task(finding), **act),
}


def _task(finding: Finding) -> Task:
    """Return the task of the form, at the same site. Raises BadInput."""
    mine = select(Task).where(
        Task.id == _uuid(request.form.get("task", "")),
        Task.site_id == finding.site_id,
        Task.visible_to(g.actor),
    )
    found = db.session.scalars(mine).first()
    if found is None:
        raise BadInput([Fault("task", reason("form.not_a_choice"))])
    return found


@pages.post("/<key>/step")
@allow(*SURVEYORS)
@again(show_finding)
def step(key: str) -> ResponseReturnValue:
    """Take a step that needs no words."""
    action = request.form.get("action", "")
    if action not in STEPS:
        raise BadInput([Fault("action", reason("form.not_a_choice"))])
    return _move(key, action)


@pages.get("/<key>/step/<action>")
@allow(*SURVEYORS)
def ask(key: str, action: str) -> str:
    """Show the form of a step that needs words."""
    finding = find(Finding, key, joinedload(Finding.site))
    fields = _asked(finding, action)
    return show_paper(
        Paper(
            title=t(f"findings.{action}_title", which=finding.code),
            intro=t(f"findings.{action}_intro"),
            submit=t(f"finding.action.{action}"),
            back=(url_for("findings.show", key=finding.code), finding.code),
            fields=fields,
            version=str(finding.version),
        )
    )


def _asked(finding: Finding, action: str) -> list[Field]:
    if action == "make_safe":
        return [Field("area", "how", t("findings.how"), hint=t("findings.how_hint"))]
    if action == "worsen":
        return [Field("area", "note", t("incidents.why"))]
    if action != "link_task":
        raise Missing("page", action)
    mine = select(Task).where(
        Task.site_id == finding.site_id, Task.visible_to(g.actor), Task.state.not_in(OVER)
    )
    tasks = db.session.scalars(mine.order_by(Task.code.desc()).limit(LISTED))
    options = [(str(one.id), t("findings.task", task=one.code, title=one.title)) for one in tasks]
    return [Field("select", "task", t("findings.which_task"), options=options)]


@pages.post("/<key>/step/<action>")
@allow(*SURVEYORS)
@again(ask)
def take(key: str, action: str) -> ResponseReturnValue:
    """Take such a step."""
    if action not in VERBS:
        raise Missing("page", action)
    return _move(key, action)


def _move(key: str, action: str) -> ResponseReturnValue:
    begin_write()
    finding = find(Finding, key)
    require_unchanged(finding)
    VERBS[action](finding, {"by": g.actor, "now": site_now()})
    commit()
    flash(t("findings.moved", which=finding.code, state=finding.state), "done")
    return redirect(url_for("findings.show", key=finding.code), 303)
