"""What the installation knows of itself: the last look over it, and the last torture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.check_results import last
from models.clock import machine_now
from models.heartbeat import DEAD_AFTER, ingesters
from models.job import Job, ask
from models.reasons import Reason
from models.words.render import moment
from webapp.db import begin_write, commit, db, site_now, store
from webapp.filters import sentence, t
from webapp.forms import again
from webapp.policies import allow

pages = Blueprint("checks", __name__, url_prefix="/checks")
READERS = ("admin", "engineer")
OLD_AFTER = {"doctor": timedelta(days=7), "torture": timedelta(days=90)}
WAITING = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check in one glance: `green`, `yellow`, `red`, or `unknown` where it was never made."""

    state: str
    at: datetime | None = None
    is_old: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of doctor, said."""

    is_fault: bool
    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class Ingesting:
    """Who takes data in: its share of the devices (`0/4`; empty: all), and its last heartbeat."""

    share: str
    process: str
    beat_at: datetime
    is_dead: bool


@dataclass(frozen=True, slots=True)
class Struck:
    """One nemesis of a torture: how often, and the slowest recovery."""

    name: str
    times: int
    longest_s: float
    is_slow: bool  # once at least beyond the bar


@pages.get("/")
@allow(*READERS)
def index() -> str:
    """Show both, the verdicts first."""
    data_dir = store().data_dir
    doctor, torture = last(data_dir, "doctor"), last(data_dir, "torture")
    return render_template(
        "checks/index.html",
        health=_health(doctor),
        findings=list(_findings(doctor)),
        facts=[sentence(Reason.from_json(one)) for one in (doctor or {}).get("facts", ())],
        asked=_asked(),
        ingesters=list(_ingesting()),
        held=_held(torture),
        torture=torture,
        faults=[sentence(Reason.from_json(one)) for one in (torture or {}).get("faults", ())],
        totals=_totals(torture),
        struck=_struck(torture),
        left_out=[
            (one["name"], sentence(Reason.from_json(one["reason"])))
            for one in (torture or {}).get("left_out", ())
        ],
    )


@pages.post("/doctor")
@allow(*READERS)
@again(index)
def examine() -> ResponseReturnValue:
    """Have the installation looked over; the worker does it."""
    begin_write()
    if not _asked():
        ask(db.session(), "doctor", {}, by=g.actor, now=site_now())
    commit()
    flash(t("checks.asked"), "done")
    return redirect(url_for("checks.index"), 303)


def _asked() -> bool:
    waiting = select(Job.id).where(Job.kind == "doctor", Job.state.in_(WAITING)).limit(1)
    return db.session.scalar(waiting) is not None


def _ingesting() -> Iterator[Ingesting]:
    now = machine_now()
    for beat in ingesters(db.session()):
        facts = beat.facts or {}
        several = facts.get("shares", 1) > 1
        yield Ingesting(
            share=f"{facts['share']}/{facts['shares']}" if several else "",
            process=" ".join(str(one) for one in (facts.get("host"), beat.pid) if one),
            beat_at=beat.beat_at.replace(microsecond=0),
            is_dead=now - beat.beat_at > DEAD_AFTER,
        )


def _health(result: Mapping[str, Any] | None) -> Verdict:
    if result is None:
        return Verdict("unknown")
    severities = {one["severity"] for one in result["findings"]}
    state = "red" if "fault" in severities else "yellow" if severities else "green"
    return _of(state, result, "doctor")


def _held(result: Mapping[str, Any] | None) -> Verdict:
    if result is None:
        return Verdict("unknown")
    return _of("green" if result["held"] else "red", result, "torture")


def _of(state: str, result: Mapping[str, Any], check: str) -> Verdict:
    at = moment(result["at"])
    return Verdict(state, at, machine_now() - at > OLD_AFTER[check])


def _findings(result: Mapping[str, Any] | None) -> Iterator[Found]:
    for one in (result or {}).get("findings", ()):
        what, cure = Reason.from_json(one["what"]), Reason.from_json(one["cure"])
        yield Found(one["severity"] == "fault", sentence(what), sentence(cure))


def _totals(result: Mapping[str, Any] | None) -> dict[str, int]:
    """Add up what all passes have tried, promised, stored and lost."""
    passes = (result or {}).get("passes", ())
    found = {
        name: sum(one["readings"][name] for one in passes) for name in ("acknowledged", "stored")
    }
    found |= {
        name: sum(one["readings"][name]["n"] for one in passes) for name in ("lost", "doubled")
    }
    found["faults"] = sum(len(one["blows"]) for one in passes)
    return found


def _struck(result: Mapping[str, Any] | None) -> list[Struck]:
    """Gather the blows by nemesis; one of a pair counts for both."""
    found: dict[str, Struck] = {}
    for one in (result or {}).get("passes", ()):
        for blow in one["blows"]:
            for name in blow["fault"]["names"]:
                known = found.get(name, Struck(name, 0, 0.0, False))
                longest = max(known.longest_s, blow["recovered_s"])
                slow = known.is_slow or blow["recovered_s"] > blow["bar_s"]
                found[name] = Struck(name, known.times + 1, longest, slow)
    return list(found.values())
