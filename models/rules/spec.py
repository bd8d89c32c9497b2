"""Rules as values: what each kind knows, and how a registry file writes it down."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any, ClassVar

from models.reasons import Json
from models.rules.durations import AT_ONCE, DAY_MS, HOUR_MS, Delay, span_text
from models.rules.step import RANK
from models.units import QUANTITIES

MOST_READINGS = 2_880
"""Of the window of a rate."""
Name = Mapping[str, str]
"""Bilingual text, `{"zh": …, "en": …}`."""


@dataclass(frozen=True)
class Where:
    """Which sensors a rule judges; None leaves that side open."""

    quantities: tuple[str, ...] | None = None
    sites: tuple[str, ...] | None = None
    sensors: tuple[str, ...] | None = None

    def covers(self, quantity: str | None, site: str, sensor: str) -> bool:
        """Say whether `site`/`sensor` of this quantity is judged. Sensors may be `site/code`."""
        if self.quantities is not None and quantity not in self.quantities:
            return False
        if self.sites is not None and site not in self.sites:
            return False
        return self.sensors is None or sensor in self.sensors or f"{site}/{sensor}" in self.sensors

    def to_json(self) -> dict[str, Json]:
        """Return the form of the registry file: one quantity alone stands without a list."""
        quantities: Json = list(self.quantities) if self.quantities is not None else None
        if quantities and len(quantities) == 1:
            quantities = quantities[0]
        return {
            "quantity": quantities,
            "sites": None if self.sites is None else list(self.sites),
            "sensors": None if self.sensors is None else list(self.sensors),
        }


@dataclass(frozen=True)
class Level:
    """One step of a rule. Several levels may share a severity: any of them holds it."""

    severity: str
    raise_at: float | None = None
    deadband: float = 0.0
    on_delay: Delay = AT_ONCE
    off_delay: Delay = AT_ONCE
    latch: bool = False
    window_ms: int | None = None
    of: str | None = None
    """"value" in a rule of change: the plain reading, armed once it has been below this limit."""

    @property
    def rank(self) -> int:
        """1 for low up to 4 for critical."""
        return RANK[self.severity]


@dataclass(frozen=True)
class Baseline:
    """Where change is counted from: a given value, or the median of an epoch's first hours."""

    over_ms: int = DAY_MS
    value: float | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the form of the registry file."""
        if self.value is not None:
            return {"value": self.value}
        return {"of": "median", "over": span_text(self.over_ms)}


@dataclass(frozen=True)
class Term:
    """One leaf of a combination: a rule that holds this severity or a higher one."""

    rule: str
    level: str = "low"

    def to_json(self) -> dict[str, Json]:
        """Return the form of the registry file."""
        return {"rule": self.rule, "level": self.level}


@dataclass(frozen=True)
class Together:
    """All or any of several terms, which may themselves be such."""

    every: bool
    terms: tuple["Together | Term", ...]

    def to_json(self) -> dict[str, Json]:
        """Return the form of the registry file."""
        return {"all" if self.every else "any": [term.to_json() for term in self.terms]}

    def leaves(self) -> Iterator[Term]:
        """Yield every term, however deep."""
        for term in self.terms:
            if isinstance(term, Term):
                yield term
            else:
                yield from term.leaves()


@dataclass(frozen=True)
class Rule:
    """What every kind has. Made by `models.rules.parsing.parse_rule`."""

    kind: ClassVar[str] = ""

    code: str
    levels: tuple[Level, ...]
    name: Name | None = field(default=None, hash=False)
    where: Where = Where()
    condition: bool = False
    """Recorded and drawn, feeds combinations and holds, but is no alert."""
    consequence: Name | None = field(default=None, hash=False)
    operator_action: Name | None = field(default=None, hash=False)
    respond_within: Name | None = field(default=None, hash=False)
    deadband: float = 0.0
    on_delay: Delay = AT_ONCE
    off_delay: Delay = AT_ONCE
    latch: bool = False
    direction: str = "above"

    @property
    def quantity(self) -> str | None:
        """The quantity that sentences about this rule name; None where it takes any."""
        return self.where.quantities[0] if self.where.quantities else None

    @property
    def unit(self) -> str:
        """The unit of limits, values and deadbands, empty where there are none."""
        known = QUANTITIES.get(self.quantity or "")
        return known.unit if known else ""

    @cached_property
    def sign(self) -> int:
        """-1 where low values are the bad ones: value and limit are judged times this."""
        return -1 if self.direction == "below" else 1

    @cached_property
    def limits(self) -> tuple[tuple[float, float], ...]:
        """Return (raise at or over, clear below) of each level, times `sign`."""
        return tuple(
            (self.sign * level.raise_at, round(self.sign * level.raise_at - level.deadband, 9))
            for level in self.levels
            if level.raise_at is not None
        )

    @cached_property
    def lowest(self) -> float:
        """Return the value, times `sign`, under which no level can begin."""
        return min((limit for limit, _ in self.limits), default=inf)

    def longest_delay_ms(self, interval_ms: int) -> int:
        """Return how long evidence for a change can be under way; of counted readings, at most."""
        delays = (delay for level in self.levels for delay in (level.on_delay, level.off_delay))
        return max(delay.longest_ms(interval_ms) for delay in delays)

    @property
    def longest_window_ms(self) -> int:
        """How far before a reading those lie that are judged together with it."""
        return 0

    def to_json(self) -> dict[str, Json]:
        """Return the rule as a registry file holds it; parsing that gives an equal rule."""
        return _without_defaults(
            {
                "code": self.code,
                "name": _plain(self.name),
                "kind": self.kind,
                "where": self.where.to_json(),
                "condition": self.condition,
                "direction": self.direction,
                **self._own_json(),
                "levels": [_level_json(level, self) for level in self.levels],
                "deadband": self.deadband,
                "on_delay": str(self.on_delay),
                "off_delay": str(self.off_delay),
                "latch": self.latch,
                "consequence": _plain(self.consequence),
                "operator_action": _plain(self.operator_action),
                "respond_within": _plain(self.respond_within),
            }
        )

    def _own_json(self) -> dict[str, Json]:
        return {}


@dataclass(frozen=True)
class Threshold(Rule):
    """A reading, or its change from a baseline, against limits."""

    kind: ClassVar[str] = "threshold"
    of: str = "value"
    baseline: Baseline = Baseline()

    @property
    def learns(self) -> bool:
        """Whether each epoch has to teach it the baseline first."""
        return self.of == "change" and self.baseline.value is None

    @cached_property
    def judges_values(self) -> bool:
        """Whether it looks at plain readings too, or alone."""
        return self.of == "value" or any(level.of == "value" for level in self.levels)

    def _own_json(self) -> dict[str, Json]:
        if self.of == "value":
            return {}
        return {"of": self.of, "baseline": self.baseline.to_json()}


@dataclass(frozen=True)
class Rate(Rule):
    """The least-squares slope over a window against limits, in units per day or per window."""

    kind: ClassVar[str] = "rate"
    window_ms: int = DAY_MS
    per: str = "day"

    @property
    def unit(self) -> str:
        """Per day, or the rise over one whole window, which is in the quantity's own unit."""
        return f"{super().unit}/day" if self.per == "day" else super().unit

    @cached_property
    def per_ms(self) -> int:
        """The time that a slope of one unit takes to rise by one."""
        return DAY_MS if self.per == "day" else self.window_ms

    @cached_property
    def pace_ms(self) -> int:
        """How far apart readings are at least: a faster gauge is read at this pace.

        Memory and the stored state stay small, and a slope over a day gains nothing from seconds.
        """
        return self.window_ms // MOST_READINGS

    @property
    def longest_window_ms(self) -> int:
        """The window of the slope."""
        return self.window_ms

    def _own_json(self) -> dict[str, Json]:
        return {"window": span_text(self.window_ms), "per": self.per}


@dataclass(frozen=True)
class Accumulation(Rule):
    """Rain credited within windows against limits; with `decay`, an antecedent index."""

    kind: ClassVar[str] = "accumulation"
    window_ms: int | None = None
    decay: float | None = None
    """What is left of a day's rain a day later; None counts every credit whole."""

    @property
    def longest_window_ms(self) -> int:
        """The longest window of any level."""
        return max(level.window_ms or 0 for level in self.levels)

    def _own_json(self) -> dict[str, Json]:
        window = None if self.window_ms is None else span_text(self.window_ms)
        return {"window": window, "decay": self.decay}


@dataclass(frozen=True)
class Silence(Rule):
    """Nothing heard of a sensor for three of its intervals and a tick."""

    kind: ClassVar[str] = "silence"


@dataclass(frozen=True)
class Combination(Rule):
    """Other rules' verdicts coming together in one place within a span."""

    kind: ClassVar[str] = "combination"
    condition_of: Together = field(default_factory=lambda: Together(True, ()))
    over: str = "zone"
    within_ms: int = 72 * HOUR_MS

    @property
    def rules(self) -> frozenset[str]:
        """Codes of the rules whose steps this one wants to hear of."""
        return frozenset(term.rule for term in self.condition_of.leaves())

    def _own_json(self) -> dict[str, Json]:
        within = span_text(self.within_ms)
        return {**self.condition_of.to_json(), "over": self.over, "within": within}


_DEFAULTS: dict[str, Any] = {
    "where": Where().to_json(),
    "condition": False,
    "direction": "above",
    "deadband": 0.0,
    "on_delay": "0",
    "off_delay": "0",
    "latch": False,
}
_UNSET = object()


def _without_defaults(spec: dict[str, Json]) -> dict[str, Json]:
    return {
        key: value
        for key, value in spec.items()
        if value is not None and value != _DEFAULTS.get(key, _UNSET)
    }


def _level_json(level: Level, rule: Rule) -> dict[str, Json]:
    spec: dict[str, Json] = {"severity": level.severity, "raise_at": level.raise_at}
    if level.of is not None:
        spec["of"] = level.of
    if level.window_ms is not None and level.window_ms != getattr(rule, "window_ms", None):
        spec["window"] = span_text(level.window_ms)
    for key in ("deadband", "on_delay", "off_delay", "latch"):
        own = getattr(level, key)
        if own != getattr(rule, key):
            spec[key] = str(own) if isinstance(own, Delay) else own
    return {key: value for key, value in spec.items() if value is not None}


def _plain(name: Name | None) -> dict[str, str] | None:
    return None if name is None else dict(name)
