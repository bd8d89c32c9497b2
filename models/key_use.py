"""What the receiver has seen of each key: who is connected, who was refused, who had to wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.clock import machine_now
from models.people import DeviceKey


class KeyUse(Base):
    """The use of the key of this name, as the ingester last told it; machine time."""

    __tablename__ = "device_key_use"

    name: Mapped[str] = mapped_column(primary_key=True)
    used_at: Mapped[datetime | None]
    new_used_at: Mapped[datetime | None]  # the last time that somebody came with its secret
    old_used_at: Mapped[datetime | None]  # … and with the one that a rotation has replaced
    connected: Mapped[int] = mapped_column(default=0)
    messages: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)  # under a topic that the key does not cover
    slowed_ms: Mapped[int] = mapped_column(default=0)  # waited, because it sent too fast
    turned_away: Mapped[int] = mapped_column(default=0)  # came with a wrong secret


@dataclass(frozen=True, slots=True)
class Seen:
    """What is new about a key since it was last told; `connected` is how many are there now."""

    connected: int
    used: bool = False
    new_used: bool = False
    old_used: bool = False
    messages: int = 0
    refused: int = 0
    slowed_ms: int = 0
    turned_away: int = 0


def note_use(session: Session, seen: Mapping[str, Seen]) -> None:
    """Add what is new; whoever comes under a name that no key has leaves no row. Caller commits."""
    now = machine_now()
    keys = set(session.scalars(select(DeviceKey.name).where(DeviceKey.name.in_(list(seen)))))
    rows = {
        row.name: row for row in session.scalars(select(KeyUse).where(KeyUse.name.in_(list(seen))))
    }
    for name in sorted(keys):
        new = seen[name]
        row = rows.get(name)
        if row is None:
            row = KeyUse(name=name, messages=0, refused=0, slowed_ms=0, turned_away=0)
            session.add(row)
        row.connected = new.connected
        row.used_at = now if new.used else row.used_at
        row.new_used_at = now if new.new_used else row.new_used_at
        row.old_used_at = now if new.old_used else row.old_used_at
        row.messages += new.messages
        row.refused += new.refused
        row.slowed_ms += new.slowed_ms
        row.turned_away += new.turned_away


def nobody_is_connected(session: Session) -> None:
    """A receiver starts: whoever was connected to the one before is not. The caller commits."""
    session.execute(update(KeyUse).where(KeyUse.connected != 0).values(connected=0))


def is_new_secret_used(session: Session, key: DeviceKey) -> bool:
    """Whether somebody has come with the secret that the last rotation made."""
    use = session.get(KeyUse, key.name)
    since = key.rotated_at
    return use is not None and bool(use.new_used_at and since and use.new_used_at >= since)


def uses(session: Session) -> dict[str, KeyUse]:
    """Return the use of every key, by name."""
    return {row.name: row for row in session.scalars(select(KeyUse))}
