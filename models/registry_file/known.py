"""What the database knows already, by the codes under which a file speaks of it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.people import Organisation
from models.reading import Rollup, SensorState
from models.registry import Building, Drawing, Element, Site, Zone
from models.rulebook import RuleRow
from models.sensor import Epoch, Sensor

InSite = tuple[str, str]
InBuilding = tuple[str, str, str]


@dataclass(slots=True)
class Known:
    """Every row of the registry by its codes: `("tianning", "C-07")`."""

    organisations: dict[str, Organisation]
    sites: dict[str, Site]
    buildings: dict[InSite, Building]
    elements: dict[InBuilding, Element]
    zones: dict[InSite, Zone]
    sensors: dict[InSite, Sensor]
    drawings: dict[InSite, Drawing]
    rules: dict[str, RuleRow]

    @classmethod
    def read(cls, session: Session) -> "Known":
        """Read all of it in one query a table."""
        sites = {site.id: site for site in session.scalars(select(Site))}
        code = {key: site.code for key, site in sites.items()}
        buildings = {each.id: each for each in session.scalars(select(Building))}
        sensors = select(Sensor).options(selectinload(Sensor.epochs))
        drawings = select(Drawing).options(selectinload(Drawing.pins))
        rules = select(RuleRow).options(selectinload(RuleRow.versions))
        return cls(
            organisations={each.code: each for each in session.scalars(select(Organisation))},
            sites={site.code: site for site in sites.values()},
            buildings={(code[each.site_id], each.code): each for each in buildings.values()},
            elements={
                (code[home.site_id], home.code, each.code): each
                for each in session.scalars(select(Element))
                for home in (buildings[each.building_id],)
            },
            zones={(code[each.site_id], each.code): each for each in session.scalars(select(Zone))},
            sensors={(code[each.site_id], each.code): each for each in session.scalars(sensors)},
            drawings={(code[each.site_id], each.code): each for each in session.scalars(drawings)},
            rules={each.code: each for each in session.scalars(rules)},
        )


def working_epoch(sensor: Sensor) -> Epoch | None:
    """Return how a sensor is read, or was read before it was retired."""
    working = [epoch for epoch in sensor.epochs if epoch.kind != "retired"]
    return working[-1] if working else None


def source_of(sensor: Sensor) -> tuple[str, str] | None:
    """Return the device and channel that a sensor is read from."""
    epoch = working_epoch(sensor)
    if epoch is None or epoch.device is None:
        return None
    return epoch.device, epoch.channel or ""


def has_readings(session: Session, sensor: Sensor) -> bool:
    """Whether anything was ever stored for a sensor."""
    state = session.get(SensorState, sensor.key)
    if state is not None and state.at_ms is not None:
        return True
    kept = select(Rollup.sensor).where(Rollup.sensor == sensor.key).limit(1)
    return session.scalar(kept) is not None


def element_key(reference: str, site: str, building: str | None) -> InBuilding | None:
    """Return which element `ridge` in its building, or `jingang/ridge` anywhere, means."""
    parts = reference.split("/")
    if len(parts) == 1 and building is not None:
        return site, building, parts[0]
    if len(parts) == 2 and building in (None, parts[0]):
        return site, parts[0], parts[1]
    return None
