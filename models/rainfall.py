"""How much rain fell at a site in the last hours, told by its gauges; unknown stays unknown."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from models import stored
from models.bars import is_rain
from models.readings import Correction
from models.rules.rain import Gauge, grade, mm_of
from models.sensor import Sensor, counters_begin
from models.times import to_ms

# A gauge that reports hourly has its last total before the window within this.
BEFORE_MS = 3 * 3_600_000


@dataclass(frozen=True, slots=True)
class Rainfall:
    """Millimetres of the gauge that caught most; None where no gauge reported."""

    mm: float | None
    gauge: str
    hours: int

    @property
    def grade(self) -> str | None:
        """The class of GB/T 28592 by 12 or 24 hours."""
        if self.mm is None or self.hours not in (12, 24):
            return None
        return grade(self.mm, self.hours)


def rainfall(
    session: Session, sensors: Sequence[Sensor], now: datetime, hours: int = 24
) -> dict[uuid.UUID, Rainfall]:
    """Return the rain of `(now − hours, now]` by site; a fixed number of queries for all gauges."""
    return by_site(sensors, caught_by(session, sensors, now, hours), hours)


def caught_by(
    session: Session, sensors: Sequence[Sensor], now: datetime, hours: int = 24
) -> dict[int, float]:
    """Return the millimetres that each gauge caught, by its key; a silent one is not named."""
    gauges = {s.key: s for s in sensors if is_rain(s.quantity) and s.retired_at is None}
    since_ms = to_ms(now - timedelta(hours=hours))
    found = stored.of_many(session, list(gauges), since_ms - BEFORE_MS, to_ms(now))
    begins = counters_begin(session, gauges)
    caught: dict[int, int] = {}
    for key, readings in found.items():
        correct = Correction(gauges[key])
        gauge = Gauge(counter=gauges[key].quantity == "rain_total")
        for one in filter(stored.is_good, readings):
            credit = gauge.read(one.at_ms, one.value or 0.0, begins.get(key, ()))
            if one.at_ms > since_ms:
                um = correct.fallen(one.at_ms, credit.um) if credit else 0
                caught[key] = caught.get(key, 0) + round(um)
    return {key: mm_of(um) for key, um in caught.items()}


def by_site(
    sensors: Sequence[Sensor], caught: Mapping[int, float], hours: int = 24
) -> dict[uuid.UUID, Rainfall]:
    """Return for each site with a gauge what its fullest gauge caught."""
    found: dict[uuid.UUID, Rainfall] = {}
    for gauge in sensors:
        if not is_rain(gauge.quantity) or gauge.retired_at is not None:
            continue
        mm, known = caught.get(gauge.key), found.get(gauge.site_id)
        if known is None or (mm is not None and (known.mm is None or mm > known.mm)):
            found[gauge.site_id] = Rainfall(mm, gauge.code, hours)
    return found
