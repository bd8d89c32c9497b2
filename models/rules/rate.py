"""Judges how fast a reading changes: the least-squares slope over a window against limits."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from operator import sub

from models.reasons import Reason
from models.rules.durations import hours
from models.rules.gate import Verdict
from models.rules.spec import Rate
from models.rules.step import NO_STEPS, Dumped, Sample, Step, iso, plain
from models.units import QUESTIONABLE, rounded, symbol

FEWEST_READINGS = 4
# A gauge that is faster than this many readings a window is read at this pace: memory and the
# state row stay small, and a slope over a day gains nothing from seconds.
MOST_READINGS = 2_880
_MICRO = 1_000_000
_MOST_MICRO = 2**62  # more is no measurement, and would not fit
_DIGITS = 6


class Slope:
    """A least-squares line through the last readings, in whole numbers, hence without drift."""

    __slots__ = ("base_ms", "readings", "st", "stt", "stv", "sv", "window_ms")

    def __init__(self, window_ms: int) -> None:
        self.window_ms = window_ms
        self.clear()

    def clear(self) -> None:
        """Begin afresh."""
        self.readings = array("q")  # instant, micro-units, instant, …: a million sensors have one
        # Sums over time and value, of times since `base_ms`: what is small is quick, and a line's
        # slope is the same wherever time begins.
        self.base_ms = self.st = self.sv = self.stt = self.stv = 0

    def add(self, at_ms: int, micro: int) -> bool:
        """Take a reading and drop those before the window; False where it came too soon."""
        readings = self.readings
        if readings and at_ms - readings[-2] < self.window_ms // MOST_READINGS:
            return False
        oldest_ms, gone = at_ms - self.window_ms, 0
        while gone < len(readings) and readings[gone] <= oldest_ms:
            self._count(readings[gone], readings[gone + 1], -1)
            gone += 2
        if gone:
            del readings[:gone]
        self._append(at_ms, micro)
        return True

    @property
    def since_ms(self) -> int | None:
        """The instant of the oldest reading that it has."""
        return self.readings[0] if self.readings else None

    def extend(self, other: "Slope", until_ms: int) -> None:
        """Take another's readings up to an instant, which are newer than all that it has."""
        newer = bisect_right(other.readings[::2], until_ms) * 2
        for place in range(0, newer, 2):
            self._append(other.readings[place], other.readings[place + 1])

    def __len__(self) -> int:
        return len(self.readings) // 2

    def _append(self, at_ms: int, micro: int) -> None:
        if not self.readings:
            self.base_ms = at_ms
        self.readings.append(at_ms)
        self.readings.append(micro)
        self._count(at_ms, micro, 1)

    def _count(self, at_ms: int, micro: int, sign: int) -> None:
        since_ms, signed = at_ms - self.base_ms, sign * micro
        self.st += sign * since_ms
        self.sv += signed
        self.stt += sign * since_ms * since_ms
        self.stv += since_ms * signed

    def per(self, span_ms: int) -> float | None:
        """Return the rise over `span_ms`; None where the readings are too few or too close."""
        n, readings = len(self.readings) // 2, self.readings
        if n < FEWEST_READINGS or 2 * (readings[-2] - readings[0]) < self.window_ms:
            return None
        spread = n * self.stt - self.st * self.st
        return (n * self.stv - self.st * self.sv) * span_ms / (spread * _MICRO)


class RateState:
    """What a rate remembers of one subject."""

    __slots__ = ("last_ms", "quantity", "slope", "verdict")

    def __init__(self, rule: Rate, quantity: str | None = None) -> None:
        self.quantity = quantity
        self.last_ms = -1
        self.slope = Slope(rule.window_ms)
        self.verdict = Verdict(len(rule.levels))

    def on_sample(self, rule: Rate, sample: Sample) -> list[Step]:
        """Judge the slope up to this reading; a suspect one is no point of a line."""
        at_ms, value, quality, arrived_ms = sample
        if at_ms <= self.last_ms or value is None or quality >= QUESTIONABLE:
            return NO_STEPS
        self.last_ms = at_ms
        if not self.slope.add(at_ms, _micro(value)):
            return NO_STEPS
        rise = self.slope.per(rule.per_ms)
        return NO_STEPS if rise is None else self._judge(rule, at_ms, rise, arrived_ms)

    def _judge(self, rule: Rate, at_ms: int, rise: float, arrived_ms: int) -> list[Step]:
        rise = round(rise, _DIGITS)
        oriented, changed = rise * rule.sign, False
        if oriented < rule.lowest and self.verdict.idle:
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
                "readings": len(self.slope),
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
                self.slope.add(sample.at_ms, _micro(sample.value or 0.0))
        self.slope.extend(live.slope, since_ms)

    def on_tick(self, rule: Rate, now_ms: int, heard_until_ms: int | None) -> list[Step]:
        """Do nothing: only readings are evidence."""
        return NO_STEPS

    def new_epoch(self, rule: Rate, at_ms: int) -> None:
        """Begin a new line: a step at a re-zero is no speed."""
        self.slope.clear()
        for gate in self.verdict.gates:
            gate.restart()

    @property
    def learning(self) -> bool:
        """Never: a slope either exists or doesn't."""
        return False

    def dump(self) -> Dumped:
        """Return what `load` needs: the readings, as differences."""
        readings = self.slope.readings
        ahead = map(sub, readings[2:], readings)
        return [self.last_ms, self.verdict.dump(), [*readings[:2], *ahead]]

    def restore(self, rule: Rate, dumped: Dumped) -> None:
        """Take over what `dump` gave."""
        self.last_ms, verdict, numbers = dumped
        self.verdict = Verdict.load(verdict, rule.levels)
        at_ms = micro = 0
        for ahead_ms, more in zip(numbers[::2], numbers[1::2], strict=True):
            at_ms, micro = at_ms + ahead_ms, micro + more
            self.slope._append(at_ms, micro)


def _micro(value: float) -> int:
    return max(-_MOST_MICRO, min(round(value * _MICRO), _MOST_MICRO))
