"""Spans and delays as people write them: "24h", "7d", "2 samples", "0"."""

import re
from dataclasses import dataclass

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

_UNITS_MS = {
    "ms": 1, "s": SECOND_MS, "sec": SECOND_MS, "second": SECOND_MS, "seconds": SECOND_MS,
    "m": MINUTE_MS, "min": MINUTE_MS, "minute": MINUTE_MS, "minutes": MINUTE_MS,
    "h": HOUR_MS, "hour": HOUR_MS, "hours": HOUR_MS,
    "d": DAY_MS, "day": DAY_MS, "days": DAY_MS, "w": 7 * DAY_MS, "week": 7 * DAY_MS,
    "weeks": 7 * DAY_MS,
}  # fmt: skip
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_SAMPLES = re.compile(r"(\d+)\s*samples?")
LONGEST_MS = 3_660 * DAY_MS
MOST_SAMPLES = 10_000
MISSED_INTERVALS = 3  # readings further apart than so many intervals are a silence


@dataclass(frozen=True, slots=True)
class Delay:
    """How long evidence must hold: over a span of time, or over a number of readings."""

    ms: int = 0
    samples: int = 1

    def ripe(self, span_ms: int, samples: int) -> bool:
        """Say whether so many readings over such a span are enough."""
        return span_ms >= self.ms and samples >= self.samples

    def longest_ms(self, interval_ms: int) -> int:
        """Return how long it can take, of a sensor that is heard as often as it should be."""
        return max(self.ms, self.samples * MISSED_INTERVALS * interval_ms)

    def __str__(self) -> str:
        return f"{self.samples} samples" if self.samples > 1 else span_text(self.ms)


AT_ONCE = Delay()


def parse_span(text: object) -> int | None:
    """Return the milliseconds of "24h" or "7d"; None when `text` is no span."""
    if text == 0 and not isinstance(text, bool):
        return 0
    if not isinstance(text, str):
        return None
    plain = text.strip().lower()
    if plain == "0":
        return 0
    found = _SPAN.fullmatch(plain)
    if not found or found[2] not in _UNITS_MS:
        return None
    span_ms = round(float(found[1]) * _UNITS_MS[found[2]])
    return span_ms if span_ms <= LONGEST_MS else None


def parse_delay(text: object) -> Delay | None:
    """Return the delay of "6h", "2 samples" or "0"; None when `text` is no delay."""
    if isinstance(text, str):
        found = _SAMPLES.fullmatch(text.strip().lower())
        if found:
            samples = int(found[1])
            return Delay(samples=max(samples, 1)) if samples <= MOST_SAMPLES else None
    span_ms = parse_span(text)
    return None if span_ms is None else Delay(ms=span_ms)


def span_text(span_ms: int) -> str:
    """Return the span as a registry file writes it; `parse_span` reads it back."""
    if span_ms == 0:
        return "0"
    # Days from three on: people say "24h" and "72h" but "7d".
    if span_ms % DAY_MS == 0 and span_ms > 3 * DAY_MS:
        return f"{span_ms // DAY_MS}d"
    for unit, unit_ms in (("h", HOUR_MS), ("min", MINUTE_MS), ("s", SECOND_MS)):
        if span_ms % unit_ms == 0:
            return f"{span_ms // unit_ms}{unit}"
    return f"{span_ms}ms"


def hours(span_ms: int) -> float:
    """Return the span in hours, whole where it is whole: for sentences."""
    exact = span_ms / HOUR_MS
    return int(exact) if exact == int(exact) else round(exact, 2)
