"""Which sensor a device's channel was at an instant, and how that sensor is to be read then.

A nation has a million sensors, so what many have alike is in memory once, and what only somebody
who is told of a sensor asks for is made when it is asked for.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Subject
from models.registry import Element, Site, Zone
from models.rules.judge import silence_due_ms
from models.sensor import ATTENDED, Epoch, Sensor
from models.times import to_ms

FOR_EVER_MS = 1 << 62
ROWS_AT_ONCE = 5_000
T = TypeVar("T")


# What has no cycles needs no look by the garbage collector, nor the memory for that.
class Stretch(Struct, frozen=True, gc=False):
    """One epoch, as the pipeline needs it: `(since_ms, until_ms]`.

    `begins_ms`: since when the same instrument stands at the same place and zero; the rules'
    baselines reach back to there. `attended`: somebody was at the sensor when it began.
    """

    since_ms: int
    until_ms: int
    offset: float
    scale: float
    retired: bool
    attended: bool
    begins_ms: int


class Alike(Struct, frozen=True, gc=False):
    """What many sensors have alike: one object for all of them."""

    site_id: uuid.UUID
    site_code: str
    timezone: str
    quantity: str
    unit: str
    interval_ms: int
    zones: tuple[Subject, ...]
    serves: tuple[str, ...]
    retired: bool
    silent_after_ms: int
    is_rain: bool


class SensorFacts(Struct, frozen=True, gc=False):
    """What the pipeline knows of a sensor; a snapshot of the registry."""

    key: int
    code: str
    number: int  # its id, in half the memory
    element_id: uuid.UUID | None
    stretches: tuple[Stretch, ...]
    alike: Alike

    @property
    def id(self) -> uuid.UUID:
        """The id of its row."""
        return uuid.UUID(int=self.number)

    @property
    def site_id(self) -> uuid.UUID:
        """The site on which it stands."""
        return self.alike.site_id

    @property
    def site_code(self) -> str:
        """That site's code."""
        return self.alike.site_code

    @property
    def timezone(self) -> str:
        """That site's time zone."""
        return self.alike.timezone

    @property
    def quantity(self) -> str:
        """What it measures."""
        return self.alike.quantity

    @property
    def unit(self) -> str:
        """In which unit it tells it."""
        return self.alike.unit

    @property
    def interval_ms(self) -> int:
        """How often it speaks."""
        return self.alike.interval_ms

    @property
    def zones(self) -> tuple[Subject, ...]:
        """The zones in which it counts."""
        return self.alike.zones

    @property
    def serves(self) -> tuple[str, ...]:
        """Codes of the sites and zones that it serves from afar."""
        return self.alike.serves

    @property
    def retired(self) -> bool:
        """Whether it is out of service for good."""
        return self.alike.retired

    @property
    def silent_after_ms(self) -> int:
        """How long after it was last heard it is overdue, unless its device said goodbye."""
        return self.alike.silent_after_ms

    @property
    def is_rain(self) -> bool:
        """Whether it measures rain by counting it."""
        return self.alike.is_rain

    @property
    def subject(self) -> Subject:
        """What its rules judge, made when something is to be said of it."""
        alike = self.alike
        return Subject(
            f"sensor:{alike.site_code}/{self.code}",
            site_id=alike.site_id,
            sensor_id=self.id,
            element_id=self.element_id,
            site_code=alike.site_code,
        )

    @property
    def begins_ms(self) -> tuple[int, ...]:
        """From when on each instrument has stood there."""
        return tuple(stretch.begins_ms for stretch in self.stretches)

    @property
    def attended_ms(self) -> int:
        """When somebody was last at the sensor, 0 for never."""
        return max((one.since_ms for one in self.stretches if one.attended), default=0)

    def stretch_at(self, at_ms: int) -> Stretch | None:
        """Return the epoch that covers an instant: mostly the last one."""
        if not self.stretches:
            return None
        last = self.stretches[-1]
        if last.since_ms < at_ms <= last.until_ms:
            return last
        for stretch in self.stretches[-2::-1]:
            if stretch.since_ms < at_ms <= stretch.until_ms:
                return stretch
        return None


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
        near, same = _by_site(zones, sites), _Same()
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
            alike = _alike(row, sites[row.site_id], places, same)
            sensors[key] = SensorFacts(
                key=key,
                code=same(row.code),
                number=row.id.int,
                element_id=same(row.element_id),
                stretches=_stretches(epochs, same),
                alike=alike,
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


class _Same:
    """Returns of equal values the one that came first: each row brings its own copy of them."""

    def __init__(self) -> None:
        self._known: dict[type, dict[Any, Any]] = defaultdict(dict)  # 1 equals 1.0 and True

    def __call__(self, value: T) -> T:
        return self._known[type(value)].setdefault(value, value)


def _alike(row: Any, site: Site, zones: tuple[Subject, ...], same: _Same) -> Alike:
    interval_ms = row.interval_s * 1000
    return same(
        Alike(
            site_id=site.id,
            site_code=site.code,
            timezone=site.timezone,
            quantity=row.quantity,
            unit=row.unit,
            interval_ms=interval_ms,
            zones=zones,
            serves=tuple(row.serves or ()),
            retired=row.retired_at is not None,
            silent_after_ms=silence_due_ms(interval_ms / 1000, 0),
            is_rain=row.quantity in ("rain_total", "rain_increment"),
        )
    )


def _stretches(epochs: Sequence[Any], same: _Same) -> tuple[Stretch, ...]:
    found: list[Stretch] = []
    for epoch in epochs:
        since_ms = same(to_ms(epoch.since))
        found.append(
            Stretch(
                since_ms=since_ms,
                until_ms=_until_ms(epoch, same),
                offset=same(epoch.offset),
                scale=same(epoch.scale),
                retired=epoch.kind == "retired",
                attended=epoch.kind in ATTENDED,
                begins_ms=found[-1].begins_ms if epoch.continues and found else since_ms,
            )
        )
    return same(tuple(found))


def _until_ms(epoch: Any, same: _Same) -> int:
    return FOR_EVER_MS if epoch.until is None else same(to_ms(epoch.until))


def _wire(
    channels: dict[str, dict[str, Wired]],
    sensors: Mapping[int, SensorFacts],
    key: int,
    epochs: Iterable[Any],
    same: _Same,
) -> None:
    """Enter the channels that a sensor is and was."""
    mine: dict[tuple[str, str], list[Bound]] = {}
    for epoch in epochs:
        if epoch.device is None or epoch.kind == "retired":
            continue
        since_ms, until_ms = same(to_ms(epoch.since)), _until_ms(epoch, same)
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
