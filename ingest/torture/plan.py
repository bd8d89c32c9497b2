"""When what strikes: decided before the run by seed and length alone, so it can be repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle
from random import Random

from ingest.torture.nemeses import NEMESES, Nemesis

CALM_S = (0.4, 1.0)  # between two faults, once messages are acknowledged again


@dataclass(frozen=True, slots=True)
class Fault:
    """One blow: `names` strike together, each for its `lasts_s`, after `calm_s` of calm."""

    calm_s: float
    names: tuple[str, ...]
    lasts_s: tuple[float, ...]


def plan(nemeses: Sequence[Nemesis], seconds: float, seed: int) -> tuple[Fault, ...]:
    """Return the faults of a run: each nemesis alone in turn, then pairs, until time is up."""
    random, at_s = Random(f"{seed}:plan"), 0.0
    faults: list[Fault] = []
    for together in _turns([one.name for one in nemeses], random):
        lasts = tuple(round(random.uniform(*NEMESES[name].lasts_s), 3) for name in together)
        calm_s = round(random.uniform(*CALM_S), 3)
        at_s += calm_s + max(lasts) + max(NEMESES[name].usually_s for name in together)
        if faults and at_s > seconds:  # the first one strikes however short the time
            break
        faults.append(Fault(calm_s, together, lasts))
    return tuple(faults)


def _turns(names: Sequence[str], random: Random) -> Iterator[tuple[str, ...]]:
    """Yield each alone once, then pairs for ever; one that has no mate, alone for ever."""
    yield from ((name,) for name in names)
    pairs: list[tuple[str, ...]] = [
        pair for pair in combinations(names, 2) if _may_meet(*pair)
    ] or [(name,) for name in names]
    random.shuffle(pairs)
    yield from cycle(pairs)


def _may_meet(one: str, other: str) -> bool:
    """Two that both need the same process alive can't strike at once."""
    hits = [_hits(one), _hits(other)]
    return not (hits[0] & hits[1])


def _hits(name: str) -> set[str]:
    if name in ("fsync-fails", "limit-files", "two-ingesters"):
        return {"ingest"}
    if name in ("cut", "delay", "half-close", "black-out"):
        return {"network"}
    return {name.partition("-")[2]} if name.startswith(("kill-", "pause-")) else {name}
