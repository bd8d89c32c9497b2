"""Rain from gauges: credits from counters, sums over windows, and the grades of GB/T 28592."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from models.rules.durations import DAY_MS, HOUR_MS
from models.rules.step import Dumped

# Rain is counted in whole micrometres: 0.2 mm, 0.254 mm and 0.1 mm tips then add up exactly,
# in any order, and a limit that is met is met.
UM = 1_000

# GB/T 28592-2012: lower limits in mm, by 24 h and by 12 h (domain.md §5.1).
HOURS_OF_GREATEST = (1, 3, 6, 12, 24)
"""The windows of a rain episode's greatest sums."""

GRADES = ("trace", "light", "moderate", "heavy", "storm", "severe", "extreme")
_LOWER_LIMITS_MM = {
    24: (0.1, 10.0, 25.0, 50.0, 100.0, 250.0),
    12: (0.1, 5.0, 15.0, 30.0, 70.0, 140.0),
}


def grade(mm: float, hours: int) -> str:
    """Return the grade of a sum over 12 or 24 hours. Raises KeyError on other windows."""
    return GRADES[bisect_right(_LOWER_LIMITS_MM[hours], mm)]


def um_of(mm: float) -> int:
    """Return millimetres as whole micrometres."""
    return round(mm * UM)


def mm_of(um: float) -> float:
    """Return micrometres as millimetres."""
    return um / UM


class Credit(NamedTuple):
    """Rain that fell in (since, until]: more can't be said of when."""

    since_ms: int
    until_ms: int
    um: int

    @property
    def span_ms(self) -> int:
        """Length of the interval; 0 where the gauge itself sums what it sends."""
        return self.until_ms - self.since_ms


class Gauge:
    """Turns one gauge's readings, in order of time, into credits."""

    __slots__ = ("counter", "last_ms", "total_um")

    def __init__(self, counter: bool = True) -> None:
        self.counter = counter
        self.last_ms = -1
        self.total_um: int | None = None

    def read(self, at_ms: int, mm: float, begins_ms: Sequence[int] = ()) -> Credit | None:
        """Take one believable reading; return what it credits, None where that is no rain.

        A counter's rise is credited to the time since its previous total, a fall re-bases, and
        so does another counter: `begins_ms` says from when on each has hung there. An increment
        is credited to its own instant: what was lost before it stays lost.
        """
        um = round(mm * UM)
        if not self.counter:
            self.last_ms = at_ms
            return Credit(at_ms, at_ms, um) if um > 0 else None
        since_ms, before = self.last_ms, self.total_um
        self.last_ms, self.total_um = at_ms, um
        if before is None or um <= before:
            return None
        if any(since_ms <= begun_ms < at_ms for begun_ms in begins_ms):
            return None
        return Credit(since_ms, at_ms, um - before)

    def rebase(self) -> None:
        """Take the next total as a new beginning: another counter hangs there now."""
        self.total_um = None

    def dump(self) -> Dumped:
        """Return what `load` needs."""
        return [int(self.counter), self.last_ms, self.total_um]

    @classmethod
    def load(cls, dumped: Dumped) -> "Gauge":
        """Return the gauge that `dump` gave."""
        gauge = cls(bool(dumped[0]))
        gauge.last_ms, gauge.total_um = dumped[1:]
        return gauge


class Window:
    """The rain credited within the last `ms`: certainly, and at most."""

    __slots__ = ("at_most_um", "credits", "ms", "um")

    def __init__(self, ms: int) -> None:
        self.ms = ms
        self.credits: deque[Credit] = deque()
        self.um = 0
        self.at_most_um = 0

    @property
    def last_ms(self) -> int:
        """End of the last credit that is kept; -1 where none is."""
        return self.credits[-1].until_ms if self.credits else -1

    def add(self, credit: Credit) -> None:
        """Count a credit; one spread over more than the window may have fallen before it."""
        self.credits.append(credit)
        since_ms, until_ms, um = credit
        self.at_most_um += um
        if until_ms - since_ms <= self.ms:
            self.um += um

    def look(self, at_ms: int) -> None:
        """Drop what fell before (at - ms, at]."""
        oldest_ms, credits = at_ms - self.ms, self.credits
        while credits and credits[0][1] <= oldest_ms:
            since_ms, until_ms, um = credits.popleft()
            self.at_most_um -= um
            if until_ms - since_ms <= self.ms:
                self.um -= um

    def sums_um(self, at_ms: int) -> tuple[float, float]:
        """Return the certain sum and the greatest possible one, after `look`."""
        return self.um, self.at_most_um


class FadingWindow:
    """The rain of the last `ms`, each credit fading by the day: an antecedent precipitation index.

    `API_t = P_t + k * API_(t-1)` of days (domain.md §5.1), continuous in time. The sums stand as
    of the last credit or expiry, never of a look, so they depend on the rain alone. What expires
    is kept by the hour and leaves with the hour's last credit.
    """

    __slots__ = ("as_of_ms", "at_most_um", "hours", "keep", "ms", "um")

    def __init__(self, ms: int, keep: float) -> None:
        self.ms = ms
        self.keep = keep
        self.as_of_ms = 0
        self.um = 0.0
        self.at_most_um = 0.0
        self.hours: deque[list[float]] = deque()

    @property
    def last_ms(self) -> int:
        """End of the last credit that is kept; -1 where none is."""
        return int(self.hours[-1][0]) if self.hours else -1

    def _left_of(self, span_ms: float) -> float:
        return float(self.keep ** (span_ms / DAY_MS))

    def _fade_to(self, at_ms: int) -> None:
        left = self._left_of(at_ms - self.as_of_ms)
        self.um *= left
        self.at_most_um *= left
        self.as_of_ms = at_ms

    def add(self, credit: Credit) -> None:
        """Count a credit; one spread over more than the window may have fallen before it."""
        at_ms = credit.until_ms
        self.look(at_ms)
        self._fade_to(at_ms)
        certain_um = credit.um if credit.span_ms <= self.ms else 0
        self.um += certain_um
        self.at_most_um += credit.um
        last = self.hours[-1] if self.hours else None
        if last is None or int(last[0]) // HOUR_MS != at_ms // HOUR_MS:
            self.hours.append([at_ms, certain_um, credit.um])
            return
        left = self._left_of(at_ms - last[0])
        last[:] = [at_ms, last[1] * left + certain_um, last[2] * left + credit.um]

    def look(self, at_ms: int) -> None:
        """Drop the hours that fell before (at - ms, at]."""
        hours = self.hours
        while hours and hours[0][0] + self.ms <= at_ms:
            until_ms, certain_um, at_most_um = hours.popleft()
            self._fade_to(int(until_ms) + self.ms)
            left = self._left_of(self.ms)
            self.um -= certain_um * left
            self.at_most_um -= at_most_um * left
            if not hours:
                self.um = self.at_most_um = 0.0

    def sums_um(self, at_ms: int) -> tuple[float, float]:
        """Return the certain index and the greatest possible one, after `look`."""
        left = self._left_of(at_ms - self.as_of_ms)
        return self.um * left, self.at_most_um * left

    def dump(self) -> Dumped:
        """Return what `load` needs."""
        return [self.as_of_ms, self.um, self.at_most_um, [list(hour) for hour in self.hours]]

    def load(self, dumped: Dumped) -> None:
        """Take over what `dump` gave."""
        self.as_of_ms, self.um, self.at_most_um, hours = dumped
        self.hours = deque(list(hour) for hour in hours)


def flat(credits: Iterable[Credit]) -> list[int]:
    """Return credits as one short list of numbers: until, span and amount of each."""
    numbers: list[int] = []
    before_ms = 0
    for credit in credits:
        numbers += (credit.until_ms - before_ms, credit.span_ms, credit.um)
        before_ms = credit.until_ms
    return numbers


def unflat(numbers: list[int]) -> Iterator[Credit]:
    """Yield the credits that `flat` wrote."""
    until_ms = 0
    for index in range(0, len(numbers), 3):
        ahead_ms, span_ms, um = numbers[index : index + 3]
        until_ms += ahead_ms
        yield Credit(until_ms - span_ms, until_ms, um)
