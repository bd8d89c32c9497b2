"""Days on which more names were invented than are written down: shown to whoever may look why."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.times import to_ms

LATELY = timedelta(days=2)


class TurnedAway(Base):
    """What was turned away on one day, UTC; see `ingest.strangers`."""

    __tablename__ = "turned_away"

    day_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    names: Mapped[int] = mapped_column(BigInteger)  # of devices and channels
    readings: Mapped[int] = mapped_column(BigInteger)  # of theirs, which were not kept
    device: Mapped[str]  # the last of them, to find out who it is
    channel: Mapped[str]


def turned_away_lately(session: Session, now: datetime) -> TurnedAway | None:
    """Return the newest day's, if that is today or yesterday."""
    newest = select(TurnedAway).where(TurnedAway.day_ms > to_ms(now - LATELY))
    return session.scalars(newest.order_by(TurnedAway.day_ms.desc()).limit(1)).first()


def turned_away_in_all(session: Session) -> tuple[int, int]:
    """Return how many names, and readings of theirs."""
    sums = (
        func.coalesce(func.sum(TurnedAway.names), 0),
        func.coalesce(func.sum(TurnedAway.readings), 0),
    )
    names, readings = session.execute(select(*sums)).one()
    return int(names), int(readings)
