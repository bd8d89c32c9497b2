"""Which sensor a device's channel was at an instant, and how that sensor is to be read then."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.facts import FOR_EVER_MS, Same, SensorFacts, alike, end_of, stretches
from models.alert import Subject
from models.registry import Element, Site, Zone
from models.sensor import Epoch, Sensor
from models.times import to_ms

__all__ = ["FOR_EVER_MS", "Bindings", "Bound", "SensorFacts"]

ROWS_AT_ONCE = 5_000


class Bound(Struct, frozen=True, gc=False):
    """A channel's sensor from when to when."""

    since_ms: int
    until_ms: int
    sensor: int


Wired = int | tuple[Bound, ...]
"""A channel's only sensor, which has been it ever since its own first epoch; else all it was."""


class ByDevice(Mapping[str, list[int]]):
    """The sensors that a device's channels are now; found when asked for."""

    def __init__(self, channels: Mapping[str, Mapping[str, Wired]]) -> None:
        self._channels = channels

    def __getitem__(self, device: str) -> list[int]:
        found: list[int] = []
        for wired in self._channels[device].values():
            if isinstance(wired, int):
                found.append(wired)
            else:
                found.extend(one.sensor for one in wired if one.until_ms == FOR_EVER_MS)
        return found

    def __contains__(self, device: object) -> bool:
        return device in self._channels

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)


class Bindings:
    """The registry as the pipeline sees it, read once and again when it changes."""

    def __init__(
        self,
        version: int,
        sensors: Mapping[int, SensorFacts],
        channels: Mapping[str, Mapping[str, Wired]],
        zones: Mapping[str, Subject],
        sites: Mapping[str, uuid.UUID],
    ) -> None:
        self.version = version
        self.sites = sites
        self.sensors = sensors
        self.channels = channels  # of each device
        self.zones = zones
        self.by_device = ByDevice(channels)

    def sensor_of(self, device: str, channel: str, at_ms: int) -> int | None:
        """Return the key of the sensor that the channel was at that instant."""
        channels = self.channels.get(device)
        wired = None if channels is None else channels.get(channel)
        if wired is None:
            return None
        if isinstance(wired, int):
            return wired if self.sensors[wired].stretches[0].since_ms < at_ms else None
        for bound in wired:
            if bound.since_ms < at_ms <= bound.until_ms:
                return bound.sensor
        return None

    def bounds(self) -> Iterator[tuple[str, Bound]]:
        """Yield every device with what its channels are and were."""
        for device, channels in self.channels.items():
            for wired in channels.values():
                for bound in _spelled(wired, self.sensors):
                    yield device, bound

    @classmethod
    def load(cls, session: Session, version: int) -> Bindings:
        """Read sensors, epochs and zones in a fixed number of queries."""
        sites = {site.id: site for site in session.scalars(select(Site))}
        by_code = {site.code: site.id for site in sites.values()}
        zones = list(session.scalars(select(Zone).where(Zone.retired.is_(False))))
        homes = dict(session.execute(select(Element.id, Element.building_id)).all())
        near, same = _by_site(zones, sites), Same()
        sensors: dict[int, SensorFacts] = {}
        channels: dict[str, dict[str, Wired]] = {}
        # Columns, not objects, and never all of them at once: a nation has a million.
        rows = session.execute(_SENSORS, execution_options={"yield_per": ROWS_AT_ONCE})
        for key, group in groupby(rows, attrgetter("key")):
            epochs = list(group)
            row = epochs[0]
            if row.kind is None:  # a sensor without any
                epochs = []
            places = _zones_of(row, near, homes, by_code)
            sensors[key] = SensorFacts(
                key=key,
                code=same(row.code),
                number=row.id.int,
                element_id=same(row.element_id),
                stretches=stretches(epochs, same),
                alike=alike(row, sites[row.site_id], places, same),
            )
            _wire(channels, sensors, key, epochs, same)
        subjects = {subject.text: subject for some in near.values() for _, subject in some}
        return cls(version, sensors, channels, subjects, by_code)


_SENSORS = (
    select(
        Sensor.key, Sensor.id, Sensor.code, Sensor.site_id, Sensor.building_id, Sensor.element_id,
        Sensor.quantity, Sensor.unit, Sensor.interval_s, Sensor.serves, Sensor.retired_at,
        Epoch.kind, Epoch.since, Epoch.until, Epoch.device, Epoch.channel, Epoch.offset,
        Epoch.scale, Epoch.continues,
    )
    .outerjoin_from(Sensor, Epoch)
    .order_by(Sensor.key, Epoch.since, Epoch.id)
)  # fmt: skip


def _wire(
    channels: dict[str, dict[str, Wired]],
    sensors: Mapping[int, SensorFacts],
    key: int,
    epochs: Iterable[Any],
    same: Same,
) -> None:
    """Enter the channels that a sensor is and was."""
    mine: dict[tuple[str, str], list[Bound]] = {}
    for epoch in epochs:
        if epoch.device is None or epoch.kind == "retired":
            continue
        since_ms, until_ms = same(to_ms(epoch.since)), end_of(epoch, same)
        bounds = mine.setdefault((epoch.device, epoch.channel or ""), [])
        if bounds and bounds[-1].until_ms == since_ms:
            since_ms = bounds.pop().since_ms
        bounds.append(Bound(since_ms, until_ms, key))
    for (device, channel), bounds in mine.items():
        wires = channels.get(device)
        if wires is None:
            wires = channels[device] = {}
        ever = Bound(sensors[key].stretches[0].since_ms, FOR_EVER_MS, key)
        before = wires.get(channel)
        if before is None and bounds == [ever]:
            wires[same(channel)] = key
        else:
            known = () if before is None else _spelled(before, sensors)
            wires[same(channel)] = (*known, *bounds)


def _spelled(wired: Wired, sensors: Mapping[int, SensorFacts]) -> tuple[Bound, ...]:
    if isinstance(wired, int):
        return (Bound(sensors[wired].stretches[0].since_ms, FOR_EVER_MS, wired),)
    return wired


def _by_site(
    zones: Iterable[Zone], sites: Mapping[uuid.UUID, Site]
) -> dict[uuid.UUID, list[tuple[Zone, Subject]]]:
    found: dict[uuid.UUID, list[tuple[Zone, Subject]]] = {}
    for zone in zones:
        subject = _zone_subject(zone, sites[zone.site_id])
        found.setdefault(zone.site_id, []).append((zone, subject))
    return found


def _zones_of(
    row: Any,
    zones: Mapping[uuid.UUID, Sequence[tuple[Zone, Subject]]],
    homes: Mapping[uuid.UUID, uuid.UUID],
    by_code: Mapping[str, uuid.UUID],
) -> tuple[Subject, ...]:
    """A sensor counts in the zones that hold its element or building, or that it serves."""
    serves = row.serves or ()
    building = row.building_id or homes.get(row.element_id) if row.element_id else row.building_id
    found = []
    around = dict.fromkeys([row.site_id, *(by_code[code] for code in serves if code in by_code)])
    for zone, subject in (some for site_id in around for some in zones.get(site_id, ())):
        stands = zone.site_id == row.site_id and (
            str(row.element_id) in zone.element_ids or str(building) in zone.building_ids
        )
        served = subject.site_code in serves
        if stands or served or zone.code in serves and zone.site_id == row.site_id:
            found.append(subject)
    return tuple(found)


def _zone_subject(zone: Zone, site: Site) -> Subject:
    return Subject(
        f"zone:{site.code}/{zone.code}", site_id=zone.site_id, zone_id=zone.id, site_code=site.code
    )
