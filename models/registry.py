"""What stands where: sites, buildings, elements, zones and drawings."""

import uuid
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Noun
from models.people import Actor, staff_scope

PROTECTION_LEVELS = ("national", "provincial", "municipal", "county", "registered", "unlisted")


class Site(Noun, Base):
    """A heritage site of the authority, with its own clock on the wall."""

    __tablename__ = "site"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[dict[str, Any]]
    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    protection_level: Mapped[str] = mapped_column(default="unlisted")
    timezone: Mapped[str] = mapped_column(default="Asia/Shanghai")
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    address: Mapped[dict[str, Any] | None]
    phone: Mapped[str] = mapped_column(default="")  # public, round the clock; stands on notices
    responsible: Mapped[dict[str, Any] | None]  # {"name", "title", "phone"} of the named person
    superiors: Mapped[list[Any] | None]  # [{"name": {zh,en}, "phone", "channel"}] told upward
    retired: Mapped[bool] = mapped_column(default=False)
    buildings: Mapped[list["Building"]] = relationship(
        back_populates="site", order_by="Building.code"
    )
    zones: Mapped[list["Zone"]] = relationship(back_populates="site", order_by="Zone.code")

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The sites where the actor is staff."""
        return staff_scope(actor, cls.id)


class Building(Noun, Base):
    """A building or structure of a site."""

    __tablename__ = "building"
    __table_args__ = (UniqueConstraint("site_id", "code"),)

    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    code: Mapped[str]
    name: Mapped[dict[str, Any]]
    retired: Mapped[bool] = mapped_column(default=False)
    site: Mapped[Site] = relationship(back_populates="buildings")
    elements: Mapped[list["Element"]] = relationship(
        back_populates="building", order_by="Element.code"
    )


class Element(Noun, Base):
    """A part of a building, by its element code (RF-RDG-F 花脊), with its height."""

    __tablename__ = "element"
    __table_args__ = (UniqueConstraint("building_id", "code"),)

    building_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("building.id"))
    code: Mapped[str]
    type: Mapped[str] = mapped_column(default="")
    name: Mapped[dict[str, Any]]
    orientation: Mapped[str] = mapped_column(default="")
    height_m: Mapped[float | None]
    retired: Mapped[bool] = mapped_column(default=False)
    building: Mapped[Building] = relationship(back_populates="elements")

    @property
    def site_id(self) -> uuid.UUID:
        """The site of its building: events tell it."""
        return self.building.site_id


class Zone(Noun, Base):
    """A named set of buildings and elements; what a closure closes. Never by geometry."""

    __tablename__ = "zone"
    __table_args__ = (UniqueConstraint("site_id", "code"),)

    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    code: Mapped[str]
    name: Mapped[dict[str, Any]]
    building_ids: Mapped[list[Any]] = mapped_column(default=list)
    element_ids: Mapped[list[Any]] = mapped_column(default=list)
    parent_ids: Mapped[list[Any]] = mapped_column(default=list)
    also_affects: Mapped[list[Any]] = mapped_column(default=list)  # zone ids
    retired: Mapped[bool] = mapped_column(default=False)
    site: Mapped[Site] = relationship(back_populates="zones")


class Drawing(Noun, Base):
    """An elevation or plan; SVG of our own making or a re-encoded picture."""

    __tablename__ = "drawing"
    __table_args__ = (UniqueConstraint("site_id", "code"),)

    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    building_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("building.id"))
    code: Mapped[str]
    kind: Mapped[str]  # elevation | plan
    orientation: Mapped[str] = mapped_column(default="")
    name: Mapped[dict[str, Any]]
    shapes: Mapped[list[Any]]  # allow-listed SVG primitives: [["path"|"rect"|…, {attributes}], …]
    width: Mapped[float] = mapped_column(default=760)
    height: Mapped[float] = mapped_column(default=420)
    pins: Mapped[list["Pin"]] = relationship(back_populates="drawing")


class Pin(Base):
    """Where an element or a sensor is on a drawing, as fractions of its width and height."""

    __tablename__ = "pin"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    drawing_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("drawing.id"), index=True)
    element_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("element.id"))
    sensor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("sensor.id"))
    x: Mapped[float]
    y: Mapped[float]
    drawing: Mapped[Drawing] = relationship(back_populates="pins")
