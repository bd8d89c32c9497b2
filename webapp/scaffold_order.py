"""Ordering a scaffold or another temporary work: what, where, from whom, until when."""

from flask import flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.errors import Missing
from models.inputs import Faults
from models.rights import MAY_BEGIN
from models.scaffold import KINDS, plan_scaffold
from models.vocabulary import ORIENTATIONS
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.papers import Field, Paper, bilingual_of, moment_of, show_paper, text_of
from webapp.policies import allow
from webapp.works_choices import (
    choice_of_site,
    chosen,
    companies_of,
    named,
    need_party,
    place_from,
    place_options,
    projects_of,
    site_of_address,
)

ORDERERS = MAY_BEGIN["scaffold"]
LONGEST_NAME = 80


@allow(*ORDERERS)
def new() -> str:
    """Show the form, or first the choice of a site."""
    site = site_of_address("scaffold")
    back = (url_for("scaffolds.index"), t("nav.scaffolds"))
    if site is None:
        return choice_of_site("scaffold", t("scaffolds.order"), "scaffolds.new", back)
    projects = projects_of(site)
    wanted = request.args.get("project", "")
    mine = next((one for one in projects if wanted in (one.code, str(one.id))), None)
    places = [one for one in place_options(site) if not one[0].startswith("element:")]
    sides = [("", "—"), *((one, t(f"orientation.{one}")) for one in ORIENTATIONS)]
    return show_paper(
        Paper(
            title=t("scaffolds.order"),
            intro=t("scaffolds.order_intro", site=site.name),
            submit=t("scaffolds.order_now"),
            icon="ladder",
            back=back,
            action=request.full_path.rstrip("?"),
            fields=[
                Field("bilingual", "name", t("scaffolds.name"), {}, rows=1),
                Field(
                    "select",
                    "kind",
                    t("scaffolds.kind"),
                    KINDS[0],
                    options=[(one, t(f"scaffold.kind.{one}")) for one in KINDS],
                ),
                Field("select", "place", t("tasks.place"), options=places),
                Field("select", "orientation", t("tasks.stop_side"), options=sides, optional=True),
                Field(
                    "select",
                    "project",
                    t("tasks.project"),
                    str(mine.id) if mine else "",
                    options=named(projects, "title"),
                ),
                Field(
                    "select",
                    "company",
                    t("tasks.company"),
                    hint=t("tasks.company_hint"),
                    options=named(companies_of(projects)),
                ),
                Field("text", "drawing_number", t("scaffolds.drawing"), optional=True, longest=80),
                Field(
                    "moment",
                    "review_due_at",
                    t("scaffolds.review"),
                    hint=t("scaffolds.review_hint"),
                    optional=True,
                ),
            ],
        )
    )


@allow(*ORDERERS)
@again(new)
def order() -> ResponseReturnValue:
    """Plan a scaffold."""
    begin_write()
    site = site_of_address("scaffold")
    if site is None:
        raise Missing("site")
    faults = Faults()
    projects = projects_of(site)
    project = chosen(projects, "project", faults)
    company = chosen(companies_of(projects), "company", faults)
    name = bilingual_of("name", faults, LONGEST_NAME) or {}
    drawing = text_of("drawing_number", faults, LONGEST_NAME)
    review = moment_of("review_due_at", site.timezone, faults)
    orientation = request.form.get("orientation", "")
    faults.one_of("orientation", orientation, ("", *ORIENTATIONS))
    place = place_from(site, faults)
    need_party(project, company, faults)
    if not name:
        faults.need("name", None)
    faults.stop()
    scaffold = plan_scaffold(
        db.session(),
        site,
        name=name,
        kind=request.form.get("kind", ""),
        orientation=orientation,
        building=place.building,
        zone=place.zone,
        project=project,
        company=company,
        drawing_number=drawing,
        review_due_at=review,
        by=g.actor,
        now=site_now(),
    )
    commit()
    flash(t("scaffolds.ordered", scaffold=scaffold.code), "done")
    return redirect(url_for("scaffolds.show", key=scaffold.code), 303)
