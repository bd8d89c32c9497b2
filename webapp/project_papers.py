"""What a project's manager writes down: why it cannot wait, and who takes part in it."""

from flask import flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.inputs import Faults
from models.project import ANSWERS, CAPACITIES, Project
from models.rights import MAY_BEGIN
from webapp.casework import find, require_unchanged
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.papers import Field, Paper, show_paper, text_of
from webapp.policies import allow
from webapp.works_choices import chosen, companies_known, named

MANAGERS = MAY_BEGIN["project"]
LONGEST_TEXT = 2000


@allow(*MANAGERS)
def justify_page(key: str) -> str:
    """Ask the four questions that emergency works must answer, and how they can be undone."""
    project = find(Project, key)
    said = project.justification or {}
    answers = [
        Field("area", one, t(f"projects.ask_{one}"), said.get(one, ""), t(f"projects.hint_{one}"))
        for one in ANSWERS
    ]
    undo = {True: "yes", False: "no"}.get(project.reversible, "")  # type: ignore[call-overload]
    return show_paper(
        Paper(
            title=t("projects.justify_title"),
            intro=t("projects.justify_intro", project=project.code),
            submit=t("projects.justify_now"),
            back=(url_for("projects.show", key=project.code), project.code),
            version=str(project.version),
            fields=[
                *answers,
                Field(
                    "choices",
                    "reversible",
                    t("tasks.reversible"),
                    undo,
                    options=[(one, t(f"tasks.reversible_{one}")) for one in ("yes", "no")],
                ),
                Field("area", "reversible_how", t("tasks.reversible_how"), project.reversible_how),
            ],
        )
    )


@allow(*MANAGERS)
@again(justify_page)
def justify(key: str) -> ResponseReturnValue:
    """Write the answers down."""
    faults = Faults()
    answers = {one: text_of(one, faults, LONGEST_TEXT) for one in ANSWERS}
    how = text_of("reversible_how", faults, LONGEST_TEXT)
    for one, said in [*answers.items(), ("reversible_how", how)]:
        faults.need(one, said)
    undo = request.form.get("reversible", "")
    faults.one_of("reversible", undo, ("yes", "no"))
    faults.stop()
    begin_write()
    project = find(Project, key)
    require_unchanged(project)
    project.justify(answers, reversible=undo == "yes", how=how, by=g.actor, now=site_now())
    commit()
    flash(t("projects.justified", project=project.code), "done")
    return redirect(url_for("projects.show", key=project.code), 303)


@allow(*MANAGERS)
def party_page(key: str) -> str:
    """Ask which organisation takes part, and as what."""
    project = find(Project, key)
    return show_paper(
        Paper(
            title=t("project.action.add_party"),
            intro=t("projects.party_intro"),
            submit=t("project.action.add_party"),
            icon="user-plus",
            back=(url_for("projects.show", key=project.code), project.code),
            version=str(project.version),
            fields=[
                Field("select", "company", t("tasks.company"), options=named(companies_known())),
                Field(
                    "choices",
                    "capacity",
                    t("projects.capacity"),
                    "construction",
                    options=[(one, t(f"project.capacity.{one}")) for one in CAPACITIES],
                ),
                Field("text", "person", t("projects.responsible"), optional=True, longest=80),
                Field("text", "certificate", t("projects.certificate"), optional=True, longest=80),
            ],
        )
    )


@allow(*MANAGERS)
@again(party_page)
def add_party(key: str) -> ResponseReturnValue:
    """Name a party; from now on it sees what it is given here."""
    faults = Faults()
    company = chosen(companies_known(), "company", faults)
    if company is None:
        faults.need("company", None)
    person, certificate = text_of("person", faults, 80), text_of("certificate", faults, 80)
    faults.one_of("capacity", request.form.get("capacity", ""), CAPACITIES)
    faults.stop()
    begin_write()
    project = find(Project, key)
    require_unchanged(project)
    project.add_party(
        db.session.merge(company),
        request.form["capacity"],
        responsible={"name": person, "certificate": certificate} if person else None,
        by=g.actor,
        now=site_now(),
    )
    commit()
    flash(t("projects.party_added", company=company.name), "done")
    return redirect(url_for("projects.show", key=project.code, _anchor="parties"), 303)
