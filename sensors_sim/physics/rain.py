"""Rain as it falls: storms that are clusters of short, intense cells over a light drizzle."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from sensors_sim.physics.climate import Climate
from sensors_sim.times import DAY_MS, HOUR_MS, MINUTE_MS

DRIZZLE_SHARE = 0.25
"""What of a storm falls as light rain between its cells."""

CELLS_PER_HOUR = 1.3
CELL_MINUTES = (12.0, 55.0)


@dataclass(frozen=True, slots=True)
class Storm:
    """A spell of rain of known length and depth; where its cells fall is left to the seed."""

    begins_ms: int
    hours: float
    depth_mm: float

    @property
    def ends_ms(self) -> int:
        """The end of its last cell."""
        return self.begins_ms + round(self.hours * HOUR_MS)


@dataclass(frozen=True, slots=True)
class Cell:
    """A patch of even rain that passes over the gauge."""

    begins_ms: int
    ends_ms: int
    mm_per_ms: float

    def between(self, since_ms: int, until_ms: int) -> float:
        """Return the rain (mm) that it brings in the interval."""
        overlap = min(until_ms, self.ends_ms) - max(since_ms, self.begins_ms)
        return overlap * self.mm_per_ms if overlap > 0 else 0.0


def cells(storm: Storm, random: Random) -> list[Cell]:
    """Scatter a storm's depth over cells; they never leave its span, so depths stay exact."""
    span_ms = storm.ends_ms - storm.begins_ms
    count = max(1, round(storm.hours * CELLS_PER_HOUR * random.uniform(0.8, 1.2)))
    shapes = [_shape(span_ms, random) for _ in range(count)]
    weight = sum(share for _, _, share in shapes)
    depth_mm = storm.depth_mm * (1 - DRIZZLE_SHARE)
    falling = [
        Cell(
            storm.begins_ms + start_ms,
            storm.begins_ms + start_ms + length_ms,
            depth_mm * share / weight / length_ms,
        )
        for start_ms, length_ms, share in shapes
    ]
    drizzle = Cell(storm.begins_ms, storm.ends_ms, storm.depth_mm * DRIZZLE_SHARE / span_ms)
    return [drizzle, *falling]


def _shape(span_ms: int, random: Random) -> tuple[int, int, float]:
    length_ms = min(span_ms, round(random.uniform(*CELL_MINUTES) * MINUTE_MS))
    start_ms = round((span_ms - length_ms) * random.betavariate(1.6, 2.2))
    return start_ms, length_ms, 0.4 + random.expovariate(1.0)


def random_storms(climate: Climate, key: str, year: int, month: int) -> list[Storm]:
    """Draw a month's storms. Each month has its own stream, so any month can be drawn alone."""
    random = Random(f"{key}/storms/{year}-{month:02d}")
    normal = climate.months[month - 1]
    total_mm = normal.rain_mm * random.uniform(0.88, 1.12)
    weights = [random.gammavariate(1.3, 1.0) + 0.05 for _ in range(normal.storms)]
    scale = total_mm / sum(weights)
    first_ms, days = _month(year, month)
    starts = sorted(random.sample(range(days * 4), normal.storms))
    return [
        _random_storm(first_ms + slot * 6 * HOUR_MS, weight * scale, climate, random)
        for slot, weight in zip(starts, weights, strict=True)
    ]


def _random_storm(slot_ms: int, depth_mm: float, climate: Climate, random: Random) -> Storm:
    depth_mm = min(depth_mm, climate.deepest_storm_mm)
    hours = max(1.0, min(14.0, 1.5 + depth_mm * random.uniform(0.25, 0.5)))
    return Storm(slot_ms + random.randrange(5 * HOUR_MS), hours, depth_mm)


def _month(year: int, month: int) -> tuple[int, int]:
    first = datetime(year, month, 1, tzinfo=UTC)
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return round(first.timestamp() * 1000), (after - first).days


class Rain:
    """The rain over one site, asked interval by interval, forwards in time."""

    def __init__(
        self,
        climate: Climate,
        key: str,
        since_ms: int,
        script: Sequence[Storm] = (),
        scripted: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Let the script rule the spans in `scripted`; the climate rains in all others."""
        self._climate, self._key = climate, key
        self._scripted = tuple(scripted)
        self._ahead = self._falling(since_ms - DAY_MS, script)
        self._next = next(self._ahead)
        self._over: list[Cell] = []

    def between(self, since_ms: int, until_ms: int) -> float:
        """Return the rain (mm) of the interval; intervals must not go backwards."""
        while self._next.begins_ms < until_ms:
            self._over.append(self._next)
            self._next = next(self._ahead)
        if not self._over:
            return 0.0
        fallen = sum(cell.between(since_ms, until_ms) for cell in self._over)
        self._over = [cell for cell in self._over if cell.ends_ms > until_ms]
        return fallen

    def _falling(self, since_ms: int, script: Sequence[Storm]) -> Iterator[Cell]:
        """Every cell in order of its beginning, for ever."""
        waiting = sorted(script, key=lambda storm: storm.begins_ms)
        when = datetime.fromtimestamp(since_ms / 1000, UTC)
        year, month = when.year, when.month
        carried: list[Cell] = []
        while True:
            first_ms, days = _month(year, month)
            end_ms = first_ms + days * DAY_MS
            storms = [
                storm
                for storm in random_storms(self._climate, self._key, year, month)
                if not self._is_scripted(storm)
            ]
            storms += [storm for storm in waiting if storm.begins_ms < end_ms]
            waiting = [storm for storm in waiting if storm.begins_ms >= end_ms]
            for storm in storms:
                stream = Random(f"{self._key}/cells/{storm.begins_ms}")
                carried.extend(cells(storm, stream))
            carried.sort(key=lambda cell: (cell.begins_ms, cell.ends_ms))
            yield from (cell for cell in carried if cell.begins_ms < end_ms)
            carried = [cell for cell in carried if cell.begins_ms >= end_ms]
            year, month = year + month // 12, month % 12 + 1

    def _is_scripted(self, storm: Storm) -> bool:
        return any(
            storm.begins_ms < until_ms and storm.ends_ms > since_ms
            for since_ms, until_ms in self._scripted
        )
