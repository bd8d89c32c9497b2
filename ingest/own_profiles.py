"""Takes the installation's own device profiles into use; what waited for them is read once more."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.formats.memory import Memory
from ingest.formats.profiles import SHIPPED, Profile, Profiles, load_profile
from ingest.formats.retold import profile_of
from ingest.work_role import Task
from models.device_profile import PROFILE_ADDED, profiles_in_use
from models.errors import BadInput
from models.pulse import bump, registry_version
from models.reading import Channel, WaitingReading
from models.units import canonical_unit, to_canonical

log = logging.getLogger(__name__)


class OwnProfiles:
    """Reads the profiles anew when the registry has changed."""

    def __init__(self) -> None:
        self._version: int | None = None

    def recall(self, session: Session, memory: Memory) -> None:
        """Let the memory know the profiles in use."""
        version = registry_version(session)
        if version != self._version:
            memory.profiles = load(session)
            self._version = version


def load(session: Session) -> Profiles:
    """Return the shipped profiles with the installation's own before them."""
    own: list[Profile] = []
    for row in profiles_in_use(session):
        try:
            own.append(load_profile(row.document, row.code))
        except BadInput:  # of another version of ours; its devices are read as without it
            log.error("profile=%s unreadable=1", row.code)
    return SHIPPED.with_more(own)


def read_waiting(task: Task) -> Mapping[str, Any]:
    """Give channels that nobody has claimed the meaning that a new profile tells of them."""
    with task.store.writing() as session:
        profiles = load(session).by_pattern
        told = 0
        rows = session.scalars(select(Channel).where(~Channel.claimed, Channel.unit.is_(None)))
        for channel in rows.all():
            profile = profile_of(channel.device, profiles)
            if profile is not None and channel.channel in profile.fields:
                told += _tell(session, channel, profile)
        bump(session)
    return {"channels": told}


def _tell(session: Session, channel: Channel, profile: Profile) -> int:
    """Read a channel's waiting numbers, which were kept as they were sent, by their meaning."""
    meaning = profile.fields[channel.channel]
    if meaning.quantity is None:
        return 0
    unit = canonical_unit(meaning.quantity)

    def read(sent: float | None) -> float | None:
        if sent is None or sent in meaning.sentinels:
            return None
        return to_canonical(sent * meaning.scale, meaning.unit, meaning.quantity or "")

    waiting = select(WaitingReading).where(
        WaitingReading.device == channel.device,
        WaitingReading.channel == channel.channel,
        WaitingReading.unit.is_(None),
    )
    for one in session.scalars(waiting):
        one.value, one.unit = read(one.value), unit
    channel.last_value = read(channel.last_value)
    channel.quantity, channel.unit = meaning.quantity, unit
    return 1


HANDLERS = {PROFILE_ADDED: read_waiting}
