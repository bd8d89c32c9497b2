"""Reads a rule from its spec, as a registry file or the rule editor has it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from models.errors import BadInput, Fault
from models.reasons import Json, reason
from models.rules.durations import AT_ONCE, DAY_MS, HOUR_MS
from models.rules.fields import Fields
from models.rules.spec import (
    Accumulation,
    Baseline,
    Combination,
    Level,
    Rate,
    Rule,
    Silence,
    Term,
    Threshold,
    Together,
    Where,
)
from models.rules.step import SEVERITIES
from models.units import QUANTITIES, RAIN

CODE_LENGTH = 40
DEEPEST_NESTING = 8
MOST_LEVELS = 32


def parse_rule(spec: Mapping[str, Json], where: str = "") -> Rule:
    """Return the rule that `spec` describes. Raises BadInput with every fault under `where`."""
    faults: list[Fault] = []
    fields = Fields(spec, where, faults)
    rule = _parse(fields)
    fields.close()
    if faults or rule is None:
        raise BadInput(faults)
    return rule


def _parse(fields: Fields) -> Rule | None:
    kind = fields.raw("kind")
    parser = _KINDS.get(kind) if isinstance(kind, str) else None
    if parser is None:
        if kind is None:
            fields.fault("kind", "rule.field_missing")
        else:
            fields.fault("kind", "rule.choice_unknown", given=str(kind), choices=sorted(_KINDS))
        # Without a kind nobody knows which fields belong; one fault is enough.
        fields.known.update(map(str, fields.spec))
        return None
    return parser(fields, _common(fields))


def _common(fields: Fields) -> dict[str, Any]:
    """Return what every kind has, ready for its class."""
    code = fields.text("code", required=True)
    if len(code) > CODE_LENGTH:
        fields.fault("code", "rule.code_too_long", most=CODE_LENGTH)
    return {
        "code": code,
        "name": fields.name("name"),
        "where": _where(fields),
        "condition": fields.flag("condition", False),
        "consequence": fields.name("consequence"),
        "operator_action": fields.name("operator_action"),
        "respond_within": fields.name("respond_within"),
        "deadband": fields.number("deadband", 0.0, lowest=0.0) or 0.0,
        "on_delay": fields.delay("on_delay", AT_ONCE),
        "off_delay": fields.delay("off_delay", AT_ONCE),
        "latch": fields.flag("latch", False),
    }


def _where(fields: Fields) -> Where:
    inner = fields.inner("where")
    if inner is None:
        return Where()
    where = Where(
        quantities=inner.texts("quantity", QUANTITIES),
        sites=inner.texts("sites"),
        sensors=inner.texts("sensors"),
    )
    inner.close()
    return where


def _one_unit(fields: Fields, where: Where) -> None:
    """Limits are numbers in one unit: note a missing quantity, or quantities of several units."""
    if not where.quantities:
        fields.fault("where.quantity", "rule.field_missing")
        return
    units = {QUANTITIES[one].unit for one in where.quantities if one in QUANTITIES}
    if len(units) > 1:
        fields.fault("where.quantity", "rule.units_differ", units=sorted(units))


def _threshold(fields: Fields, common: dict[str, Any]) -> Rule:
    _one_unit(fields, common["where"])
    of = fields.choice("of", ("value", "change"), "value")
    rule = Threshold(
        **common,
        direction=fields.choice("direction", ("above", "below"), "above"),
        of=of,
        baseline=_baseline(fields, of),
        levels=(),
    )
    return _with_levels(fields, rule, extra=_level_of)


def _baseline(fields: Fields, of: str) -> Baseline:
    inner = fields.inner("baseline")
    if inner is None:
        return Baseline()
    if of != "change":
        fields.fault("baseline", "rule.baseline_without_change")
    value = inner.number("value")
    inner.choice("of", ("median",), "median")
    over_ms = inner.span_ms("over", DAY_MS)
    inner.close()
    return Baseline(over_ms=over_ms or DAY_MS, value=value)


def _level_of(fields: Fields, rule: Rule) -> dict[str, Any]:
    of = fields.choice("of", ("value", "change"), getattr(rule, "of", "value"))
    if of == "change" and getattr(rule, "of", "value") == "value":
        fields.fault("of", "rule.choice_unknown", given=of, choices=["value"])
    return {"of": None if of == getattr(rule, "of", "value") else of}


def _rate(fields: Fields, common: dict[str, Any]) -> Rule:
    _one_unit(fields, common["where"])
    rule = Rate(
        **common,
        direction=fields.choice("direction", ("above", "below"), "above"),
        window_ms=fields.span_ms("window", DAY_MS, required=True) or DAY_MS,
        per=fields.choice("per", ("day", "window"), "day"),
        levels=(),
    )
    return _with_levels(fields, rule)


def _accumulation(fields: Fields, common: dict[str, Any]) -> Rule:
    where: Where = common["where"]
    if where.quantities is None:
        common["where"] = replace(where, quantities=("rain_total", "rain_increment"))
    elif not set(where.quantities) <= RAIN:
        fields.fault("where.quantity", "rule.not_rain", choices=sorted(RAIN))
    window_ms = fields.span_ms("window", None)
    decay = fields.number("decay", lowest=0.01, highest=1.0)
    rule = Accumulation(**common, window_ms=window_ms, decay=decay, levels=())
    rule = _with_levels(fields, rule, extra=_level_window)
    for index, level in enumerate(rule.levels):
        if decay is not None and (level.window_ms or DAY_MS) < DAY_MS:
            fields.fault(f"levels[{index}].window", "rule.window_too_short_to_fade")
    return rule


def _level_window(fields: Fields, rule: Rule) -> dict[str, Any]:
    default = getattr(rule, "window_ms", None)
    return {"window_ms": fields.span_ms("window", default, required=default is None)}


def _silence(fields: Fields, common: dict[str, Any]) -> Rule:
    return _with_levels(fields, Silence(**common, levels=()), limits=False)


def _combination(fields: Fields, common: dict[str, Any]) -> Rule:
    together = _together(fields, 0)
    rule = Combination(
        **common,
        condition_of=together,
        over=fields.choice("over", ("zone", "site"), "zone"),
        within_ms=fields.span_ms("within", 72 * HOUR_MS) or 72 * HOUR_MS,
        levels=(),
    )
    return _with_levels(fields, rule, limits=False)


def _together(fields: Fields, depth: int) -> Together:
    every, some = fields.list("all"), fields.list("any")
    if ("all" in fields.spec) == ("any" in fields.spec) or not (every or some):
        fields.fault("all", "rule.terms_missing")
    if depth >= DEEPEST_NESTING:
        fields.fault("all", "rule.terms_too_deep", most=DEEPEST_NESTING)
        return Together(True, ())
    terms = tuple(_term(inner, depth + 1) for inner in every or some)
    return Together(bool(every), terms)


def _term(fields: Fields, depth: int) -> Together | Term:
    if "all" in fields.spec or "any" in fields.spec:
        together = _together(fields, depth)
        fields.close()
        return together
    term = Term(fields.text("rule", required=True), fields.choice("level", SEVERITIES, "low"))
    fields.close()
    return term


def _with_levels(
    fields: Fields,
    rule: Any,
    limits: bool = True,
    extra: Callable[[Fields, Rule], dict[str, Any]] | None = None,
) -> Any:
    """Return `rule` with its levels; silence and combination may write `severity` alone."""
    found = fields.list("levels")
    if not limits and "severity" in fields.spec and "levels" not in fields.spec:
        severity = fields.choice("severity", SEVERITIES)
        return replace(rule, levels=(Level(severity, **_delays(rule)),))
    if not found or len(found) > MOST_LEVELS:
        fields.fault("levels", "rule.levels_missing", most=MOST_LEVELS)
    levels = tuple(_level(inner, rule, limits, extra) for inner in found[:MOST_LEVELS])
    if limits:
        _check_order(fields, rule, levels)
    return replace(rule, levels=levels)


def _delays(rule: Rule) -> dict[str, Any]:
    return {
        "deadband": rule.deadband,
        "on_delay": rule.on_delay,
        "off_delay": rule.off_delay,
        "latch": rule.latch,
    }


def _level(
    fields: Fields, rule: Rule, limits: bool, extra: Callable[[Fields, Rule], dict[str, Any]] | None
) -> Level:
    level = Level(
        severity=fields.choice("severity", SEVERITIES),
        raise_at=fields.number("raise_at", required=True) if limits else None,
        deadband=fields.number("deadband", rule.deadband, lowest=0.0) or 0.0,
        on_delay=fields.delay("on_delay", rule.on_delay),
        off_delay=fields.delay("off_delay", rule.off_delay),
        latch=fields.flag("latch", rule.latch),
        **(extra(fields, rule) if extra else {}),
    )
    fields.close()
    return level


def _check_order(fields: Fields, rule: Rule, levels: tuple[Level, ...]) -> None:
    """Note a severer level that is easier to reach than a milder one of the same measure."""
    groups: dict[tuple[Any, Any], list[tuple[int, Level]]] = {}
    for index, level in enumerate(levels):
        if level.raise_at is not None:
            groups.setdefault((level.of, level.window_ms), []).append((index, level))
    for group in groups.values():
        group.sort(key=lambda one: one[1].rank)
        for (_, milder), (index, severer) in pairwise(group):
            ahead = rule.sign * ((severer.raise_at or 0.0) - (milder.raise_at or 0.0))
            if severer.rank > milder.rank and ahead < 0:
                fields.faults.append(
                    Fault(
                        fields.at(f"levels[{index}].raise_at"),
                        reason("rule.limits_cross", given=severer.raise_at, other=milder.raise_at),
                    )
                )


_KINDS: dict[str, Callable[[Fields, dict[str, Any]], Rule]] = {
    "threshold": _threshold,
    "accumulation": _accumulation,
    "rate": _rate,
    "silence": _silence,
    "combination": _combination,
}
KINDS = tuple(_KINDS)
