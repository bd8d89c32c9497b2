"""Sites, with what stands on them."""

from flask import g
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from models.registry import Building, Element, Site, Zone
from webapp.api.finding import find
from webapp.api.operations import Part
from webapp.api.paging import Order, Paged, page_of
from webapp.api.values import Answer, Named, Thing, named

part = Part("sites")
pages = part.pages

BY_CODE = Order((Site.code,), lambda site: (site.code,))


class Location(Answer):
    """Where a site is, in degrees (WGS 84)."""

    lat: float
    lon: float


class SiteObject(Thing):
    """A heritage site. `state`: in_use or retired."""

    name: Named
    protection_level: str
    timezone: str
    location: Location | None


class ElementObject(Answer):
    """A part of a building."""

    id: str
    code: str
    type: str
    name: Named
    height_m: float | None


class BuildingObject(Answer):
    """A building of a site."""

    id: str
    code: str
    name: Named
    elements: list[ElementObject]


class ZoneObject(Answer):
    """A named set of buildings and elements: what a closure closes."""

    id: str
    code: str
    name: Named
    building_ids: list[str]
    element_ids: list[str]


class SiteDetail(SiteObject):
    """A site with its buildings, elements and zones."""

    buildings: list[BuildingObject]
    zones: list[ZoneObject]


class SiteList(Answer):
    """A page of sites."""

    items: list[SiteObject]
    next: str | None


@part.get("/sites", SiteList, "The sites, by code", query=Paged)
def sites(query: Paged) -> SiteList:
    """List the sites."""
    rows, following = page_of(select(Site).where(Site.visible_to(g.actor)), BY_CODE, query)
    return SiteList(items=[SiteObject(**_fields(site)) for site in rows], next=following)


@part.get("/sites/<site>", SiteDetail, "One site with its buildings, elements and zones")
def site(site: str) -> SiteDetail:
    """Show one site."""
    parts = (
        selectinload(Site.buildings).selectinload(Building.elements),
        selectinload(Site.zones),
    )
    row = find(Site, site, *parts)
    return SiteDetail(
        **_fields(row),
        buildings=[_building(one) for one in row.buildings if not one.retired],
        zones=[_zone(one) for one in row.zones if not one.retired],
    )


def _fields(site: Site) -> dict[str, object]:
    known = site.latitude is not None and site.longitude is not None
    return {
        "id": site.id,
        "code": site.code,
        "version": site.version,
        "state": "retired" if site.retired else "in_use",
        "actions": [],
        "name": named(site.name),
        "protection_level": site.protection_level,
        "timezone": site.timezone,
        "location": Location(lat=site.latitude, lon=site.longitude) if known else None,
    }


def _building(building: Building) -> BuildingObject:
    parts = [_element(one) for one in building.elements if not one.retired]
    return BuildingObject(
        id=str(building.id), code=building.code, name=named(building.name), elements=parts
    )


def _element(element: Element) -> ElementObject:
    return ElementObject(
        id=str(element.id),
        code=element.code,
        type=element.type,
        name=named(element.name),
        height_m=element.height_m,
    )


def _zone(zone: Zone) -> ZoneObject:
    return ZoneObject(
        id=str(zone.id),
        code=zone.code,
        name=named(zone.name),
        building_ids=[str(one) for one in zone.building_ids],
        element_ids=[str(one) for one in zone.element_ids],
    )
