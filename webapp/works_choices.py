"""What an order of works may name: the site it is at, and that site's places, projects, parties."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import g, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from models.errors import Missing
from models.incident import Incident
from models.inputs import Faults
from models.people import Organisation
from models.project import Party, Project
from models.reasons import reason
from models.registry import Building, Element, Site, Zone
from models.rights import may_begin
from models.scaffold import Scaffold
from webapp.casework import find
from webapp.db import db
from webapp.filters import name, t
from webapp.reader import read_in_zone

Options = list[tuple[str, str]]
NOTHING = ("", "—")
OVER = ("accepted", "archived")


def sites_for(what: str) -> list[Site]:
    """Return the sites at which the actor may begin it."""
    mine = select(Site).where(Site.visible_to(g.actor), Site.retired.is_(False))
    found = db.session.scalars(mine.order_by(Site.code))
    return [site for site in found if may_begin(what, g.actor, site.id)]


def choice_of_site(what: str, title: str, endpoint: str, back: tuple[str, str]) -> str:
    """Ask for the site at which something is to begin, where the address doesn't tell it."""
    return render_template(
        "tasks/site.html", title=title, sites=sites_again(what), endpoint=endpoint, back=back
    )


def incident_of_address() -> Incident | None:
    """Return the case that the order is for, where the address names one."""
    key = request.args.get("incident", "")
    return find(Incident, key) if key else None


def site_of_address(what: str) -> Site | None:
    """Return the site of the order: the incident's, the project's, the named or the only one."""
    incident = incident_of_address()
    if incident is not None:
        return _whole(incident.site_id)
    if request.args.get("project"):
        return _whole(find(Project, request.args["project"]).site_id)
    if request.args.get("site"):
        return _whole(find(Site, request.args["site"]).id)
    sites = sites_for(what)
    return _whole(sites[0].id) if len(sites) == 1 else None


def _whole(site_id: uuid.UUID) -> Site:
    mine = select(Site).where(Site.id == site_id, Site.visible_to(g.actor))
    whole = selectinload(Site.buildings).selectinload(Building.elements)
    site = db.session.scalars(mine.options(whole, selectinload(Site.zones))).first()
    if site is None:
        raise Missing("site", str(site_id))
    read_in_zone(site.timezone)
    return site


def place_options(site: Site) -> Options:
    """Return zones, buildings and elements of a site."""
    found = [NOTHING]
    for zone in site.zones:
        if not zone.retired:
            found.append((f"zone:{zone.id}", t("works.zone", name=zone.name)))
    for building in site.buildings:
        if building.retired:
            continue
        found.append((f"building:{building.id}", name(building.name)))
        found += [
            (f"element:{one.id}", f"{name(building.name)} · {name(one.name)}")
            for one in building.elements
            if not one.retired
        ]
    return found


@dataclass(frozen=True)
class Place:
    """What was chosen of `place_options`."""

    building: Building | None = None
    element: Element | None = None
    zone: Zone | None = None


def place_from(site: Site, faults: Faults) -> Place:
    """Return the chosen place, which is one of this site."""
    kind, _, key = request.form.get("place", "").partition(":")
    elements = [one for building in site.buildings for one in building.elements]
    groups: dict[str, Sequence[Any]] = {
        "zone": site.zones,
        "building": site.buildings,
        "element": elements,
    }
    if not kind:
        return Place()
    chosen = next((one for one in groups.get(kind, ()) if str(one.id) == key), None)
    if chosen is None:
        faults.refuse("place", reason("form.not_a_choice"))
        return Place()
    return Place(**{kind: chosen})


def projects_of(site: Site) -> list[Project]:
    """Return the projects of a site that still go on, with their parties."""
    mine = select(Project).where(
        Project.site_id == site.id, Project.visible_to(g.actor), Project.state.not_in(OVER)
    )
    whole = selectinload(Project.parties).joinedload(Party.organisation)
    return list(db.session.scalars(mine.options(whole).order_by(Project.code.desc())))


def companies_of(projects: Sequence[Project]) -> list[Organisation]:
    """Return the building companies among the parties of projects."""
    found = {
        party.organisation_id: party.organisation
        for project in projects
        for party in project.parties
        if party.capacity == "construction"
    }
    return sorted(found.values(), key=lambda one: one.code)


def scaffolds_of(site: Site) -> list[Scaffold]:
    """Return the scaffolds of a site that are not struck."""
    mine = select(Scaffold).where(
        Scaffold.site_id == site.id, Scaffold.visible_to(g.actor), Scaffold.state != "struck"
    )
    return list(db.session.scalars(mine.order_by(Scaffold.code)))


def sites_again(what: str) -> list[Site]:
    """Return the sites to choose from, where the address names none."""
    sites = sites_for(what)
    if not sites:
        raise Missing("site")
    return sites


def named(rows: Sequence[Any], label: str = "name") -> Options:
    """Return rows as options: code and name."""
    told = [(str(one.id), f"{one.code} · {name(getattr(one, label))}") for one in rows]
    return [NOTHING, *told]


def chosen(rows: Sequence[Any], field: str, faults: Faults) -> Any:
    """Return the row that was chosen; None where nothing was."""
    key = request.form.get(field, "")
    if not key:
        return None
    row = next((one for one in rows if str(one.id) == key), None)
    if row is None:
        faults.refuse(field, reason("form.not_a_choice"))
    return row


def companies_known() -> list[Organisation]:
    """Return every company on record, to be named as a party."""
    mine = select(Organisation).order_by(Organisation.kind.desc(), Organisation.code)
    return list(db.session.scalars(mine))


def need_party(project: Project | None, company: Organisation | None, faults: Faults) -> None:
    """A company that is no party of the project would never see what it was given."""
    if company is None:
        return
    if project is None:
        faults.refuse("project", reason("task.company_needs_project", company=company.name))
    elif not project.party_of(company.id):
        faults.refuse("company", reason("task.company_no_party", company=company.name))
