"""What the pipeline knows of a sensor, small: a nation has a million of them.

What many have alike is in memory once, and what only somebody who is told of a sensor asks for is
made when it is asked for.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeVar

from msgspec import Struct

from models.alert import Subject
from models.registry import Site
from models.rules.judge import silence_due_ms
from models.rules.rain import Credit
from models.sensor import ATTENDED
from models.times import to_ms
from models.units import QUANTITIES, canonical_unit

FOR_EVER_MS = 1 << 62
T = TypeVar("T")


# What has no cycles needs no look by the garbage collector, nor the memory for that.
class Stretch(Struct, frozen=True, gc=False):
    """One epoch, as the pipeline needs it: `(since_ms, until_ms]`.

    `begins_ms`: since when the same instrument stands at the same place and zero; the rules'
    baselines reach back to there. `attended`: somebody was at the sensor when it began.
    `offset`: 0 for increments of rain, which are differences already.
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
    canonical_unit: str  # "" of a quantity that another version knew
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

    def fallen(self, credit: Credit | None) -> Credit | None:
        """Return what a gauge's credit is worth, which was made of its readings as stored."""
        stretch = None if credit is None else self.stretch_at(credit.until_ms)
        if credit is None or stretch is None or stretch.scale == 1.0:
            return credit
        return credit._replace(um=round(credit.um * stretch.scale))

    def is_one_instrument(self, one_ms: int, other_ms: int) -> bool:
        """Say whether what was measured at two instants can be compared: at one place and zero."""
        if len(self.stretches) == 1:
            return True
        one, other = self.stretch_at(one_ms), self.stretch_at(other_ms)
        return one is None or other is None or one.begins_ms == other.begins_ms


class Same:
    """Returns of equal values the one that came first: each row brings its own copy of them."""

    def __init__(self) -> None:
        self._known: dict[type, dict[Any, Any]] = defaultdict(dict)  # 1 equals 1.0 and True

    def __call__(self, value: T) -> T:
        return self._known[type(value)].setdefault(value, value)


def alike(row: Any, site: Site, zones: tuple[Subject, ...], same: Same) -> Alike:
    """Return what a sensor's row has like others, as the one object for all of them."""
    interval_ms = row.interval_s * 1000
    return same(
        Alike(
            site_id=site.id,
            site_code=site.code,
            timezone=site.timezone,
            quantity=row.quantity,
            unit=row.unit,
            canonical_unit=canonical_unit(row.quantity) if row.quantity in QUANTITIES else "",
            interval_ms=interval_ms,
            zones=zones,
            serves=tuple(row.serves or ()),
            retired=row.retired_at is not None,
            silent_after_ms=silence_due_ms(interval_ms / 1000, 0),
            is_rain=row.quantity in ("rain_total", "rain_increment"),
        )
    )


def stretches(epochs: Sequence[Any], same: Same) -> tuple[Stretch, ...]:
    """Return a sensor's epochs, given in order of time, as the one object for all alike."""
    found: list[Stretch] = []
    for epoch in epochs:
        since_ms = same(to_ms(epoch.since))
        found.append(
            Stretch(
                since_ms=since_ms,
                until_ms=end_of(epoch, same),
                offset=same(0.0 if epoch.quantity == "rain_increment" else epoch.offset),
                scale=same(epoch.scale),
                retired=epoch.kind == "retired",
                attended=epoch.kind in ATTENDED,
                begins_ms=found[-1].begins_ms if epoch.continues and found else since_ms,
            )
        )
    return same(tuple(found))


def end_of(epoch: Any, same: Same) -> int:
    """Return the last instant that an epoch covers."""
    return FOR_EVER_MS if epoch.until is None else same(to_ms(epoch.until))
