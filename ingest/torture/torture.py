"""The whole of it: which passes a request makes, what they found, and the result to keep."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from ingest.torture.checker import Count, Difference
from ingest.torture.dead_man import DeadMan
from ingest.torture.nemeses import NEMESES, Nemesis, no_mosquitto
from ingest.torture.outcome import Outcome
from ingest.torture.run import Pass
from ingest.torture.story import MOST_UNDER_WAY
from ingest.torture.two_ingesters import DEALT, TwoIngesters
from models.clock import machine_now
from models.errors import BadInput, Fault
from models.reasons import Reason, reason
from models.times import iso

SHORTEST_PASS_S = 4.0
BEHIND_BROKER = ("kill-ingest", "pause-ingest", "fsync-fails")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: nemeses by name, for how long, by which seed, on what database."""

    nemeses: tuple[Nemesis, ...]
    seconds: float
    seed: int
    url: str | None = None


def nemeses_of(text: str) -> tuple[Nemesis, ...]:
    """Return the nemeses of `all`, or of names separated by commas. Raises BadInput."""
    if text == "all":
        return tuple(NEMESES.values())
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in NEMESES]
    if unknown:
        why = reason("torture.unknown_nemesis", given=unknown[0][:80], known=[*NEMESES])
        raise BadInput([Fault("--nemesis", why)])
    return tuple(NEMESES[name] for name in dict.fromkeys(names))


def left_out(asked: Asked) -> list[tuple[str, Reason]]:
    """Return what cannot be done on this machine, or on this database, and why."""
    found = []
    for one in asked.nemeses:
        why = reason("torture.lacks_sqlite") if one.sqlite_only and asked.url else one.lacks()
        if why is not None:
            found.append((one.name, why))
        if one.name == "two-ingesters" and asked.url and (why := no_mosquitto()):
            found.append((DEALT, why))
    return found


def torture(asked: Asked) -> dict[str, Any]:
    """Run it all in a throw-away folder; return the result as it is kept and shown.

    Raises BadInput where nothing that was asked for can be done here.
    """
    began_s, missing = monotonic(), left_out(asked)
    able = [one for one in asked.nemeses if one.name not in dict(missing)]
    if not able:
        raise BadInput([Fault(f"--nemesis {name}", why) for name, why in missing])
    with tempfile.TemporaryDirectory(prefix="ridgewatch-torture-") as folder:
        outcomes = asyncio.run(_passes(asked, able, Path(folder)))
    return result_of(
        outcomes, missing, seed=asked.seed, seconds=asked.seconds, took_s=monotonic() - began_s
    )


def result_of(
    outcomes: Sequence[Outcome],
    missing: Sequence[tuple[str, Reason]],
    *,
    seed: int,
    seconds: float,
    took_s: float,
) -> dict[str, Any]:
    """Return the result as it is kept and shown: the verdict, every fault, and all figures."""
    faults = [fault for outcome in outcomes for fault in faults_of(outcome)]
    return {
        "at": iso(machine_now().replace(microsecond=0)),
        "seed": seed,
        "seconds": seconds,
        "took_s": round(took_s),
        "left_out": [{"name": name, "reason": why.to_json()} for name, why in missing],
        "held": not faults,
        "faults": [fault.to_json() for fault in faults],
        "passes": [dataclasses.asdict(outcome) for outcome in outcomes],
    }


async def _passes(asked: Asked, able: Sequence[Nemesis], folder: Path) -> list[Outcome]:
    """Each kind of installation has a pass of its own: its share of the time, at least a little."""
    outcomes, passes = [], _by_installation(able)
    strikes = sum(map(len, passes.values()))
    for name, nemeses in passes.items():
        seconds = max(SHORTEST_PASS_S, asked.seconds * len(nemeses) / strikes)
        here = folder / name
        here.mkdir(mode=0o700)
        # A second database would have to be named: the broker's pass is on SQLite.
        url = asked.url if name == "receiver" else None
        outcomes.append(await Pass(name, nemeses, seconds, asked.seed, here, url).run())
    if any(one.name == "clock-step" for one in able):
        here = folder / "silence"
        here.mkdir(mode=0o700)
        outcomes.append(await DeadMan(here).run())
    if any(one.name == "two-ingesters" for one in able) and asked.url and not no_mosquitto():
        here = folder / DEALT
        here.mkdir(mode=0o700)
        outcomes.append(await TwoIngesters(here, asked.url, asked.seconds / 2, asked.seed).run())
    return outcomes


def _by_installation(able: Sequence[Nemesis]) -> dict[str, list[Nemesis]]:
    found: dict[str, list[Nemesis]] = {}
    for one in able:
        name = "broker" if one.broker else "small-disk" if one.small_disk else "receiver"
        found.setdefault(name, []).append(one)
    if "broker" in found:  # there the ingester is another one: a subscriber
        found["broker"] += [one for one in able if one.name in BEHIND_BROKER]
    return found


def faults_of(outcome: Outcome) -> Iterator[Reason]:
    """Yield everything that a pass shows to be wrong. Losses of a broker's own are not ours."""
    where = {"where": outcome.name}
    if outcome.failure:
        yield reason("torture.fault.failed", why=outcome.failure, **where)
    looks = [outcome.readings, *(blow.seen for blow in outcome.blows)]
    for name in ("lost", "phantom", "doubled", "torn", "misordered"):
        worst: Count = max((getattr(look, name) for look in looks), key=lambda one: one.n)
        if worst.n and not (name == "lost" and _is_brokers(outcome)):
            yield reason(f"torture.fault.{name}", n=worst.n, such_as=worst.examples[0], **where)
    for name in Difference.__dataclass_fields__:
        count: Count = getattr(outcome.difference, name)
        if count.n:
            yield reason(f"torture.fault.{name}", n=count.n, such_as=count.examples[0], **where)
    if outcome.acknowledged_out_of_order:
        yield reason("torture.fault.overtaken", n=outcome.acknowledged_out_of_order, **where)
    for name, count in (("blind", outcome.blind), ("false", outcome.false)):
        if count.n:
            yield reason(
                f"torture.fault.{name}_silence", n=count.n, such_as=count.examples[0], **where
            )
    if not outcome.is_sound:
        yield reason("torture.fault.unsound", **where)
    for blow in outcome.blows:
        if blow.is_slow:
            names = "+".join(blow.fault.names)
            yield reason(
                "torture.fault.slow", nemesis=names, took=blow.recovered_s, bar=blow.bar_s, **where
            )


def _is_brokers(outcome: Outcome) -> bool:
    """Stock brokers acknowledge before they store, with the best settings at the end of a round.

    A round serves every connection that has something to say: on a slow machine a kill may cost
    all that was under way.
    """
    kills = sum("kill-broker" in blow.fault.names for blow in outcome.blows)
    return outcome.name == "broker" and outcome.readings.lost.n <= kills * MOST_UNDER_WAY
