"""What an unclaimed channel is likely to be: its site, quantity and unit, and a sensor's code."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from models.reading import Channel
from models.registry import Site
from models.sensor import Sensor
from models.units import canonical_unit, is_convertible

# Letters that surveyors put before a number; Tianning's own list among them.
LETTERS = {
    "rain_total": "R", "rain_increment": "R", "rain_rate": "RR", "crack_width": "C",
    "displacement": "D", "strain": "S", "tilt": "I", "tilt_x": "IX", "tilt_y": "IY",
    "tilt_z": "IZ", "moisture_content": "M", "moisture_vwc": "MV", "moisture_rel": "MR",
    "moisture_tension": "MT", "temperature": "T", "humidity": "H", "pressure": "P",
    "wind_speed": "W", "distance": "L", "battery_voltage": "BV", "battery_level": "B",
}  # fmt: skip
# Of quantities that share a unit the one that is watched most; nothing is guessed of a bare number.
LIKELY = ("crack_width", "temperature", "humidity", "moisture_vwc", "battery_voltage", "tilt")
INTERVALS_S = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
DEFAULT_INTERVAL_S = 900
FEWEST_HEARD = 3


@dataclass(frozen=True, slots=True)
class Proposal:
    """A claim that is ready to be made; what is None has to be told by a person."""

    sensor: Sensor | None  # one that waits for its channel; None: a new one
    site: Site | None
    code: str
    quantity: str | None
    unit: str
    interval_s: int

    @property
    def is_whole(self) -> bool:
        """Whether one click is enough."""
        return self.sensor is not None or (self.site is not None and self.quantity is not None)


def propose(
    row: Channel,
    sensors: Sequence[Sensor],
    sites: Sequence[Site],
    taken: Collection[tuple[str, str]] = (),
) -> Proposal:
    """Return the likeliest claim of a channel among what the actor sees.

    `taken`: (site, code) that were proposed to other channels on the same page.
    """
    quantity = quantity_of(row)
    site = _site_of(row, sensors, sites)
    waiting = [one for one in sensors if _waits(one, row, quantity, site, taken)]
    interval_s = _interval_of(row)
    if len(waiting) == 1:
        one = waiting[0]
        return Proposal(one, one.site, one.code, one.quantity, one.unit, one.interval_s)
    code = _free_code(quantity, site, sensors, taken) if quantity and site else ""
    return Proposal(None, site, code, quantity, _unit_of(row, quantity), interval_s)


def quantity_of(row: Channel) -> str | None:
    """Return what it measures: as its name, profile or unit tell; None where nothing does."""
    if row.quantity is not None or row.unit is None:
        return row.quantity
    return next((code for code in LIKELY if is_convertible(row.unit, code)), None)


def fits(row: Channel, sensor: Sensor) -> bool:
    """Whether a sensor could be read from the channel."""
    if row.quantity is not None and row.quantity != sensor.quantity:
        return False
    return row.unit is None or is_convertible(row.unit, sensor.quantity)


def _site_of(row: Channel, sensors: Sequence[Sensor], sites: Sequence[Site]) -> Site | None:
    """The device's other sensors tell the site; else its topic, its name, or there is only one."""
    for sensor in sensors:
        if any(epoch.device == row.device for epoch in sensor.epochs):
            return sensor.site
    by_code = {site.code.lower(): site for site in sites}
    levels = row.topic.lower().split("/")
    words = [*levels, *re.split(r"[^0-9a-z]+", row.device.lower())]
    named = next((by_code[word] for word in words if word in by_code), None)
    return named or (sites[0] if len(sites) == 1 else None)


def _waits(
    sensor: Sensor,
    row: Channel,
    quantity: str | None,
    site: Site | None,
    taken: Collection[tuple[str, str]],
) -> bool:
    """Whether the sensor stands in the registry without a channel, and is no other's proposal."""
    unread = all(epoch.device is None for epoch in sensor.epochs)
    here = site is not None and sensor.site_id == site.id
    free = (sensor.site.code, sensor.code) not in taken
    return unread and here and free and sensor.quantity == quantity and fits(row, sensor)


def _unit_of(row: Channel, quantity: str | None) -> str:
    if quantity is None:
        return row.unit or ""
    if row.unit and is_convertible(row.unit, quantity):
        return row.unit
    return canonical_unit(quantity)


def _interval_of(row: Channel) -> int:
    """Return how often it speaks, as such devices are set; too short would alarm for nothing."""
    if row.count < FEWEST_HEARD or row.last_ms <= row.first_ms:
        return DEFAULT_INTERVAL_S
    mean_s = (row.last_ms - row.first_ms) / 1000 / (row.count - 1)
    return next((one for one in INTERVALS_S if one >= 0.9 * mean_s), INTERVALS_S[-1])


def _free_code(
    quantity: str, site: Site, sensors: Iterable[Sensor], taken: Collection[tuple[str, str]]
) -> str:
    """Return the next number under the letter that the site uses for the quantity."""
    here = [one for one in sensors if one.site_id == site.id]
    used = {one.code for one in here} | {code for place, code in taken if place == site.code}
    letter = LETTERS[quantity]
    for one in here:
        if one.quantity == quantity and (found := re.fullmatch(r"([A-Za-z]+)-\d+", one.code)):
            letter = found[1]
            break
    number = 1
    while f"{letter}-{number:02d}" in used:
        number += 1
    return f"{letter}-{number:02d}"
