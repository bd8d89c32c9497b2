"""Builders for rules and readings: a valid thing in one line, the test names what matters."""

from collections.abc import Iterable
from typing import Any

from models.rules.judge import Sample, State, Step, on_sample
from models.rules.parsing import parse_rule
from models.rules.spec import Rule

MINUTE = 60_000
HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_647_216_000_000  # 2022-03-14T00:00:00Z


def at(hours: float, value: float | None, quality: int = 1) -> Sample:
    """Return a reading so many hours after START, arrived at once."""
    at_ms = START + round(hours * HOUR)
    return Sample(at_ms, value, quality, at_ms)


def every(step_hours: float, values: Iterable[float | None], since: float = 0) -> list[Sample]:
    """Return readings at a steady pace."""
    return [at(since + index * step_hours, value) for index, value in enumerate(values)]


def threshold(raise_at: float = 5.0, **fields: Any) -> Rule:
    """Return a threshold on crack width with one level."""
    return rule("threshold", {"levels": [{"severity": "low", "raise_at": raise_at}], **fields})


def accumulation(window: str = "24h", raise_at: float = 25.0, **fields: Any) -> Rule:
    """Return an accumulation with one level."""
    levels = [{"severity": "low", "window": window, "raise_at": raise_at}]
    spec = {"where": {"quantity": "rain_total"}, "levels": levels, **fields}
    return rule("accumulation", spec)


def rate(raise_at: float = 1.0, **fields: Any) -> Rule:
    """Return a rate over a day with one level."""
    levels = [{"severity": "medium", "raise_at": raise_at}]
    return rule("rate", {"window": "24h", "levels": levels, **fields})


def rule(kind: str, fields: dict[str, Any]) -> Rule:
    """Return a parsed rule of `kind` on crack width, unless `fields` say otherwise."""
    spec = {"code": "T", "kind": kind, "where": {"quantity": "crack_width"}, **fields}
    return parse_rule(spec)


def said(steps: Iterable[Step]) -> list[tuple[str, str]]:
    """Return (to, severity) of each step."""
    return [(step.to, step.severity) for step in steps]


def when(steps: Iterable[Step]) -> list[tuple[str, float]]:
    """Return (to, hours after START of the deciding reading) of each step."""
    return [(step.to, (step.observed_ms - START) / HOUR) for step in steps]


def feed(rule: Rule, state: State, samples: Iterable[Sample]) -> list[Step]:
    """Judge readings one by one."""
    return [step for sample in samples for step in on_sample(rule, state, sample)]
