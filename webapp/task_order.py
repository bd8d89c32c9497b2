"""Ordering a task: what, where, from whom, by when, and how it will be proved."""

import uuid
from typing import Any

from flask import flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.errors import Missing
from models.finding import Finding
from models.inputs import Faults
from models.rights import MAY_BEGIN
from models.task import Task, plan_task
from webapp.casework import find
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.papers import Field, Paper, bilingual_of, moment_of, show_paper, text_of
from webapp.policies import allow
from webapp.works_choices import (
    choice_of_site,
    chosen,
    companies_of,
    incident_of_address,
    named,
    need_party,
    place_from,
    place_options,
    projects_of,
    scaffolds_of,
    site_of_address,
)

ORDERERS = MAY_BEGIN["task"]
LONGEST_TITLE = 120
LONGEST_TEXT = 2000
REVERSIBLE = {"yes": True, "no": False}


@allow(*ORDERERS)
def new() -> str:
    """Show the form, or first the choice of a site."""
    site = site_of_address("task")
    if site is None:
        back = (url_for("tasks.index"), t("nav.tasks"))
        return choice_of_site("task", t("tasks.order"), "tasks.new", back)
    projects = projects_of(site)
    wanted = request.args.get("project", "")
    mine = next((one for one in projects if wanted in (one.code, str(one.id))), None)
    return show_paper(
        Paper(
            title=t("tasks.order"),
            intro=t("tasks.order_intro", site=site.name),
            submit=t("tasks.order_now"),
            icon="plus",
            back=(url_for("tasks.index"), t("nav.tasks")),
            action=request.full_path.rstrip("?"),
            once=str(uuid.uuid4()),
            fields=[
                Field("bilingual", "title", t("tasks.title"), {}, rows=1),
                Field("bilingual", "instructions", t("tasks.instructions"), {}, optional=True),
                Field("select", "place", t("tasks.place"), _place(), options=place_options(site)),
                Field(
                    "select",
                    "project",
                    t("tasks.project"),
                    str(mine.id) if mine else "",
                    t("tasks.project_hint"),
                    named(projects, "title"),
                ),
                Field(
                    "select",
                    "company",
                    t("tasks.company"),
                    hint=t("tasks.company_hint"),
                    options=[("", t("tasks.own_people")), *named(companies_of(projects))[1:]],
                ),
                Field(
                    "select",
                    "scaffold",
                    t("tasks.scaffold"),
                    hint=t("tasks.scaffold_hint"),
                    options=named(scaffolds_of(site)),
                ),
                Field("moment", "due_at", t("tasks.due"), optional=True),
                Field("check", "safety", t("tasks.is_safety"), bool(request.args.get("incident"))),
                Field("check", "needs_photos", t("tasks.needs_photos"), True),
                Field("check", "verify_by_weather", t("tasks.verify_by_weather"), False),
                Field(
                    "choices",
                    "reversible",
                    t("tasks.reversible"),
                    "unknown",
                    options=[
                        (one, t(f"tasks.reversible_{one}")) for one in (*REVERSIBLE, "unknown")
                    ],
                ),
                Field("area", "reversible_how", t("tasks.reversible_how"), optional=True, rows=2),
            ],
        )
    )


def _place() -> str:
    return request.args.get("place", "")


@allow(*ORDERERS)
@again(new)
def order() -> ResponseReturnValue:
    """Plan a task; sent twice it is planned once."""
    begin_write()
    site, incident = site_of_address("task"), incident_of_address()
    if site is None:
        raise Missing("site")
    faults = Faults()
    projects = projects_of(site)
    project = chosen(projects, "project", faults)
    company = chosen(companies_of(projects), "company", faults)
    values: dict[str, Any] = {
        "title": bilingual_of("title", faults, LONGEST_TITLE) or {},
        "instructions": bilingual_of("instructions", faults, LONGEST_TEXT),
        "project": project,
        "company": company,
        "scaffold": chosen(scaffolds_of(site), "scaffold", faults),
        "due_at": moment_of("due_at", site.timezone, faults),
        "reversible": REVERSIBLE.get(request.form.get("reversible", "")),
        "reversible_how": text_of("reversible_how", faults, LONGEST_TEXT),
        **{name: name in request.form for name in ("safety", "needs_photos", "verify_by_weather")},
    }
    place = place_from(site, faults)
    need_party(project, company, faults)
    if not any(values["title"].values()):
        faults.need("title", None)
    faults.stop()
    wanted = _id()
    task = db.session.get(Task, wanted)
    if task is None:
        task = plan_task(
            db.session(),
            site,
            incident=incident,
            building=place.building,
            element=place.element,
            zone=place.zone,
            task_id=wanted,
            by=g.actor,
            now=site_now(),
            **values,
        )
        _link(task)
        commit()
        flash(t("tasks.ordered", task=task.code), "done")
    return redirect(url_for("tasks.show", key=task.code), 303)


def _link(task: Task) -> None:
    """Tell the finding that the address names, that this task mends it."""
    key = request.args.get("finding", "")
    if key:
        find(Finding, key).link_task(task, by=g.actor, now=site_now())


def _id() -> uuid.UUID:
    try:
        return uuid.UUID(request.form.get("id", ""))
    except ValueError:
        return uuid.uuid4()
