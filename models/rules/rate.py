"""Judges how fast a reading changes: the least-squares slope over a window against limits."""

from collections.abc import Iterable

from models.reasons import Reason
from models.rules import slope
from models.rules.durations import hours
from models.rules.gate import Judged
from models.rules.spec import Rate
from models.rules.step import NO_STEPS, Dumped, Sample, Step, iso, plain
from models.units import QUESTIONABLE, rounded, symbol

_MOST_MICRO = 2**62  # more is no measurement, and would not fit
_DIGITS = 6


class RateState(Judged):
    """What a rate remembers of one subject."""

    __slots__ = ("last_ms", "line", "quantity")

    def __init__(self, rule: Rate, quantity: str | None = None) -> None:
        super().__init__(len(rule.levels))
        self.quantity = quantity
        self.last_ms = -1
        self.line = b""  # see `models.rules.slope`

    def on_sample(self, rule: Rate, sample: Sample) -> list[Step]:
        """Judge the slope up to this reading; a suspect one is no point of a line."""
        at_ms, value, quality, arrived_ms = sample
        before_ms = self.last_ms
        if at_ms <= before_ms or value is None or quality >= QUESTIONABLE:
            return NO_STEPS
        self.last_ms = at_ms
        rise = self._follow(rule, at_ms, value, before_ms)
        return NO_STEPS if rise is None else self._judge(rule, at_ms, rise, arrived_ms)

    def _follow(self, rule: Rate, at_ms: int, value: float, before_ms: int) -> float | None:
        """Take a reading, unless it came too soon after the last one; return the rise, if any.

        `before_ms`: no earlier than that last one.
        """
        pace_ms = rule.pace_ms
        if at_ms - before_ms < pace_ms and at_ms - slope.last_ms(self.line) < pace_ms:
            return None
        micro = round(value * slope.MICRO)
        if not -_MOST_MICRO <= micro <= _MOST_MICRO:
            micro = max(-_MOST_MICRO, min(micro, _MOST_MICRO))
        self.line, rise = slope.followed(self.line, at_ms, micro, rule.window_ms, rule.per_ms)
        return rise

    def _judge(self, rule: Rate, at_ms: int, rise: float, arrived_ms: int) -> list[Step]:
        rise = round(rise, _DIGITS)
        oriented, changed = rise * rule.sign, False
        if oriented < rule.lowest and self.at_rest:
            return NO_STEPS
        for gate, level, (limit, calm) in zip(
            self.verdict.gates, rule.levels, rule.limits, strict=True
        ):
            changed |= gate.feed(level, oriented >= limit, oriented < calm, True, at_ms)
        if not changed:
            return NO_STEPS

        def told(index: int, rose: bool) -> tuple[float, float | None, Reason]:
            limit = rule.levels[index].raise_at
            return rise, limit, self._why(rule, rise, limit, rose)

        return self.verdict.settle(rule.levels, arrived_ms, at_ms, told)

    def _why(self, rule: Rate, rise: float, limit: float | None, rose: bool) -> Reason:
        what = ("undercut" if rule.sign < 0 else "reached") if rose else "left"
        noun = "slope" if rule.per == "day" else "rise"
        return Reason(
            f"rate.{noun}_{what}",
            {
                "quantity": self.quantity,
                "value": rounded(rise, self.quantity),
                "limit": plain(limit),
                "unit": symbol(self.quantity),
                "hours": hours(rule.window_ms),
                "readings": slope.count(self.line),
                "since": iso(self.verdict.since_ms),
            },
        )

    def heeds(self, rule: Rate, sample: Sample) -> bool:
        """Say whether a late reading can change a verdict: each good one is a point of the line."""
        return sample.value is not None and sample.quality < QUESTIONABLE

    def rewind(self, rule: Rate, live: "RateState", since_ms: int, older: Iterable[Sample]) -> None:
        """Take over the line of another as it was at an instant."""
        for sample in older:
            if self.heeds(rule, sample):
                self._follow(rule, sample.at_ms, sample.value or 0.0, sample.at_ms)
        newer = (one for one in slope.readings(live.line) if one[0] <= since_ms)
        self.line = slope.packed([*slope.readings(self.line), *newer])
        self.last_ms = slope.last_ms(self.line)

    @property
    def since_ms(self) -> int | None:
        """The instant of the oldest reading that its slope has."""
        return slope.first_ms(self.line)

    def on_tick(self, rule: Rate, now_ms: int, heard_until_ms: int | None) -> list[Step]:
        """Do nothing: only readings are evidence."""
        return NO_STEPS

    def new_epoch(self, rule: Rate, at_ms: int) -> None:
        """Begin a new line: a step at a re-zero is no speed."""
        self.line = b""
        if self.spoke:
            for gate in self.verdict.gates:
                gate.restart()

    @property
    def learning(self) -> bool:
        """Never: a slope either exists or doesn't."""
        return False

    def dump(self) -> Dumped:
        """Return what `load` needs: the readings, as differences."""
        return [self.last_ms, self.dump_verdict(), slope.flat(self.line)]

    def restore(self, rule: Rate, dumped: Dumped) -> None:
        """Take over what `dump` gave."""
        self.last_ms, verdict, numbers = dumped
        self.load_verdict(verdict, rule.levels)
        self.line = slope.unflat(numbers)
