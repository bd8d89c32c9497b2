"""Plays messages through the real thing in virtual time, in a database that is thrown away."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from ingest.falling_due import Turn
from ingest.message import Message
from ingest.virtual import Runner
from models.channels import Source, sources
from models.clock import HeldClock
from models.happenings import Row, rows
from models.inspection import ITEMS, hand_over, move, sign_erected
from models.people import Actor, Grant, User, machine
from models.registry import Site, Zone
from models.registry_file.load import load, load_text
from models.registry_file.sensors import BEGINNING
from models.scaffold import plan_scaffold
from models.sensor import Sensor
from models.settings_text import sqlite_url
from models.store import Store
from models.tables import METADATA

# The erector begins this long before the scaffold stands, so that the record is in order.
SYSTEM = machine("system")
ERECTING_TAKES = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that people do at a site instant while the messages go on."""

    at: datetime
    act: Callable[[Session, datetime], None]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is played: a registry, messages in order of arrival, and what people do meanwhile."""

    registry: Mapping[str, Any]
    messages: Callable[[Session], Iterable[Message]]  # told the registry as it was loaded
    begins: datetime
    until: datetime
    planned: Sequence[Planned] = ()
    restart_every: timedelta | None = None  # as a killed process would, for tests

    def run(self) -> list[Row]:
        """Play it all; return what happened, in order."""
        with tempfile.TemporaryDirectory(prefix="ridgewatch-rehearsal-") as folder:
            store = Store(sqlite_url(Path(folder) / "rehearsal.db"), Path(folder), durable=False)
            try:
                return self._run(store)
            finally:
                store.close()

    def _run(self, store: Store) -> list[Row]:
        with store.writing() as session:
            METADATA.create_all(session.connection())
            load(session, self.registry, by=SYSTEM, now=self.begins)
            _give_all_a_source(session, self.begins)
        with store.reading() as session:
            messages = self.messages(session)
        runner = Runner(
            store,
            HeldClock(self.begins),
            turn=_Turns(self.planned),
            restart_every=self.restart_every,
        )
        runner.run(messages, self.until)
        with store.reading() as session:
            return rows(session)


def registered(text: bytes) -> dict[str, Source]:
    """Return the source of each sensor of a registry file. Raises BadInput with its faults."""
    with tempfile.TemporaryDirectory(prefix="ridgewatch-registry-") as folder:
        store = Store(sqlite_url(Path(folder) / "registry.db"), Path(folder), durable=False)
        try:
            with store.writing() as session:
                METADATA.create_all(session.connection())
                load_text(session, text, by=SYSTEM, now=BEGINNING)
                return sources(session)
        finally:
            store.close()


class _Turns:
    """The clock's turn, and before it what people were to do in that minute."""

    def __init__(self, planned: Sequence[Planned]) -> None:
        self._planned = sorted(planned, key=lambda one: one.at)
        self._turn = Turn()

    def __call__(self, session: Session, now: datetime) -> None:
        while self._planned and self._planned[0].at <= now:
            one = self._planned.pop(0)
            one.act(session, one.at)
        self._turn(session, now)


def _give_all_a_source(session: Session, now: datetime) -> None:
    """A sensor that is read by hand still has its values played: it gets a channel of its own."""
    rows = session.scalars(select(Sensor).options(joinedload(Sensor.site)).order_by(Sensor.key))
    for sensor in rows:
        last = sensor.epochs[-1] if sensor.epochs else None
        if sensor.retired_at is None and (last is None or last.device is None):
            device = f"{sensor.site.code}-{sensor.code}"
            sensor.begin_epoch(
                "install", by=SYSTEM, now=now, since=BEGINNING, device=device, channel=""
            )


def stand_scaffold(
    session: Session, site_code: str, zone_code: str, code: str, now: datetime
) -> None:
    """Have a scaffold stand with a green tag, as two people's signatures make it."""
    site = session.scalars(select(Site).where(Site.code == site_code)).one()
    here = select(Zone).where(Zone.site_id == site.id, Zone.code == zone_code)
    zone = session.scalars(here).one()
    erector, receiver = _person(session, "erector", now), _person(session, "receiver", now)
    began = now - ERECTING_TAKES
    scaffold = plan_scaffold(session, site, name=zone.name, zone=zone, by=receiver, now=began)
    scaffold.code = code
    move(scaffold, "begin_erecting", by=erector, now=began)
    items = dict.fromkeys(ITEMS, code)
    sign_erected(scaffold, load_class=3, items=items, card=code, by=erector, now=now)
    hand_over(scaffold, by=receiver, now=now)


def _person(session: Session, name: str, now: datetime) -> Actor:
    email = f"{name}@rehearsal.invalid"
    user = session.scalars(select(User).where(User.email == email)).first()
    if user is None:
        user = User(id=uuid.uuid4(), email=email, name=name, created_at=now)
        session.add(user)
        session.flush()
    return Actor("person", user.id, name, (Grant(None, "supervisor"),), via="command")
