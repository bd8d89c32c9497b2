"""Bounds what names that nobody registered take on disk: so many new ones a day, each for a month.

Whoever may publish may invent devices and channels, and each is a row, however little it says. Far
more than any day's work of installing are turned away until tomorrow, counted and shown. Nothing
of a registered sensor is ever turned away, and what was written down before goes on as it was.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, delete, exists, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ingest.housekeeping import WAITING_FOR
from models.chunks import chunks
from models.gap import DeviceCount, Gap
from models.reading import Channel
from models.sensor import Device, Epoch
from models.store import Store
from models.times import to_ms
from models.turned_away import TurnedAway

log = logging.getLogger(__name__)

MOST_NEW_A_DAY = 20_000
CHANNELS_OF_ITS_OWN = 10  # more, for each device of the registry: a battery, a signal, a position
MOST_REMEMBERED = 500_000
MOST_FORGOTTEN = 5_000  # at one look: pages wait for that
DAY_MS = 86_400_000
_TURNED_AWAY = cast(Table, TurnedAway.__table__)

Place = tuple[str, str]
"""(device, channel)"""


class Strangers:
    """Counts the day's new names in memory: a restart begins anew, and nobody outside restarts us.

    What a failed transaction has counted stays counted.
    """

    def __init__(self) -> None:
        self._registered: Mapping[str, Any] = {}
        self._nodes: frozenset[str] = frozenset()
        self._day_ms = 0
        self._new: Counter[str] = Counter()
        self._written: set[Place] = set()
        self._turned: set[object] = set()
        self._names = self._readings = 0  # turned away since `save`
        self._last: Place = ("", "")

    def know(self, registered: Mapping[str, Any]) -> None:
        """Take over the devices that the registry names now."""
        self._registered = registered
        self._nodes = frozenset(one.rpartition("/")[0] for one in registered if "/" in one)

    def begin(self, now_ms: int) -> None:
        """A batch begins; with the first of a day, the day does."""
        day_ms = now_ms - now_ms % DAY_MS
        if day_ms != self._day_ms or len(self._written) > MOST_REMEMBERED:
            self._written = set()
        if day_ms != self._day_ms or len(self._turned) > MOST_REMEMBERED:
            self._turned = set()
        if day_ms != self._day_ms:
            self._day_ms, self._new = day_ms, Counter()

    def of_channels(self, session: Session, readings: Iterable[Place]) -> set[Place]:
        """Return which of the channels that nobody claimed are not to be written down."""
        heard = Counter(readings)
        self._look_up(session, heard.keys() - self._written - self._turned)
        away = set()
        for place in sorted(heard.keys() - self._written):
            if place not in self._turned and self._admits_channel(place[0]):
                self._written.add(place)
            else:
                self._turn_away(place, place)
                self._readings += heard[place]
                away.add(place)
        return away

    def admits_device(self, device: str) -> bool:
        """Whether a device that is new is written down."""
        if device in self._registered or self._has_room("devices", MOST_NEW_A_DAY):
            return True
        self._turn_away(device, (device, ""))
        return False

    def admits_sender(self, source: str) -> bool:
        """Whether it is followed what a sender counts that has not counted before."""
        known = source in self._registered or source in self._nodes
        return known or self._has_room("senders", MOST_NEW_A_DAY)

    def save(self, session: Session) -> None:
        """Write what was turned away; the caller commits."""
        if not self._readings and not self._names:
            return
        device, channel = self._last
        row = {
            "day_ms": self._day_ms,
            "names": self._names,
            "readings": self._readings,
            "device": device,
            "channel": channel,
        }
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        statement = dialect.insert(TurnedAway)
        more = {
            "names": _TURNED_AWAY.c.names + statement.excluded.names,
            "readings": _TURNED_AWAY.c.readings + statement.excluded.readings,
            "device": statement.excluded.device,
            "channel": statement.excluded.channel,
        }
        session.execute(statement.on_conflict_do_update(index_elements=["day_ms"], set_=more), row)
        self._names = self._readings = 0

    def _look_up(self, session: Session, places: Iterable[Place]) -> None:
        """Learn which of the channels are written down already."""
        mine = select(Channel.device, Channel.channel)
        for some in chunks(sorted(places), 200):
            rows = session.execute(mine.where(tuple_(Channel.device, Channel.channel).in_(some)))
            self._written.update((device, channel) for device, channel in rows)

    def _admits_channel(self, device: str) -> bool:
        if device in self._registered:
            most = MOST_NEW_A_DAY + CHANNELS_OF_ITS_OWN * len(self._registered)
            return self._has_room("own channels", most)
        return self._has_room("channels", MOST_NEW_A_DAY)

    def _has_room(self, kind: str, most: int) -> bool:
        if self._new[kind] >= most:
            return False
        self._new[kind] += 1
        return True

    def _turn_away(self, what: object, name: Place) -> None:
        if what in self._turned:
            return
        if not self._turned:
            log.warning("names=turned_away device=%r channel=%r", name[0][:200], name[1][:200])
        self._turned.add(what)
        self._names, self._last = self._names + 1, name


def forget(store: Store, now: datetime) -> None:
    """Let go of strangers of whom nothing was heard for a month; what they said is gone by then.

    They are looked for without the lock. The next look finds what this one leaves.
    """
    since = now - WAITING_FOR
    with store.reading() as session:
        found = _long_gone(session, since)
    if any(found):
        with store.writing() as session:
            _delete(session, since, *found)


def _long_gone(
    session: Session, since: datetime
) -> tuple[Sequence[Place], Sequence[str], Sequence[str]]:
    """Return channels, devices and senders that nobody registered, and that are quiet since."""
    channels = session.execute(
        select(Channel.device, Channel.channel)
        .where(~Channel.claimed, Channel.last_ms < to_ms(since), ~_is_named(Channel.device))
        .limit(MOST_FORGOTTEN)
    )
    devices = session.scalars(
        select(Device.code)
        .where(Device.heard_at < since, Device.name.is_(None), ~_is_named(Device.code))
        .limit(MOST_FORGOTTEN)
    )
    senders = session.scalars(
        select(DeviceCount.source)
        .where(DeviceCount.at_ms < to_ms(since), ~_is_named(DeviceCount.source))
        .where(~exists().where(Gap.source == DeviceCount.source))
        .limit(MOST_FORGOTTEN)
    ).all()
    nodes = _nodes_of(session) if any("/" in one for one in senders) else frozenset()
    return (
        [(device, channel) for device, channel in channels],
        devices.all(),
        [one for one in senders if one not in nodes],
    )


def _is_named(device: Any) -> ColumnElement[bool]:
    """Whether any epoch names a device, now or once."""
    return exists().where(Epoch.device == device)


def _nodes_of(session: Session) -> frozenset[str]:
    """Return who may count for devices of the registry, as Sparkplug's nodes do."""
    named = session.scalars(select(Epoch.device).where(Epoch.device.contains("/")).distinct())
    return frozenset(one.rpartition("/")[0] for one in named if one is not None)


def _delete(
    session: Session,
    since: datetime,
    channels: Sequence[Place],
    devices: Sequence[str],
    senders: Sequence[str],
) -> None:
    """Delete them, unless one has spoken since it was looked for."""
    place = tuple_(Channel.device, Channel.channel)
    for some in chunks(channels, 200):
        quiet = delete(Channel).where(~Channel.claimed, Channel.last_ms < to_ms(since))
        _execute(session, quiet.where(place.in_(some)))
    for codes in chunks(devices):
        _execute(session, delete(Device).where(Device.heard_at < since, Device.code.in_(codes)))
    for codes in chunks(senders):
        mine = delete(DeviceCount).where(DeviceCount.at_ms < to_ms(since))
        _execute(session, mine.where(DeviceCount.source.in_(codes)))


def _execute(session: Session, statement: Any) -> None:
    session.execute(statement.execution_options(synchronize_session=False))
