"""Says a rule as a sentence, in any language: what it watches, from where on it speaks."""

from models.rules.durations import AT_ONCE, Delay, hours, span_text
from models.rules.spec import Accumulation, Combination, Level, Rate, Rule, Silence, Threshold
from models.units import QUANTITIES
from models.words.render import Reader, phrase
from webapp.measures import measure


def rule_sentence(rule: Rule, reader: Reader) -> str:
    """Return the rule in words."""
    parts = [_what(rule, reader)]
    delay = _delays(rule, reader)
    return "".join(parts + ([delay] if delay else []))


def _what(rule: Rule, reader: Reader) -> str:
    levels = [level_words(rule, level, reader) for level in rule.levels]
    quantity = list(rule.where.quantities or ())
    below = "_below" if rule.direction == "below" else ""
    if isinstance(rule, Silence):
        return phrase("rule_sentence.silence", reader, levels=_severities(rule, reader))
    if isinstance(rule, Combination):
        what = [f"{term.rule}" for term in rule.condition_of.leaves()]
        code = "all" if rule.condition_of.every else "any"
        return phrase(
            f"rule_sentence.combination_{code}",
            reader,
            what=what,
            hours=hours(rule.within_ms),
            over=rule.over,
            levels=_severities(rule, reader),
        )
    if isinstance(rule, Accumulation):
        if rule.decay is not None:
            days = round((rule.window_ms or 0) / 86_400_000)
            return phrase("rule_sentence.index", reader, days=days, levels=levels)
        return phrase("rule_sentence.rain", reader, levels=levels)
    if isinstance(rule, Rate):
        code = f"rule_sentence.{'slope' if rule.per == 'day' else 'rise'}{below}"
        spans = hours(rule.window_ms)
        return phrase(code, reader, quantity=quantity, hours=spans, levels=levels)
    of = rule.of if isinstance(rule, Threshold) else "value"
    return phrase(f"rule_sentence.{of}{below}", reader, quantity=quantity, levels=levels)


def _severities(rule: Rule, reader: Reader) -> list[str]:
    return [phrase(f"level.{level.severity}", reader) for level in rule.levels]


def level_words(rule: Rule, level: Level, reader: Reader) -> str:
    """Return one step: 黄色 1 mm, 12 h."""
    parts = [phrase(f"level.{level.severity}", reader)]
    if level.raise_at is not None:
        parts.append(limit_words(rule, level))
    if level.window_ms is not None:
        parts.append(f"/ {span_text(level.window_ms)}")
    if level.of == "value":
        parts.append(phrase("rule_sentence.plain_reading", reader))
    if level.latch:
        parts.append(phrase("rule_sentence.latches", reader))
    return " ".join(parts)


def limit_words(rule: Rule, level: Level) -> str:
    """Return a limit with its unit; a slope's is per day."""
    if level.raise_at is None:
        return ""
    if rule.quantity in QUANTITIES:
        shown = measure(level.raise_at, rule.quantity)
    else:
        shown = f"{level.raise_at:g}"
    return f"{shown}/d" if isinstance(rule, Rate) and rule.per == "day" else shown


def _delays(rule: Rule, reader: Reader) -> str:
    on, off = delay_words(rule.on_delay, reader), delay_words(rule.off_delay, reader)
    if rule.on_delay == AT_ONCE and rule.off_delay == AT_ONCE:
        return ""
    return phrase("rule_sentence.delays", reader, on=on, off=off)


def delay_words(delay: Delay, reader: Reader) -> str:
    """Return how long evidence must hold: at once, 3 readings, 6h."""
    if delay == AT_ONCE:
        return phrase("rule_sentence.at_once", reader)
    if delay.samples > 1:
        return phrase("rule_sentence.samples", reader, n=delay.samples)
    return span_text(delay.ms)
