"""Which sensor a device's channel was at an instant, and how that sensor is to be read then."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Subject
from models.registry import Element, Site, Zone
from models.rules.judge import silence_due_ms
from models.sensor import ATTENDED, Epoch, Sensor
from models.times import to_ms

FOR_EVER_MS = 1 << 62
RAIN = ("rain_total", "rain_increment")  # quantities of a gauge, which counts


@dataclass(frozen=True, slots=True)
class Stretch:
    """One epoch, as the pipeline needs it: `(since_ms, until_ms]`.

    `begins_ms`: since when the same instrument stands at the same place and zero; the rules'
    baselines reach back to there.
    """

    since_ms: int
    until_ms: int
    offset: float
    scale: float
    retired: bool
    begins_ms: int


@dataclass(frozen=True, slots=True)
class SensorFacts:
    """What the pipeline knows of a sensor; a snapshot of the registry."""

    key: int
    id: uuid.UUID
    code: str
    site_id: uuid.UUID
    site_code: str
    timezone: str
    quantity: str
    unit: str
    interval_ms: int
    subject: Subject
    zones: tuple[Subject, ...]
    serves: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    retired: bool
    attended_ms: int  # when somebody was last at the sensor

    def stretch_at(self, at_ms: int) -> Stretch | None:
        """Return the epoch that covers an instant."""
        for stretch in reversed(self.stretches):
            if stretch.since_ms < at_ms <= stretch.until_ms:
                return stretch
        return None

    @property
    def begins_ms(self) -> tuple[int, ...]:
        """From when on each instrument has stood there."""
        return tuple(stretch.begins_ms for stretch in self.stretches)

    @property
    def silent_after_ms(self) -> int:
        """How long after it was last heard it is overdue, unless its device said goodbye."""
        return silence_due_ms(self.interval_ms / 1000, 0)

    @property
    def is_rain(self) -> bool:
        """Whether it measures rain by counting it."""
        return self.quantity in RAIN


@dataclass(frozen=True, slots=True)
class Bound:
    """A channel's sensor from when to when."""

    since_ms: int
    until_ms: int
    sensor: int


class Bindings:
    """The registry as the pipeline sees it, read once and again when it changes."""

    def __init__(
        self,
        version: int,
        sensors: Iterable[SensorFacts],
        channels: Mapping[tuple[str, str], list[Bound]],
        zones: Mapping[str, Subject],
        sites: Mapping[str, uuid.UUID],
    ) -> None:
        self.version = version
        self.sites = sites
        self.sensors = {facts.key: facts for facts in sensors}
        self.channels = channels
        self.zones = zones
        self.by_device: dict[str, list[int]] = {}
        for (device, _), bounds in channels.items():
            keys = self.by_device.setdefault(device, [])
            keys.extend(b.sensor for b in bounds if b.until_ms == FOR_EVER_MS)

    def sensor_of(self, device: str, channel: str, at_ms: int) -> int | None:
        """Return the key of the sensor that the channel was at that instant."""
        for bound in self.channels.get((device, channel), ()):
            if bound.since_ms < at_ms <= bound.until_ms:
                return bound.sensor
        return None

    @classmethod
    def load(cls, session: Session, version: int) -> Bindings:
        """Read sensors, epochs and zones in a fixed number of queries."""
        sites = {site.id: site for site in session.scalars(select(Site))}
        by_code = {site.code: site.id for site in sites.values()}
        zones = list(session.scalars(select(Zone).where(Zone.retired.is_(False))))
        homes = dict(session.execute(select(Element.id, Element.building_id)).all())
        epochs: dict[uuid.UUID, list[Any]] = {}
        # Columns, not objects: a nation has a million of each.
        for epoch in session.execute(select(*_EPOCH).order_by(Epoch.since, Epoch.id)):
            epochs.setdefault(epoch.sensor_id, []).append(epoch)
        channels: dict[tuple[str, str], list[Bound]] = {}
        facts, near = [], _by_site(zones)
        known: dict[tuple[Stretch, ...], tuple[Stretch, ...]] = {}
        for row in session.execute(select(*_SENSOR).order_by(Sensor.key)):
            mine = epochs.pop(row.id, [])
            stretches = _stretches(mine)
            stretches = known.setdefault(stretches, stretches)
            places = _zones_of(row, near, homes, sites, by_code)
            facts.append(_facts(row, sites[row.site_id], places, mine, stretches))
            for epoch in mine:
                _bind(channels, row.key, epoch)
        zone_subjects = {subject.text: subject for subject in _subjects(zones, sites)}
        return cls(version, facts, channels, zone_subjects, by_code)


_EPOCH = (Epoch.sensor_id, Epoch.kind, Epoch.since, Epoch.until, Epoch.device, Epoch.channel,
          Epoch.offset, Epoch.scale, Epoch.continues)  # fmt: skip
_SENSOR = (Sensor.key, Sensor.id, Sensor.code, Sensor.site_id, Sensor.building_id,
           Sensor.element_id, Sensor.quantity, Sensor.unit, Sensor.interval_s, Sensor.serves,
           Sensor.retired_at)  # fmt: skip


def _facts(
    row: Any,
    site: Site,
    zones: tuple[Subject, ...],
    epochs: Sequence[Any],
    stretches: tuple[Stretch, ...],
) -> SensorFacts:
    return SensorFacts(
        key=row.key,
        id=row.id,
        # Each row brings its own copy of what thousands have alike.
        code=intern(row.code),
        site_id=site.id,
        site_code=site.code,
        timezone=site.timezone,
        quantity=intern(row.quantity),
        unit=intern(row.unit),
        interval_ms=row.interval_s * 1000,
        subject=Subject(
            f"sensor:{site.code}/{row.code}",
            site_id=site.id,
            sensor_id=row.id,
            element_id=row.element_id,
            site_code=site.code,
        ),
        zones=zones,
        serves=tuple(row.serves or ()),
        stretches=stretches,
        retired=row.retired_at is not None,
        attended_ms=max((to_ms(e.since) for e in epochs if e.kind in ATTENDED), default=0),
    )


def _stretches(epochs: Sequence[Any]) -> tuple[Stretch, ...]:
    found: list[Stretch] = []
    for epoch in epochs:
        since = to_ms(epoch.since)
        until = FOR_EVER_MS if epoch.until is None else to_ms(epoch.until)
        begins = found[-1].begins_ms if epoch.continues and found else since
        retired = epoch.kind == "retired"
        found.append(Stretch(since, until, epoch.offset, epoch.scale, retired, begins))
    return tuple(found)


def _bind(channels: dict[tuple[str, str], list[Bound]], key: int, epoch: Any) -> None:
    if epoch.device is None or epoch.kind == "retired":
        return
    until = FOR_EVER_MS if epoch.until is None else to_ms(epoch.until)
    bounds = channels.setdefault((intern(epoch.device), intern(epoch.channel or "")), [])
    if bounds and bounds[-1].sensor == key and bounds[-1].until_ms == to_ms(epoch.since):
        bounds[-1] = Bound(bounds[-1].since_ms, until, key)
    else:
        bounds.append(Bound(to_ms(epoch.since), until, key))


def _by_site(zones: Iterable[Zone]) -> dict[uuid.UUID, list[Zone]]:
    found: dict[uuid.UUID, list[Zone]] = {}
    for zone in zones:
        found.setdefault(zone.site_id, []).append(zone)
    return found


def _zones_of(
    row: Any,
    zones: Mapping[uuid.UUID, Sequence[Zone]],
    homes: Mapping[uuid.UUID, uuid.UUID],
    sites: Mapping[uuid.UUID, Site],
    by_code: Mapping[str, uuid.UUID],
) -> tuple[Subject, ...]:
    """A sensor counts in the zones that hold its element or building, or that it serves."""
    serves = row.serves or ()
    building = row.building_id or homes.get(row.element_id) if row.element_id else row.building_id
    found = []
    around = dict.fromkeys([row.site_id, *(by_code[code] for code in serves if code in by_code)])
    for zone in (zone for site_id in around for zone in zones.get(site_id, ())):
        stands = zone.site_id == row.site_id and (
            str(row.element_id) in zone.element_ids or str(building) in zone.building_ids
        )
        site = sites[zone.site_id]
        if stands or site.code in serves or zone.code in serves and zone.site_id == row.site_id:
            found.append(_zone_subject(zone, site))
    return tuple(found)


def _subjects(zones: Iterable[Zone], sites: Mapping[uuid.UUID, Site]) -> list[Subject]:
    return [_zone_subject(zone, sites[zone.site_id]) for zone in zones]


def _zone_subject(zone: Zone, site: Site) -> Subject:
    return Subject(
        f"zone:{site.code}/{zone.code}", site_id=zone.site_id, zone_id=zone.id, site_code=site.code
    )
