"""One row whose numbers rise when anything changes: open pages poll it, processes reload by it."""

from typing import Any, cast

from sqlalchemy import BigInteger, CursorResult, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base


class Pulse(Base):
    """`state` rises with every event and batch; `bindings` when epochs or rules change."""

    __tablename__ = "pulse"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[int] = mapped_column(BigInteger, default=0)
    bindings: Mapped[int] = mapped_column(BigInteger, default=0)


def bump(session: Session, registry: bool = False) -> None:
    """Say that something changed; the caller commits. Makes the row where there is none."""
    values = {"state": Pulse.state + 1}
    if registry:
        values["bindings"] = Pulse.bindings + 1
    changed = session.execute(
        update(Pulse)
        .where(Pulse.id == 1)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", changed).rowcount == 0:
        session.add(Pulse(id=1, state=1, bindings=int(registry)))
        session.flush()


def state_version(session: Session) -> int:
    """Return the number that rises with every change."""
    return session.scalar(select(Pulse.state).where(Pulse.id == 1)) or 0


def registry_version(session: Session) -> int:
    """Return the number that rises when bindings, epochs or rules change."""
    return session.scalar(select(Pulse.bindings).where(Pulse.id == 1)) or 0
