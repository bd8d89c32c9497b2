"""Finds a site's rain episodes: from the first credited rain after six dry hours to the last."""

from dataclasses import dataclass, replace

from models.reasons import Json
from models.rules.durations import HOUR_MS
from models.rules.rain import (
    GRADES,
    HOURS_OF_GREATEST,
    Credit,
    Window,
    flat,
    grade,
    mm_of,
    unflat,
)
from models.rules.step import Dumped, iso

DRY_MS = 6 * HOUR_MS
GRADE_RANK = {code: rank for rank, code in enumerate(GRADES)}

# A credit over more than an hour may have begun at any time in it: the episode then begins when
# the rain was first read, not when it might have begun.
_CERTAIN_START_MS = HOUR_MS


@dataclass(frozen=True, slots=True)
class Episode:
    """One rain of one site: when, how much, by which gauges."""

    began_ms: int
    """Exclusive, like every `since`."""
    last_ms: int
    """End of the last credited rain so far."""
    ended: bool
    greatest_um: tuple[int, ...]
    """Greatest sums over 1, 3, 6, 12 and 24 hours, each of the gauge that caught most."""
    gauges: tuple[str, ...]

    def greatest_mm(self, hours: int) -> float:
        """Return the greatest sum over one of `HOURS_OF_GREATEST`."""
        return mm_of(self.greatest_um[HOURS_OF_GREATEST.index(hours)])

    def grade(self, hours: int) -> str:
        """Return the grade of the greatest sum over 12 or 24 hours."""
        return grade(self.greatest_mm(hours), hours)

    def at_least(self, wanted: str) -> bool:
        """Say whether the episode reached a grade, by either table of GB/T 28592."""
        from_grade = GRADE_RANK[wanted]
        return any(GRADE_RANK[self.grade(hours)] >= from_grade for hours in (12, 24))

    def to_json(self) -> dict[str, Json]:
        """Return the episode as pages and answers carry it."""
        return {
            "began": iso(self.began_ms),
            "last": iso(self.last_ms),
            "ended": self.ended,
            "greatest_mm": {str(hours): self.greatest_mm(hours) for hours in HOURS_OF_GREATEST},
            "grades": {"12": self.grade(12), "24": self.grade(24)},
            "gauges": list(self.gauges),
        }


class Spell:
    """Follows one site's gauges: the running episode, and until when the weather is known."""

    __slots__ = ("current", "gauges", "heard_ms")

    def __init__(self) -> None:
        self.current: Episode | None = None
        self.heard_ms = -1
        self.gauges: dict[str, list[Window]] = {}

    def on_credit(self, gauge: str, credit: Credit) -> list[Episode]:
        """Take rain of one gauge, in order of its time; return the episodes that changed."""
        self.heard_ms = max(self.heard_ms, credit.until_ms)
        # Rain may have fallen anywhere in the credit's interval: only what lies before it was dry.
        changed = self._end_if_dry(credit.since_ms)
        for window in self._windows(gauge):
            window.add(credit)
            window.look(credit.until_ms)
        self.current = self._grown(gauge, credit)
        return [*changed, self.current]

    def on_heard(self, heard_until_ms: int) -> list[Episode]:
        """Note until when any gauge of the site has been heard; six dry hours end an episode.

        Hours in which no gauge reported are not dry, they are unknown: pass the last reading's
        instant, never the clock's.
        """
        self.heard_ms = max(self.heard_ms, heard_until_ms)
        return self._end_if_dry(self.heard_ms)

    def weather(self, now_ms: int, stale_after_ms: int) -> str:
        """Return "raining" (an episode runs), "dry", or "unknown" where no gauge reports."""
        if self.heard_ms < 0 or now_ms - self.heard_ms > stale_after_ms:
            return "unknown"
        return "raining" if self.current else "dry"

    def _windows(self, gauge: str) -> list[Window]:
        if gauge not in self.gauges:
            self.gauges[gauge] = [Window(hours * HOUR_MS) for hours in HOURS_OF_GREATEST]
        return self.gauges[gauge]

    def _end_if_dry(self, until_ms: int) -> list[Episode]:
        if self.current is None or until_ms - self.current.last_ms < DRY_MS:
            return []
        ended = replace(self.current, ended=True)
        self.current = None
        # The next episode's sums are its own, also where its windows reach back into this one.
        self.gauges.clear()
        return [ended]

    def _grown(self, gauge: str, credit: Credit) -> Episode:
        sums = tuple(window.um for window in self.gauges[gauge])
        before = self.current
        if before is None:
            certain = credit.span_ms <= _CERTAIN_START_MS
            began_ms = credit.since_ms if certain else credit.until_ms
            return Episode(began_ms, credit.until_ms, False, sums, (gauge,))
        return replace(
            before,
            last_ms=max(before.last_ms, credit.until_ms),
            greatest_um=tuple(map(max, before.greatest_um, sums)),
            gauges=tuple(sorted({*before.gauges, gauge})),
        )

    def dump(self) -> Dumped:
        """Return what `load` needs, JSON-safe."""
        now = self.current
        running = now and [now.began_ms, now.last_ms, list(now.greatest_um), list(now.gauges)]
        rain = {gauge: flat(windows[-1].credits) for gauge, windows in self.gauges.items()}
        return [self.heard_ms, running, rain]

    @classmethod
    def load(cls, dumped: Dumped) -> "Spell":
        """Return the spell that `dump` gave."""
        spell = cls()
        spell.heard_ms, running, rain = dumped
        if running:
            began_ms, last_ms, greatest, gauges = running
            spell.current = Episode(began_ms, last_ms, False, tuple(greatest), tuple(gauges))
        for gauge, numbers in rain.items():
            for credit in unflat(numbers):
                for window in spell._windows(gauge):
                    window.add(credit)
                    window.look(credit.until_ms)
        return spell


def episodes(credits: dict[str, list[Credit]], heard_until_ms: int) -> list[Episode]:
    """Return every episode of a site from its gauges' credits, the last one perhaps running."""
    spell, found = Spell(), []
    merged = [(credit.until_ms, gauge, credit) for gauge in credits for credit in credits[gauge]]
    for _, gauge, credit in sorted(merged):
        found += [one for one in spell.on_credit(gauge, credit) if one.ended]
    found += spell.on_heard(heard_until_ms)
    return [*found, spell.current] if spell.current else found
