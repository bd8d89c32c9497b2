"""Which sensor a device's channel was at an instant, and how that sensor is to be read then."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Subject
from models.registry import Element, Site, Zone
from models.rules.judge import silence_due_ms
from models.sensor import ATTENDED, Epoch, Sensor
from models.times import to_ms

FOR_EVER_MS = 1 << 62
AT_ONCE = 1000  # rows
_T = TypeVar("_T")
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
    """What the pipeline knows of a sensor; a snapshot of the registry.

    A nation has a million of them: what many have alike is one object for all of them.
    """

    key: int
    raw_id: bytes  # at half the size of a UUID
    code: str
    site_id: uuid.UUID
    site_code: str
    element_id: uuid.UUID | None
    timezone: str
    quantity: str
    unit: str
    interval_ms: int
    zones: tuple[Subject, ...]
    serves: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    retired: bool
    attended_ms: int  # when somebody was last at the sensor
    silent_after_ms: int  # after it was last heard it is overdue, unless its device said goodbye

    @property
    def id(self) -> uuid.UUID:
        """The sensor's row."""
        return uuid.UUID(bytes=self.raw_id)

    @property
    def subject(self) -> Subject:
        """Who it is to an alert."""
        return Subject(
            f"sensor:{self.site_code}/{self.code}",
            site_id=self.site_id,
            sensor_id=self.id,
            element_id=self.element_id,
            site_code=self.site_code,
        )

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

    @property
    def begins_ms(self) -> tuple[int, ...]:
        """From when on each instrument has stood there."""
        return tuple(stretch.begins_ms for stretch in self.stretches)

    @property
    def is_rain(self) -> bool:
        """Whether it measures rain by counting it."""
        return self.quantity in RAIN


@dataclass(slots=True)
class Bound:
    """A channel's sensor from when to when; `other`, where it has been more than that one."""

    since_ms: int
    until_ms: int
    sensor: int
    other: Bound | None = None


class Bindings:
    """The registry as the pipeline sees it, read once and again when it changes."""

    def __init__(
        self,
        version: int,
        sensors: Iterable[SensorFacts],
        channels: Mapping[str, Mapping[str, Bound]],
        zones: Mapping[str, Subject],
        sites: Mapping[str, uuid.UUID],
    ) -> None:
        self.version = version
        self.sites = sites
        self.sensors = {facts.key: facts for facts in sensors}
        self.zones = zones
        self._channels = channels
        self.by_device: dict[str, list[int]] = {device: [] for device in channels}
        for device, bound in self.bounds():
            if bound.until_ms == FOR_EVER_MS:
                self.by_device[device].append(bound.sensor)

    def bounds(self) -> Iterator[tuple[str, Bound]]:
        """Yield what each device's channels are and have been."""
        for device, channels in self._channels.items():
            for first in channels.values():
                bound: Bound | None = first
                while bound is not None:
                    yield device, bound
                    bound = bound.other

    def sensor_of(self, device: str, channel: str, at_ms: int) -> int | None:
        """Return the key of the sensor that the channel was at that instant."""
        channels = self._channels.get(device)
        bound = None if channels is None else channels.get(channel)
        while bound is not None:
            if bound.since_ms < at_ms <= bound.until_ms:
                return bound.sensor
            bound = bound.other
        return None

    @classmethod
    def load(cls, session: Session, version: int) -> Bindings:
        """Read sensors, epochs and zones in a fixed number of queries."""
        sites = {site.id: site for site in session.scalars(select(Site))}
        by_code = {site.code: site.id for site in sites.values()}
        zones = list(session.scalars(select(Zone).where(Zone.retired.is_(False))))
        homes = dict(session.execute(select(Element.id, Element.building_id)).all())
        epochs = _Epochs(session)
        channels: dict[str, dict[str, Bound]] = {}
        facts, near = [], _by_site(zones)
        alike: Alike = {}
        for row in session.execute(_SENSORS):
            mine = epochs.of(row.key)
            places = _zones_of(row, near, homes, sites, by_code)
            facts.append(_facts(row, sites[row.site_id], places, mine, alike))
            for epoch in mine:
                _bind(channels, facts[-1].key, epoch, alike)
        zone_subjects = {subject.text: subject for subject in _subjects(zones, sites)}
        return cls(version, facts, channels, zone_subjects, by_code)


# Columns, not objects, and never all at once: a nation has a million of each.
_SENSORS = (
    select(Sensor.key, Sensor.id, Sensor.code, Sensor.site_id, Sensor.building_id,
           Sensor.element_id, Sensor.quantity, Sensor.unit, Sensor.interval_s, Sensor.serves,
           Sensor.retired_at)
    .order_by(Sensor.key)
    .execution_options(yield_per=AT_ONCE)
)  # fmt: skip
_EPOCHS = (
    select(Sensor.key, Epoch.kind, Epoch.since, Epoch.until, Epoch.device, Epoch.channel,
           Epoch.offset, Epoch.scale, Epoch.continues)
    .join(Sensor, Sensor.id == Epoch.sensor_id)
    .order_by(Sensor.key, Epoch.since, Epoch.id)
    .execution_options(yield_per=AT_ONCE)
)  # fmt: skip


class _Epochs:
    """Reads the epochs of sensors, one sensor after the other, in the order of their keys."""

    def __init__(self, session: Session) -> None:
        self._groups = groupby(session.execute(_EPOCHS), attrgetter("key"))
        self._next = next(self._groups, None)

    def of(self, key: int) -> list[Any]:
        """Return a sensor's epochs; every sensor that has some is asked for."""
        if self._next is None or self._next[0] != key:
            return []
        mine = list(self._next[1])
        self._next = next(self._groups, None)
        return mine


Alike = dict[Any, Any]
"""The one object for all that are equal: each row brings its own copy of what thousands have."""


def _one(alike: Alike, value: _T) -> _T:
    return alike.setdefault((type(value), value), value)


def _facts(
    row: Any, site: Site, zones: tuple[Subject, ...], epochs: Sequence[Any], alike: Alike
) -> SensorFacts:
    interval_ms = _one(alike, row.interval_s * 1000)
    attended_ms = max((to_ms(e.since) for e in epochs if e.kind in ATTENDED), default=0)
    return SensorFacts(
        key=row.key,
        raw_id=row.id.bytes,
        code=_one(alike, row.code),
        site_id=site.id,
        site_code=site.code,
        element_id=_one(alike, row.element_id),
        timezone=site.timezone,
        quantity=_one(alike, row.quantity),
        unit=_one(alike, row.unit),
        interval_ms=interval_ms,
        zones=_one(alike, zones),
        serves=_one(alike, tuple(row.serves or ())),
        stretches=_one(alike, _stretches(epochs)),
        retired=row.retired_at is not None,
        attended_ms=_one(alike, attended_ms),
        silent_after_ms=_one(alike, silence_due_ms(interval_ms / 1000, 0)),
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


def _bind(channels: dict[str, dict[str, Bound]], key: int, epoch: Any, alike: Alike) -> None:
    if epoch.device is None or epoch.kind == "retired":
        return
    since_ms = _one(alike, to_ms(epoch.since))
    until_ms = FOR_EVER_MS if epoch.until is None else _one(alike, to_ms(epoch.until))
    of_device = channels.setdefault(epoch.device, {})
    channel = _one(alike, epoch.channel or "")
    bound = of_device.get(channel)
    if bound is None:
        of_device[channel] = Bound(since_ms, until_ms, key)
        return
    while bound.other is not None:
        bound = bound.other
    if bound.sensor == key and bound.until_ms == since_ms:
        bound.until_ms = until_ms
    else:
        bound.other = Bound(since_ms, until_ms, key)


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
