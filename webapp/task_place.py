"""Where a task is: its place in words, and the part of a drawing with a pin on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from models.registry import Building, Element, Pin, Zone
from models.task import Task
from webapp.db import db
from webapp.drawings import Drawing
from webapp.filters import name, t
from webapp.scene import crop_round, drawing_of

CROP = 0.55  # of the drawing's width and height: enough to find it on the building


@dataclass(frozen=True)
class Place:
    """A part of a drawing, with marks at fractions of the whole."""

    drawing: Drawing
    crop: tuple[float, float, float, float]
    marks: Sequence[tuple[float, float]]
    label: str


def place_words(task: Task) -> str:
    """Return building, element and zone as one line."""
    building = task.building or (task.element.building if task.element else None)
    return place_line([building, task.zone, task.element])


def place_line(places: Sequence[Building | Element | Zone | None]) -> str:
    """Return names as one line, without one that another already says."""
    names = [name(one.name) for one in places if one is not None]
    told = [one for one in names if not any(one != other and one in other for other in names)]
    return t("shell.comma").join(dict.fromkeys(told))


def place_of(task: Task) -> Place | None:
    """Return where it is on a drawing; None where nobody has pinned it."""
    pins = _pins(_elements(task))
    if not pins:
        return None
    first = pins[0]
    marks = [(pin.x, pin.y) for pin in pins if pin.drawing_id == first.drawing_id]
    label = t("tasks.drawing", place=place_words(task), drawing=first.drawing.name)
    return Place(drawing_of(first.drawing), crop_round(first, CROP), marks, label)


def _elements(task: Task) -> list[UUID]:
    if task.element_id is not None:
        return [task.element_id]
    return [UUID(str(one)) for one in task.zone.element_ids] if task.zone is not None else []


def _pins(elements: list[UUID]) -> list[Pin]:
    if not elements:
        return []
    mine = select(Pin).join(Pin.drawing).where(Pin.element_id.in_(elements))
    return list(db.session.scalars(mine.options(contains_eager(Pin.drawing)).order_by(Pin.id)))
