"""Where a technician may put a sensor: buildings, elements, and a spot on a drawing."""

from collections.abc import Sequence
from typing import Any

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from models.errors import BadInput, Fault
from models.reasons import reason
from models.registry import Building, Drawing, Element, Site
from webapp.db import db
from webapp.filters import name, t
from webapp.scene import drawing_of


def places_of(site: Site) -> list[tuple[str, str]]:
    """Return the site's buildings and elements as choices."""
    found = []
    for building in _buildings(site):
        found.append((str(building.id), name(building.name)))
        for element in building.elements:
            if not element.retired:
                part = t("findings.part", building=building.name, element=element.name)
                found.append((str(element.id), part))
    return found


def _buildings(site: Site) -> Sequence[Building]:
    mine = select(Building).where(Building.site_id == site.id, Building.retired.is_(False))
    loaded = mine.options(selectinload(Building.elements)).order_by(Building.code)
    return db.session.scalars(loaded).all()


def drawings_of(site: Site) -> list[dict[str, Any]]:
    """Return the site's drawings as rows and as they are drawn."""
    mine = select(Drawing).where(Drawing.site_id == site.id)
    rows = db.session.scalars(mine.options(selectinload(Drawing.pins)).order_by(Drawing.code))
    return [{"row": row, "drawing": drawing_of(row)} for row in rows]


def chosen_place(site: Site) -> tuple[Building | None, Element | None]:
    """Return the building and element that were chosen. Raises BadInput."""
    key = request.form.get("place", "")
    if not key:
        return None, None
    for building in _buildings(site):
        if str(building.id) == key:
            return building, None
        for element in building.elements:
            if str(element.id) == key:
                return building, element
    raise BadInput([Fault("place", reason("form.not_a_choice"))])


def pin_at(
    site: Site, element: Element | None, x: float | None, y: float | None
) -> tuple[Drawing, float, float] | None:
    """Return where on which drawing: as was tapped, else where the element's own pin is."""
    chosen = request.form.get("drawing", "")
    for one in drawings_of(site):
        drawing: Drawing = one["row"]
        if chosen == str(drawing.id) and x is not None and y is not None:
            return drawing, x, y
    for one in drawings_of(site) if element is not None else []:
        for pin in one["row"].pins:
            if element is not None and pin.element_id == element.id:
                return one["row"], pin.x, pin.y
    return None
