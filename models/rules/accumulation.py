"""Judges the rain credited within windows, or its fading index, against limits."""

from models.reasons import Reason
from models.rules.durations import hours
from models.rules.gate import Judged
from models.rules.rain import Credit, FadingWindow, Gauge, Window, flat, mm_of, um_of, unflat
from models.rules.spec import Accumulation, Level
from models.rules.step import NO_STEPS, Dumped, Sample, Step, iso, plain
from models.units import QUESTIONABLE, symbol


class AccumulationState(Judged):
    """What an accumulation remembers of one gauge."""

    __slots__ = ("at_ms", "gauge", "idle", "limits", "of_level", "quantity", "windows")

    def __init__(self, rule: Accumulation, quantity: str | None = None) -> None:
        super().__init__(len(rule.levels))
        self.quantity = quantity
        self.gauge = Gauge(counter=quantity != "rain_increment")
        self.at_ms = -1
        self.idle = True
        spans = sorted({level.window_ms or 0 for level in rule.levels}, reverse=True)
        self.windows = [_window(rule, span_ms) for span_ms in spans]
        # One (raise, calm) in micrometres and one window a level, looked up once.
        self.limits = [(um_of(limit), um_of(calm)) for limit, calm in rule.limits]
        self.of_level = [self.windows[spans.index(level.window_ms or 0)] for level in rule.levels]

    def on_sample(self, rule: Accumulation, sample: Sample) -> list[Step]:
        """Take one reading of the gauge, in order of time; judge where anything can change."""
        at_ms, value, quality, arrived_ms = sample
        if at_ms <= self.gauge.last_ms or value is None or quality > QUESTIONABLE:
            return NO_STEPS
        credit = self.gauge.read(at_ms, value)
        if credit is None and self.idle:
            self.at_ms = at_ms
            return NO_STEPS
        return self._judge(rule, at_ms, credit, quality < QUESTIONABLE, True, arrived_ms)

    def heeds(self, rule: Accumulation, sample: Sample) -> bool:
        """Say whether a late reading can change a verdict: not where it tells of no rain."""
        if sample.value is None or sample.quality > QUESTIONABLE:
            return False
        um = um_of(sample.value)
        if not self.gauge.counter:
            return um > 0 or not self.idle
        # The same total before, then and ever since: nothing is credited otherwise.
        return um != self.gauge.total_um or self.windows[0].last_ms >= sample.at_ms

    def on_tick(self, rule: Accumulation, now_ms: int, heard_until_ms: int | None) -> list[Step]:
        """Let windows run empty, but only up to the moment when the gauge was last heard."""
        until_ms = min(now_ms, heard_until_ms or -1)
        if self.idle or until_ms <= self.at_ms:
            return NO_STEPS
        return self._judge(rule, until_ms, None, True, False, now_ms)

    def _judge(
        self, rule: Accumulation, at_ms: int, credit: Credit | None, good: bool, counts: bool,
        decided_ms: int,
    ) -> list[Step]:  # fmt: skip
        self.at_ms = max(at_ms, self.at_ms)
        for window in self.windows:
            if credit is not None:
                window.add(credit)
            window.look(self.at_ms)
        changed, idle = False, True
        for gate, level, window, (limit, calm) in zip(
            self.verdict.gates, rule.levels, self.of_level, self.limits, strict=True
        ):
            certain, at_most = window.sums_um(self.at_ms)
            over = certain >= limit
            if over or gate.held or gate.run_samples:
                changed |= gate.feed(level, over, at_most < calm, good, self.at_ms, counts)
                idle = idle and gate.idle
        self.idle = idle
        if not changed:
            return NO_STEPS

        def told(index: int, rose: bool) -> tuple[float, float | None, Reason]:
            level = rule.levels[index]
            certain, at_most = self.of_level[index].sums_um(self.at_ms)
            why = self._why(rule, level, (certain, at_most), rose, good)
            return mm_of(certain), level.raise_at, why

        return self.verdict.settle(rule.levels, decided_ms, self.gauge.last_ms, told)

    def _why(
        self, rule: Accumulation, level: Level, sums: tuple[float, float], rose: bool, good: bool
    ) -> Reason:
        values = {
            "quantity": self.quantity,
            "value": round(mm_of(sums[0]), 1),
            "at_most": round(mm_of(sums[1]), 1),
            "limit": plain(level.raise_at),
            "unit": symbol(self.quantity),
            "hours": hours(level.window_ms or 0),
            "since": iso(self.verdict.since_ms),
        }
        noun = "sum" if rule.decay is None else "index"
        if rule.decay is not None:
            values |= {"days": round(hours(level.window_ms or 0) / 24, 2), "decay": rule.decay}
        what = "reached" if rose else "left"
        if rose and not good:
            return Reason(f"rain.{noun}_{what}_suspect", {**values, "suspect": True})
        return Reason(f"rain.{noun}_{what}", values)

    def new_epoch(self, rule: Accumulation, at_ms: int) -> None:
        """Begin a new counter; the rain that fell has fallen and stays credited."""
        self.gauge.rebase()

    @property
    def learning(self) -> bool:
        """Never: sums need no baseline."""
        return False

    def dump(self) -> Dumped:
        """Return what `load` needs, as short as it gets: the longest window has all credits."""
        longest = self.windows[0]
        rain: Dumped
        if isinstance(longest, Window):
            oldest_ms = self.at_ms - longest.ms
            rain = flat(c for c in longest.credits if c.until_ms > oldest_ms)
        else:
            rain = [window.dump() for window in self.windows if isinstance(window, FadingWindow)]
        return [self.gauge.dump(), self.at_ms, self.dump_verdict(), rain]

    def restore(self, rule: Accumulation, dumped: Dumped) -> None:
        """Take over what `dump` gave."""
        gauge, self.at_ms, verdict, rain = dumped
        self.gauge = Gauge.load(gauge)
        self.load_verdict(verdict, rule.levels)
        self.idle = self.at_rest
        self._load_rain(rain)

    @property
    def fading(self) -> bool:
        """True where credits fade by the day."""
        return isinstance(self.windows[0], FadingWindow)

    def _load_rain(self, rain: Dumped) -> None:
        credits = [] if self.fading else list(unflat(rain))
        for index, window in enumerate(self.windows):
            if isinstance(window, FadingWindow):
                window.load(rain[index])
                continue
            for credit in credits:
                window.add(credit)
            window.look(self.at_ms)


def _window(rule: Accumulation, span_ms: int) -> Window | FadingWindow:
    return Window(span_ms) if rule.decay is None else FadingWindow(span_ms, rule.decay)
