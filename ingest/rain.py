"""Follows rain at each site: its episodes, and the works that heavy or unknown rain holds."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.bindings import SensorFacts
from ingest.judging import Judges
from ingest.storing import upsert
from models.hold import has_standing_scaffold, hold_for_rain, hold_for_unknown_weather
from models.reading import RainEpisode, ZoneState
from models.registry import Site
from models.rules.episode import Episode, Spell
from models.rules.rain import HOURS_OF_GREATEST, Gauge
from models.times import from_ms
from models.units import NOT_EVALUATED

BELIEVABLE = 3
SPELL = "$rain"  # the name under which a site's spell lies among the packed states
GAUGE = "$gauge"


class Caught(NamedTuple):
    """A new reading of a gauge."""

    gauge: SensorFacts
    judged_ms: int  # when the rules saw it
    value: float | None
    quality: int
    arrived_ms: int


class RainMemory:
    """The counters of gauges and the running spell of each site; packed like the rules' states."""

    def __init__(self) -> None:
        self.gauges: dict[int, Gauge] = {}
        self.spells: dict[uuid.UUID, Spell] = {}
        self._touched: set[tuple[str, str]] = set()
        self._loaded = False

    def load(self, session: Session) -> None:
        """Read what was packed, once."""
        if self._loaded:
            return
        self._loaded = True
        for row in session.scalars(select(ZoneState).where(ZoneState.rule.in_([SPELL, GAUGE]))):
            self.recall(row.rule, row.subject, row.state)

    def be_shared(self) -> None:
        """Remember nothing between transactions: other ingesters write the same rows."""
        self.gauges, self.spells, self._loaded = {}, {}, True

    def recall(self, rule: str, subject: str, state: bytes) -> None:
        """Take what one row holds."""
        packed = msgspec.msgpack.decode(state)
        if rule == SPELL:
            self.spells[uuid.UUID(subject)] = Spell.load(packed)
        else:
            self.gauges[int(subject)] = Gauge.load(packed)

    def save(self, session: Session) -> None:
        """Write what changed; the caller commits."""
        rows = []
        for rule, subject in sorted(self._touched):
            kept = self.spells[uuid.UUID(subject)] if rule == SPELL else self.gauges[int(subject)]
            packed = msgspec.msgpack.encode(kept.dump())
            rows.append({"rule": rule, "subject": subject, "state": packed})
        upsert(session, ZoneState, rows, ["rule", "subject"])
        self._touched.clear()

    def gauge(self, facts: SensorFacts) -> Gauge:
        """Return a gauge's counter, marked as changed."""
        self._touched.add((GAUGE, str(facts.key)))
        return self.gauges.setdefault(facts.key, Gauge(facts.quantity == "rain_total"))

    def spell(self, site_id: uuid.UUID) -> Spell:
        """Return a site's spell, marked as changed."""
        self._touched.add((SPELL, str(site_id)))
        return self.spells.setdefault(site_id, Spell())


def follow(
    session: Session, memory: RainMemory, judges: Judges, rain: Iterable[Caught], now: datetime
) -> None:
    """Credit a batch's rain to its sites, and hold the works where it was heavy."""
    memory.load(session)
    for facts, judged_ms, value, quality, arrived_ms in rain:
        if value is None or quality > BELIEVABLE:
            continue
        if quality == NOT_EVALUATED:
            continue  # simulated, replayed, or kept by a broker
        gauge = memory.gauge(facts)
        if judged_ms <= gauge.last_ms:
            continue  # out of order: its hours are made again, its episode is not
        credit = facts.fallen(gauge.read(judged_ms, value, facts.begins_ms))
        for site_id in served(judges, facts):
            spell = memory.spell(site_id)
            changed = spell.on_heard(judged_ms)
            if credit is not None:
                changed = [*changed, *spell.on_credit(facts.code, credit)]
            # A watermark may still have to move the clock: a hold comes after what shows it.
            at = max(now, from_ms(max(judged_ms, arrived_ms)))
            for episode in changed:
                _write(session, site_id, episode, at)


def tick(session: Session, memory: RainMemory, judges: Judges, now: datetime) -> None:
    """Hold the works of a site none of whose gauges is heard: weather unknown holds too."""
    for site_id, heard in _sites_with_gauges(judges).items():
        # Asked every minute: a scaffold may be handed over while nobody knows the weather.
        if not heard and has_standing_scaffold(session, site_id):
            hold_for_unknown_weather(session, session.get_one(Site, site_id), now)


def _write(session: Session, site_id: uuid.UUID, episode: Episode, now: datetime) -> None:
    row = session.scalar(
        select(RainEpisode).where(
            RainEpisode.site_id == site_id, RainEpisode.began_ms == episode.began_ms
        )
    )
    if row is None:
        row = RainEpisode(site_id=site_id, began_ms=episode.began_ms)
        session.add(row)
    row.last_rain_ms = episode.last_ms
    row.ended_ms = episode.last_ms if episode.ended else None
    row.sums = {str(hours): episode.greatest_mm(hours) for hours in HOURS_OF_GREATEST}
    row.grades = {"12": episode.grade(12), "24": episode.grade(24)}
    row.gauges = list(episode.gauges)
    session.flush()
    if not episode.ended:
        hold_for_rain(session, session.get_one(Site, site_id), row, row.sums, now)


def served(judges: Judges, facts: SensorFacts) -> set[uuid.UUID]:
    """Return the sites that a gauge speaks for: those it serves, else the one it stands on."""
    sites = judges.bindings.sites
    return {sites[code] for code in facts.serves if code in sites} or {facts.site_id}


def _sites_with_gauges(judges: Judges) -> dict[uuid.UUID, bool]:
    """Return, by site, whether any of its gauges is heard; sites that never had one are absent."""
    heard: dict[uuid.UUID, bool] = {}
    for key, facts in judges.bindings.sensors.items():
        memory = judges.sensors[key]
        if not facts.is_rain or facts.retired or memory.heard_ms is None:
            continue
        for site_id in served(judges, facts):
            heard[site_id] = heard.get(site_id, False) or memory.silent_since_ms is None
    return heard
