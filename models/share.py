"""Deals devices to ingesters: into how many shares, which one a device is in, and who owns it.

The owner of a share counts its row up in each of its transactions. Whoever looks on measures by
his own monotonic time for how long it has stood still: no clock is compared with another
machine's, and none that is set takes a share from anybody. PostgreSQL only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import BigInteger, delete, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.heartbeat import Heartbeat
from models.reading import FormatFact

STILL_FOR = timedelta(seconds=5)
"""So long a row stands still before others take its owner for hung."""
Question = Callable[[str], bool]  # of a holder: has it certainly ended?
Stillness = Callable[[str, int], timedelta]  # for how long has this name shown this number?


class ShareLost(Exception):
    """Another owns the share by now: nothing of this transaction may be kept."""


class Dealing(Base):
    """Into how many shares devices are dealt, in one row, and the change to another number.

    `drained`: shares of which the broker holds nothing more; NULL until it keeps messages for
    the next number too.
    """

    __tablename__ = "dealing"

    id: Mapped[int] = mapped_column(primary_key=True)
    shares: Mapped[int]
    next: Mapped[int | None]
    drained: Mapped[list[Any] | None]


class Share(Base):
    """Who owns a share; the token fences off an owner that slept. A row is never deleted."""

    __tablename__ = "share"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[str | None]
    token: Mapped[int]
    beats: Mapped[int] = mapped_column(BigInteger)


class Ingester(Base):
    """A process that takes shares: each living one gets its part."""

    __tablename__ = "ingester"

    holder: Mapped[str] = mapped_column(primary_key=True)
    beats: Mapped[int] = mapped_column(BigInteger)


def share_of(device: str, shares: int) -> int:
    """Return the number of a device's share, from 0. The same for ever, on every machine."""
    if shares == 1:
        return 0
    digest = blake2b(device.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) % shares


def role_of(number: int) -> str:
    """Return the role under which a share's owner beats: `ingest`, `ingest/1`, …"""
    return f"ingest/{number}" if number else "ingest"


def number_of(role: str) -> int:
    """Return the number of the share whose owner beats under a role."""
    return int(role.partition("/")[2] or 0)


def shares_agreed(session: Session) -> int:
    """Return into how many shares the devices are dealt."""
    return session.scalar(select(Dealing.shares).where(Dealing.id == 1)) or 1


# One that is stopped while it deals must not keep the others from dealing.
_SHORT = text("SELECT set_config('idle_in_transaction_session_timeout', :idle_ms, true)")


def dealing(session: Session) -> Dealing:
    """Return the row, locked until the caller commits; one share before anybody has said more."""
    session.execute(_SHORT, {"idle_ms": _in_ms(STILL_FOR)})
    values = {"id": 1, "shares": 1}
    session.execute(insert(Dealing).on_conflict_do_nothing(), values)
    return session.scalars(select(Dealing).where(Dealing.id == 1).with_for_update()).one()


def finish_change(session: Session, row: Dealing) -> None:
    """Deal by the next number from now on: the old sessions hold nothing more."""
    assert row.next is not None
    row.shares, row.next, row.drained = row.next, None, None
    _teach(session, row.shares)
    for beat in session.scalars(select(Heartbeat).where(Heartbeat.role.startswith("ingest/"))):
        if number_of(beat.role) >= row.shares:
            session.delete(beat)


def _teach(session: Session, shares: int) -> None:
    """Let each new share know what messages have taught: of that all the old ones know the same."""
    session.execute(delete(FormatFact).where(FormatFact.share > 0))
    for number in range(1, shares):
        known = select(literal(number), FormatFact.key, FormatFact.fact)
        session.execute(
            insert(FormatFact).from_select(
                ["share", "key", "fact"], known.where(FormatFact.share == 0)
            )
        )


def join(session: Session, holder: str, gone: Question, still: Stillness) -> int:
    """Be one of the ingesters for another while; return how many there are. The caller commits."""
    mine = insert(Ingester).on_conflict_do_update(
        index_elements=["holder"], set_={"beats": Ingester.beats + 1}
    )
    session.execute(mine, {"holder": holder, "beats": 1})
    living = 0
    for row in session.scalars(select(Ingester)).all():
        if row.holder == holder or not (gone(row.holder) or _stands(still, row.holder, row.beats)):
            living += 1
        else:
            leave(session, row.holder)  # one that only slept joins again
    return living


def leave(session: Session, holder: str) -> None:
    """Be no ingester any more; the caller commits."""
    session.execute(delete(Ingester).where(Ingester.holder == holder))


def look(session: Session, still: Stillness) -> None:
    """See how far each share has counted, so that one that stops is known at once for how long."""
    for number, beats in session.execute(select(Share.number, Share.beats)):
        still(_name(number), beats)


def take_share(
    session: Session, number: int, holder: str, gone: Question, still: Stillness
) -> int | None:
    """Take a share that nobody holds; return its fencing token, None where it is held.

    A row that is locked is in use, and not waited for. The caller commits.
    """
    row = _free(session, number, gone, still)
    if row is None:
        return None
    row.holder, row.token, row.beats = holder, row.token + 1, row.beats + 1
    return row.token


def are_free(session: Session, shares: int, gone: Question, still: Stillness) -> bool:
    """Whether nobody holds any of the shares; they stay so until the caller's commit."""
    return all([_free(session, number, gone, still) is not None for number in range(shares)])


def _free(session: Session, number: int, gone: Question, still: Stillness) -> Share | None:
    beats = session.scalar(select(Share.beats).where(Share.number == number))
    if beats is None:  # an insert waits for whoever holds the row: only where there is none
        new = {"number": number, "token": 0, "beats": 0}
        session.execute(insert(Share).on_conflict_do_nothing(), new)
    mine = select(Share).where(Share.number == number).execution_options(populate_existing=True)
    row = session.scalars(mine.with_for_update(skip_locked=True)).first()
    name = _name(number)
    if row is None:
        if _stands(still, name, beats or 0):
            _end_stuck(session, number)
        return None
    if row.holder is None or gone(row.holder) or _stands(still, name, row.beats):
        return row
    return None


def _name(number: int) -> str:
    return f"share/{number}"


def _stands(still: Stillness, name: str, beats: int) -> bool:
    return still(name, beats) >= STILL_FOR


# In the middle of a statement (COPY, a long answer) the server waits for its client for ever: no
# timeout of its own ends that, but another may. `state_change` is when the statement began.
_END_STUCK = text(
    "SELECT pg_terminate_backend(a.pid) FROM share s"
    " JOIN pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = s.xmax"
    " JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE s.number = :number AND a.state = 'active' AND a.wait_event_type = 'Client'"
    " AND a.state_change < clock_timestamp() - make_interval(secs => :still_s)"
)


def _end_stuck(session: Session, number: int) -> None:
    """End the transaction of an owner that was stopped while the database spoke with it."""
    session.execute(_END_STUCK, {"number": number, "still_s": STILL_FOR.total_seconds()})


_FENCE = text(
    "UPDATE share SET beats = beats + 1 WHERE number = :number AND token = :token"
    " RETURNING (SELECT bindings FROM pulse WHERE id = 1),"
    " set_config('idle_in_transaction_session_timeout', :idle_ms, true)"
)


def fence(session: Session, number: int, token: int, idle: timedelta = STILL_FOR) -> int:
    """Lock one's share to the end of the transaction. Raises ShareLost.

    Returns the version of the registry, which every transaction asks for next: so the fence is a
    statement in place of another, and not one more.

    To be asked first in every transaction of the owner: whoever wants to take the share finds it
    locked, or the owner finds another token. An owner that is stopped in between would lock it for
    as long: the database ends such a transaction when it has waited `idle` for the next statement.
    """
    told = {"number": number, "token": token, "idle_ms": _in_ms(idle)}
    kept = session.execute(_FENCE, told).first()
    if kept is None:
        raise ShareLost(f"share {number}, token {token}")
    return kept[0] or 0


def _in_ms(span: timedelta) -> str:
    return str(round(span.total_seconds() * 1000))


def share_numbers(session: Session) -> list[int]:
    """Return the numbers of all shares that were ever dealt."""
    return list(session.scalars(select(Share.number).order_by(Share.number)))


def wait_for_owner(session: Session, number: int) -> None:
    """Wait until the owner's transaction has ended; the next sees all that is committed by now.

    It finds the share locked until the caller's commit.
    """
    session.execute(select(Share.token).where(Share.number == number).with_for_update())


def let_go(session: Session, number: int, token: int) -> None:
    """Give a share back at an orderly stop: the next need not wait. The caller commits."""
    session.execute(
        text("UPDATE share SET holder = NULL WHERE number = :number AND token = :token"),
        {"number": number, "token": token},
    )
