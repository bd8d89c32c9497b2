"""What several ingesters write: zones, rain, and sensors that devices of several shares have been.

A device is in one share for ever, but a zone's combination and a site's rain come from devices of
many, and so does a sensor whose node was replaced. Of these nothing is remembered between
transactions: a row is locked and read at its first use in each, so that one after the other
goes on where the last one stood. All else is a share's own, and costs as little as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import msgspec
from sqlalchemy import Table, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ingest import rain
from ingest.bindings import Bindings
from ingest.formats.decoded import Decoded
from ingest.judging import Judges, keep_zone, load_zone
from ingest.message import Message
from ingest.rulebook import InForce, Rulebook
from ingest.share_deal import deal
from models.chunks import chunks
from models.pulse import registry_version
from models.reading import SensorState, ZoneState
from models.rules import judge
from models.rules.episode import Spell
from models.rules.rain import Gauge

if TYPE_CHECKING:
    from ingest.shares import Share


class RegistryMoved(Exception):
    """The registry changed while a transaction ran by the old one: do it again by the new one."""


class Commons:
    """Tells a share's own sensors from the common ones, and keeps the common ones honest."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._mine: set[int] = set()
        self._common: set[int] = set()
        self._read: set[int] = set()  # of the common sensors, in this transaction
        self._looked_at: list[int] = []

    @property
    def number(self) -> int:
        """The number of the share."""
        return self._share.number

    @property
    def leads(self) -> bool:
        """Whether this share asks, each minute, what is nobody's in particular."""
        return self.number == 0

    def load(
        self,
        session: Session,
        bindings: Bindings,
        rulebook: Rulebook,
        weather: rain.RainMemory,
        now_ms: int | None,
    ) -> Judges:
        """Read the memory of this share's sensors, and of the common ones that it ticks."""
        self._mine, self._common = deal(bindings, self._share.number, self._share.shares)
        self._looked_at = []
        weather.be_shared()
        self._read = ours = self._mine & self._common
        if ours:  # whoever writes them now must have ended before they are read
            rows = select(SensorState.sensor).order_by(SensorState.sensor).with_for_update()
            for some in chunks(sorted(ours)):
                session.execute(rows.where(SensorState.sensor.in_(some))).all()
        read_zone = partial(_zone, session)
        return Judges.load(
            session, bindings, rulebook, self._mine, read_zone, now_ms, common=self._common
        )

    def before_batch(
        self,
        session: Session,
        judges: Judges,
        weather: rain.RainMemory,
        decoded: Sequence[tuple[Message, Decoded]],
    ) -> None:
        """Lock and read what of the commons a batch may change."""
        judges.read_zone = partial(_zone, session)
        spoken = _sensors_of(judges.bindings, decoded)
        self._recall(session, judges, spoken)
        _recall_rain(session, judges, weather, spoken)

    def before_tick(self, session: Session, judges: Judges) -> None:
        """Lock and read what of the commons a minute may change."""
        judges.read_zone = partial(_zone, session)
        self._recall(session, judges, self._mine)
        if self.leads:
            judges.load_zones(session)
            self._look_at_gauges(session, judges)

    def before_save(self, judges: Judges) -> None:
        """Have the rows of common sensors written at once: who reads them next may be another."""
        for key in self._read & judges.unsaved.soon.keys():
            judges.sensors[key].touch()

    def after(self, session: Session, judges: Judges, weather: rain.RainMemory) -> None:
        """Forget the commons. Raises RegistryMoved where the registry is no longer what it was.

        Asked when the pulse is ours until the commit: nobody can move the registry after this.
        """
        if registry_version(session) != judges.bindings.version:
            raise RegistryMoved("the registry changed within a transaction")
        for key in (*self._read, *self._looked_at):
            judges.blank(key)
        self._read, self._looked_at = set(), []
        judges.zones.clear()
        weather.be_shared()

    def _recall(self, session: Session, judges: Judges, keys: set[int]) -> None:
        unread = (keys & self._common) - self._read
        if unread:
            judges.recall(session, unread)
        self._read |= unread

    def _look_at_gauges(self, session: Session, judges: Judges) -> None:
        """See which gauges of other shares are heard: is the weather of their site known?"""
        facts = judges.bindings.sensors
        others = [key for key in facts if facts[key].is_rain and key not in self._mine]
        columns = SensorState.sensor, SensorState.heard_ms, SensorState.silent_since_ms
        for some in chunks(others):
            heard = session.execute(select(*columns).where(SensorState.sensor.in_(some)))
            for key, heard_ms, silent_since_ms in heard:
                memory = judges.sensors[key]
                memory.heard_ms, memory.silent_since_ms = heard_ms, silent_since_ms
        self._looked_at = others


def _sensors_of(bindings: Bindings, decoded: Sequence[tuple[Message, Decoded]]) -> set[int]:
    spoken: set[int] = set()
    for _, outcome in decoded:
        for device in (*outcome.devices, *outcome.gone):
            spoken.update(bindings.by_device.get(device, ()))
        for one in outcome.measurements:
            key = bindings.sensor_of(one.device, one.channel, one.at_ms)
            if key is not None:
                spoken.add(key)
    return spoken


def _recall_rain(
    session: Session, judges: Judges, weather: rain.RainMemory, spoken: Iterable[int]
) -> None:
    fresh: dict[tuple[str, str], bytes] = {}
    for key in spoken:
        facts = judges.bindings.sensors[key]
        if facts.is_rain:
            if key not in weather.gauges:
                gauge = Gauge(facts.quantity == "rain_total")
                fresh[rain.GAUGE, str(key)] = msgspec.msgpack.encode(gauge.dump())
            for site_id in rain.served(judges, facts) - weather.spells.keys():
                fresh[rain.SPELL, str(site_id)] = msgspec.msgpack.encode(Spell().dump())
    for rule, subject, state in _locked(session, fresh):
        weather.recall(rule, subject, state)


def _zone(session: Session, one: InForce, subject: str) -> Any:
    """Return what a combination remembers of a zone, ours until the commit."""
    fresh = {(one.code, subject): keep_zone(one, judge.fresh_state(one.rule))}
    ((_, _, state),) = _locked(session, fresh)
    return load_zone(one, state)[0]


def _locked(session: Session, fresh: dict[tuple[str, str], bytes]) -> list[tuple[str, str, bytes]]:
    """Lock rows in the order that all keep, making those that are not there."""
    if not fresh:
        return []
    rows = [
        {"rule": rule, "subject": subject, "state": fresh[rule, subject]}
        for rule, subject in sorted(fresh)
    ]
    session.execute(insert(cast(Table, ZoneState.__table__)).on_conflict_do_nothing(), rows)
    wanted = (
        select(ZoneState.rule, ZoneState.subject, ZoneState.state)
        .order_by(ZoneState.rule, ZoneState.subject)
        .with_for_update()
    )
    key = tuple_(ZoneState.rule, ZoneState.subject)
    return [
        (rule, subject, state)
        for some in chunks(sorted(fresh))
        for rule, subject, state in session.execute(wanted.where(key.in_(some)))
    ]
