"""Judges that a sensor is not heard: silence is unknown, never normal."""

from models.reasons import Reason
from models.rules.gate import Judged
from models.rules.spec import Silence
from models.rules.step import NO_STEPS, Dumped, Sample, Step, iso
from models.units import QUESTIONABLE

TICK_MS = 60_000
STALE_AFTER_INTERVALS = 2
SILENT_AFTER_INTERVALS = 3


def stale_due_ms(interval_s: float, last_heard_ms: int, deaf_ms: int = 0) -> int:
    """Return when a sensor turns grey. `deaf_ms`: time since then in which nobody listened."""
    return last_heard_ms + round(STALE_AFTER_INTERVALS * interval_s * 1000) + deaf_ms


def silence_due_ms(
    interval_s: float, last_heard_ms: int, gone_ms: int | None = None, deaf_ms: int = 0
) -> int:
    """Return the instant from which the next tick calls a sensor unknown.

    Three intervals and one tick after it was last heard; one tick after its will message
    (`gone_ms`) where that came since. Time in which nobody listened doesn't count.
    """
    due_ms = last_heard_ms + round(SILENT_AFTER_INTERVALS * interval_s * 1000) + TICK_MS + deaf_ms
    if gone_ms is not None and gone_ms >= last_heard_ms:
        return min(due_ms, gone_ms + TICK_MS)
    return due_ms


class SilenceState(Judged):
    """What a silence rule remembers of one sensor."""

    __slots__ = ("heard_ms",)
    quantity: str | None = None  # any sensor falls silent alike

    def __init__(self, rule: Silence, quantity: str | None = None) -> None:
        super().__init__(len(rule.levels))
        self.heard_ms = -1

    def on_sample(self, rule: Silence, sample: Sample) -> list[Step]:
        """Hear a reading. Any is a sign of life, only believable ones end a silence."""
        if sample.arrived_ms > self.heard_ms:
            self.heard_ms = sample.arrived_ms
        if self.at_rest or sample.value is None or sample.quality > QUESTIONABLE:
            return NO_STEPS
        changed = False
        for gate, level in zip(self.verdict.gates, rule.levels, strict=True):
            changed |= gate.feed(level, False, True, True, sample.arrived_ms)
        if not changed:
            return NO_STEPS

        def told(index: int, rose: bool) -> tuple[float | None, None, Reason]:
            values = {"since": iso(self.verdict.since_ms), "at": iso(sample.arrived_ms)}
            return sample.value, None, Reason("silence.heard_again", values)

        return self.verdict.settle(rule.levels, sample.arrived_ms, sample.at_ms, told)

    def on_tick(
        self, rule: Silence, now_ms: int, heard_until_ms: int | None, interval_s: float | None,
        gone_ms: int | None = None, deaf_ms: int = 0,
    ) -> list[Step]:  # fmt: skip
        """Raise where nothing was heard until now; never of a sensor that was never heard."""
        if heard_until_ms is not None:
            self.heard_ms = max(self.heard_ms, heard_until_ms)
        if interval_s is None or self.heard_ms < 0:
            return NO_STEPS
        due_ms = silence_due_ms(interval_s, self.heard_ms, gone_ms, deaf_ms)
        if now_ms < due_ms:
            return NO_STEPS
        changed = False
        for gate, level in zip(self.verdict.gates, rule.levels, strict=True):
            # Good news that stopped halfway is none: the count of readings begins again.
            changed |= gate.feed(level, True, False, True, now_ms, counts=False)
        if not changed:
            return NO_STEPS

        def told(index: int, rose: bool) -> tuple[None, None, Reason]:
            return None, None, self._why(now_ms, interval_s, gone_ms)

        return self.verdict.settle(rule.levels, now_ms, self.heard_ms, told)

    def _why(self, now_ms: int, interval_s: float, gone_ms: int | None) -> Reason:
        values = {"since": iso(self.heard_ms), "interval_min": round(interval_s / 60, 1)}
        if gone_ms is not None and gone_ms >= self.heard_ms:
            return Reason("silence.device_gone", {**values, "gone": iso(gone_ms)})
        minutes = (now_ms - self.heard_ms) // 60_000
        return Reason("silence.nothing_heard", {**values, "minutes": minutes})

    def heeds(self, rule: Silence, sample: Sample) -> bool:
        """Never: any is a sign of life when it arrives."""
        return False

    def new_epoch(self, rule: Silence, at_ms: int) -> None:
        """Start the wait afresh: whoever mounts a sensor may take an interval to switch it on."""
        self.heard_ms = max(self.heard_ms, at_ms)

    def attend(self, rule: Silence, at_ms: int) -> list[Step]:
        """Somebody was at the sensor: end the silence of before, and wait anew from there."""
        since_ms, self.heard_ms = self.heard_ms, max(self.heard_ms, at_ms)
        severity, latched = self.severity, self.spoke and self.verdict.latched
        self.load_verdict(0, rule.levels)
        if severity is None:
            return NO_STEPS
        to = "latched" if latched else "cleared"
        why = Reason("silence.attended", {"since": iso(since_ms), "at": iso(at_ms)})
        return [Step(to, severity, 0, at_ms, at_ms, None, None, why)]

    @property
    def learning(self) -> bool:
        """Never."""
        return False

    def dump(self) -> Dumped:
        """Return what `load` needs."""
        return [self.heard_ms, self.dump_verdict()]

    def restore(self, rule: Silence, dumped: Dumped) -> None:
        """Take over what `dump` gave."""
        self.heard_ms, verdict = dumped
        self.load_verdict(verdict, rule.levels)
