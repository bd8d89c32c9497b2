"""Decides what a run has shown: attempted ⊇ acknowledged ⊇ stored, and alerts as undisturbed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ingest.torture.record import Place, Record
from ingest.torture.story import Sent

EXAMPLES = 5  # of each kind of fault: enough to look for, few enough to read


@dataclass(frozen=True, slots=True)
class Count:
    """How many readings (or steps) are wrong in one way, and a few of them."""

    n: int
    examples: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Iterable[object]) -> Count:
        """Count what was found, in order."""
        listed = sorted(str(one) for one in found)
        return cls(len(listed), tuple(listed[:EXAMPLES]))

    def __add__(self, other: Count) -> Count:
        return Count(self.n + other.n, (self.examples + other.examples)[:EXAMPLES])


NONE = Count(0)


@dataclass(frozen=True, slots=True)
class Readings:
    """The three sets compared."""

    attempted: int
    acknowledged: int
    stored: int
    lost: Count = NONE  # acknowledged and not stored
    phantom: Count = NONE  # stored and never attempted, or with another value
    doubled: Count = NONE  # stored twice
    torn: Count = NONE  # a message of which only a part is stored
    misordered: Count = NONE  # stored although an earlier one of the same device is not


@dataclass(frozen=True, slots=True)
class Difference:
    """What an undisturbed run of the same messages left, and this one did not; and the reverse."""

    alerts_missing: Count = NONE
    alerts_added: Count = NONE
    pages_missing: Count = NONE
    pages_added: Count = NONE
    hours_differ: Count = NONE
    hours_open: Count = NONE  # over, and closed in neither: nothing could differ


def compare(
    attempted: Sequence[Sent],
    acknowledged: Iterable[Sent],
    kept: Collection[tuple[Place, float | None]],
    *,
    in_order: bool = True,
) -> Readings:
    """Compare what was tried, what was promised and what is stored."""
    values = {sent.places[-1]: sent.counted for sent in attempted if sent.counted is not None}
    tried = {place for sent in attempted for place in sent.places}
    promised = {place for sent in acknowledged for place in sent.places}
    times = Counter(place for place, _ in kept)
    counts = Counter((place[:2], value) for place, value in kept if place in values)
    stored = set(times)
    wrong = {place for place, value in kept if place in values and values[place] != value}
    return Readings(
        len(tried),
        len(promised),
        len(stored),
        lost=Count.of(promised - stored),
        phantom=Count.of((stored - tried) | wrong),
        doubled=Count.of([one for one, n in (times + counts).items() if n > 1]),
        torn=Count.of(_torn(attempted, stored)),
        misordered=Count.of(_misordered(attempted, stored) if in_order else ()),
    )


def _torn(attempted: Sequence[Sent], stored: set[Place]) -> list[Place]:
    return [
        sent.places[0]
        for sent in attempted
        if sent.places and 0 < sum(place in stored for place in sent.places) < len(sent.places)
    ]


def _misordered(attempted: Sequence[Sent], stored: set[Place]) -> list[Place]:
    """Return what is stored of a device although something before it is not (yet)."""
    broken: set[str] = set()
    found = []
    for sent in attempted:
        if not stored.issuperset(sent.places):
            broken.add(sent.device)
        elif sent.device in broken:
            found.append(sent.places[0])
    return found


def differ(found: Record, expected: Record) -> Difference:
    """Compare with the undisturbed run. A page may come late, but must come, and only once."""
    alerts, wanted = Counter(found.alerts), Counter(expected.alerts)
    return Difference(
        alerts_missing=Count.of((wanted - alerts).elements()),
        alerts_added=Count.of((alerts - wanted).elements()),
        pages_missing=Count.of(set(expected.pages) - set(found.pages)),
        pages_added=Count.of((Counter(found.pages) - Counter(expected.pages)).elements()),
        hours_differ=Count.of(set(found.rollups) ^ set(expected.rollups)),
        hours_open=Count.of(found.hours_left_open() & expected.hours_left_open()),
    )
