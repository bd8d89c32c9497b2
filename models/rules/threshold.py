"""Judges a reading, or its change from the baseline of its epoch, against limits."""

import math
from collections.abc import Iterable
from statistics import median

from models.reasons import Reason
from models.rules.gate import Gate, Verdict
from models.rules.spec import Level, Threshold
from models.rules.step import NO_STEPS, Dumped, Sample, Step, iso, plain
from models.units import QUESTIONABLE, rounded, symbol

# Differences of decimal readings carry float dust: 5.3 - 5.0 must count as 0.3.
_DIGITS = 6
_DUST = 1e-6
# A day at one reading a minute fits; a faster gauge is thinned evenly, the median hardly moves.
_MOST_LEARNT = 1_440


class ThresholdState:
    """What a threshold remembers of one subject."""

    __slots__ = (
        "base",
        "last_ms",
        "learning_from_ms",
        "learnt",
        "quantity",
        "quiet_below",
        "seen",
        "stride",
        "verdict",
    )

    def __init__(self, rule: Threshold, quantity: str | None = None) -> None:
        self.quantity = quantity
        armed = [not _crosses(rule, level) for level in rule.levels]
        gates = None if all(armed) else [Gate(armed=one) for one in armed]
        self.verdict = Verdict(len(armed), gates)
        self.last_ms = -1
        self._start_learning(rule)
        self._listen(rule)

    def _start_learning(self, rule: Threshold) -> None:
        self.base = rule.baseline.value if rule.of == "change" else 0.0
        self.learnt: list[float] | None = None  # while it learns: most have nothing to
        self.learning_from_ms = -1
        self.stride = 1
        self.seen = 0

    def _listen(self, rule: Threshold) -> None:
        """Set the value (times sign) under which a good reading can change nothing."""
        self.quiet_below = -math.inf
        if self.base is None or not self.verdict.idle:
            return
        if rule.of == "value":
            self.quiet_below = min(limit for limit, _ in rule.limits)
            return
        offset = rule.sign * self.base - _DUST
        self.quiet_below = min(
            limit if level.of == "value" else limit + offset
            for level, (limit, _) in zip(rule.levels, rule.limits, strict=True)
        )

    def on_sample(self, rule: Threshold, sample: Sample) -> list[Step]:
        """Judge one reading, in order of time; an older one than the newest judged is ignored."""
        at_ms, value, quality, arrived_ms = sample
        if at_ms <= self.last_ms or value is None or quality > QUESTIONABLE:
            return NO_STEPS
        self.last_ms = at_ms
        oriented = value * rule.sign
        if oriented < self.quiet_below:
            return NO_STEPS
        good = quality < QUESTIONABLE
        if self.base is None:
            self._learn(rule, at_ms, value, good)
        return self._judge(rule, at_ms, value, good, arrived_ms)

    def _judge(
        self, rule: Threshold, at_ms: int, value: float, good: bool, arrived_ms: int
    ) -> list[Step]:
        base, changed = self.base, False
        change = None if base is None else round(value - base, _DIGITS)
        for gate, level, (limit, calm) in zip(
            self.verdict.gates, rule.levels, rule.limits, strict=True
        ):
            judged = value if rule.of == "value" or level.of == "value" else change
            if judged is None:
                continue
            oriented = judged * rule.sign
            changed |= gate.feed(level, oriented >= limit, oriented < calm, good, at_ms)
        self._listen(rule)
        if not changed:
            return NO_STEPS

        def told(index: int, rose: bool) -> tuple[float, float | None, Reason]:
            level = rule.levels[index]
            of_change = rule.of == "change" and level.of != "value"
            judged = change if of_change and change is not None else value
            return judged, level.raise_at, self._why(rule, level, value, judged, rose, good)

        return self.verdict.settle(rule.levels, arrived_ms, at_ms, told)

    def _why(
        self, rule: Threshold, level: Level, value: float, judged: float, rose: bool, good: bool
    ) -> Reason:
        of_change = rule.of == "change" and level.of != "value"
        noun = "change" if of_change else "value"
        what = ("undercut" if rule.sign < 0 else "reached") if rose else "left"
        values = {
            "quantity": self.quantity,
            "value": rounded(judged, self.quantity),
            "limit": plain(level.raise_at),
            "unit": symbol(self.quantity),
            "since": iso(self.verdict.since_ms),
        }
        if of_change:
            values |= {
                "baseline": rounded(self.base or 0.0, self.quantity),
                "reading": rounded(value, self.quantity),
            }
        if rose and not good:
            return Reason(f"threshold.{noun}_{what}_suspect", {**values, "suspect": True})
        return Reason(f"threshold.{noun}_{what}", values)

    def _learn(self, rule: Threshold, at_ms: int, value: float, good: bool) -> None:
        if not good:
            return
        if self.learning_from_ms < 0:
            self.learning_from_ms = at_ms
        if at_ms - self.learning_from_ms > rule.baseline.over_ms:
            self.base = median(self.learnt or ())
            self.learnt = None
            return
        if self.learnt is None:
            self.learnt = []
        if self.seen % self.stride == 0:
            self.learnt.append(value)
        self.seen += 1
        if len(self.learnt) > _MOST_LEARNT:
            self.learnt = self.learnt[::2]
            self.stride *= 2

    def heeds(self, rule: Threshold, sample: Sample) -> bool:
        """Say whether a late reading can change a verdict: raise one, or stop what is under way."""
        if sample.value is None or sample.quality > QUESTIONABLE:
            return False
        return sample.value * rule.sign >= self.quiet_below or self.learns_of(rule, sample.at_ms)

    def learns_of(self, rule: Threshold, at_ms: int) -> bool:
        """Say whether a reading of an instant belongs to those that the baseline is made of."""
        if not rule.learns:
            return False
        return self.base is None or at_ms <= self.learning_from_ms + rule.baseline.over_ms

    def rewind(
        self, rule: Threshold, live: "ThresholdState", since_ms: int, older: Iterable[Sample]
    ) -> None:
        """Take over the baseline that another has learnt, and which levels are armed."""
        self.base, self.learning_from_ms = live.base, live.learning_from_ms
        for mine, gate in zip(self.verdict.gates, live.verdict.gates, strict=True):
            mine.armed = gate.armed
        self._listen(rule)

    def on_tick(self, rule: Threshold, now_ms: int, heard_until_ms: int | None) -> list[Step]:
        """Do nothing: only readings are evidence, so that time alone neither raises nor clears."""
        return NO_STEPS

    def new_epoch(self, rule: Threshold, at_ms: int) -> None:
        """Begin to learn afresh; a held level stays held until readings say otherwise."""
        for gate, level in zip(self.verdict.gates, rule.levels, strict=True):
            gate.restart(armed=not _crosses(rule, level))
        self._start_learning(rule)
        self._listen(rule)

    @property
    def learning(self) -> bool:
        """True until the baseline exists; change is judged from then on."""
        return self.base is None

    def dump(self) -> Dumped:
        """Return what `load` needs, as short as it gets."""
        verdict = self.verdict.dump()
        if self.base is not None:
            learnt = [self.learning_from_ms] if self.learning_from_ms >= 0 else []
            return [self.last_ms, verdict, self.base, *learnt]
        learning = [self.learning_from_ms, self.stride, self.seen, list(self.learnt or ())]
        return [self.last_ms, verdict, None, learning]

    def restore(self, rule: Threshold, dumped: Dumped) -> None:
        """Take over what `dump` gave."""
        self.last_ms, verdict, self.base = dumped[:3]
        self.verdict = Verdict.load(verdict, rule.levels)
        if self.base is None and len(dumped) > 3:
            self.learning_from_ms, self.stride, self.seen, learnt = dumped[3]
            self.learnt = list(learnt)
        elif len(dumped) > 3:
            self.learning_from_ms = dumped[3]
        self._listen(rule)


def _crosses(rule: Threshold, level: Level) -> bool:
    """Say whether the level watches for the plain value crossing its limit.

    A crack that was wide already when its gauge was mounted is what the survey is for.
    """
    return rule.of == "change" and level.of == "value"
