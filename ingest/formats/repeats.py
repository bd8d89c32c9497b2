"""Tells repeats from news by what was seen before, where no database keeps the readings."""

from collections import OrderedDict
from dataclasses import replace

from ingest.formats.decoded import (
    ACCEPT,
    BAD,
    IGNORE,
    PARTIAL,
    QUARANTINE,
    Decoded,
    Measurement,
    ignored,
    quarantined,
)
from models.units import quality_of

_MOST = 500_000


class Seen:
    """Keys of messages, and the value of each channel and instant; the first one stays."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._values: OrderedDict[tuple[str, str, str, int], float] = OrderedDict()
        self._totals: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def without_repeats(self, decoded: Decoded) -> Decoded:
        """Return the outcome without what was seen before, and remember what is new."""
        if decoded.outcome not in (ACCEPT, PARTIAL):
            return decoded
        if decoded.key and decoded.key in self._keys:
            return replace(decoded, outcome=IGNORE, reason=ignored("duplicate"), measurements=())
        news, repeats, conflicts = self._sorted_out(decoded)
        if decoded.key:
            _keep(self._keys, decoded.key, None)
        if conflicts:
            return _in_conflict(decoded, news, conflicts[0])
        jumps = [m for m in news if self._jumps(m)]
        if jumps:
            return _with_doubts(decoded, news, jumps)
        if repeats and not any(measurement.value is not None for measurement in news):
            return replace(decoded, outcome=IGNORE, reason=ignored("duplicate"), measurements=())
        return replace(decoded, measurements=tuple(news)) if repeats else decoded

    def _sorted_out(
        self, decoded: Decoded
    ) -> tuple[list[Measurement], list[Measurement], list[Measurement]]:
        news, repeats, conflicts = [], [], []
        for measurement in decoded.measurements:
            if measurement.value is None:
                news.append(measurement)
                continue
            place = (
                measurement.device,
                measurement.channel,
                measurement.quantity or "",
                measurement.at_ms,
            )
            known = self._values.get(place)
            if known is None:
                _keep(self._values, place, measurement.value)
                news.append(measurement)
            elif known == measurement.value:
                repeats.append(measurement)
            else:
                conflicts.append(measurement)
        return news, repeats, conflicts

    def _jumps(self, measurement: Measurement) -> bool:
        """Does a rain counter rise faster than rain can fall? Such a total is not remembered."""
        if measurement.quantity != "rain_total" or measurement.value is None:
            return False
        place = (measurement.device, measurement.channel)
        at_ms, total = self._totals.get(place, (0, measurement.value))
        elapsed_s = (measurement.at_ms - at_ms) / 1_000
        if elapsed_s > 0:
            if quality_of("rain_total", measurement.value, total, elapsed_s) == BAD:
                return True
            _keep(self._totals, place, (measurement.at_ms, measurement.value))
        return False


def _with_doubts(decoded: Decoded, news: list[Measurement], jumps: list[Measurement]) -> Decoded:
    kept = [
        m._replace(value=None, quality=BAD, fault="out-of-range") if m in jumps else m for m in news
    ]
    outcome = PARTIAL if any(m.value is not None for m in kept) else QUARANTINE
    where = f"{jumps[0].device}/{jumps[0].channel}"
    reason = quarantined("out-of-range", field=where, n=len(jumps))
    return replace(decoded, outcome=outcome, reason=reason, measurements=tuple(kept))


def _in_conflict(decoded: Decoded, news: list[Measurement], first: Measurement) -> Decoded:
    outcome = PARTIAL if any(m.value is not None for m in news) else QUARANTINE
    reason = quarantined("conflicting-duplicate", field=f"{first.device}/{first.channel}", n=1)
    return replace(decoded, outcome=outcome, reason=reason, measurements=tuple(news))


def _keep(store: OrderedDict, key: object, value: object) -> None:
    store[key] = value
    store.move_to_end(key)
    if len(store) > _MOST:
        store.popitem(last=False)
