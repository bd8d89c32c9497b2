"""Writes a batch's rows in few statements: readings, what waits, what was refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from itertools import chain
from typing import Any, NamedTuple, cast

import psycopg
from sqlalchemy import Table, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ingest.message import Message
from models.chunks import chunks
from models.packed import Stored
from models.reading import Channel, Quarantined, RecentReading, WaitingReading, second_of
from models.reasons import Reason
from models.times import from_ms

_RECENT = cast(Table, RecentReading.__table__)
_QUARANTINED = cast(Table, Quarantined.__table__)
# SQLite's driver lets the other threads go on at each statement, and then waits for them: beside a
# busy receiver a row with a statement of its own took six times as long.
ROWS_A_STATEMENT = (500, 50)
LATE_MS = 60_000  # a reading that came later than this after its time carries its arrival


class Refused(NamedTuple):
    """A message to be kept whole, and why. `is_told_once`: its bytes again are no other message."""

    message: Message
    why: Reason
    is_told_once: bool = False

    @property
    def digest(self) -> bytes | None:
        """Return what it has in common with the same message that came before."""
        if not self.is_told_once:
            return None
        told = f"{self.message.topic}\0{self.message.device or ''}\0{self.why.code}\0"
        digest = blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16)
        digest.update(self.message.payload)
        return digest.digest()


class Row(NamedTuple):
    """A reading on its way to the table `reading_recent`: its columns, in their order."""

    end_s: int
    sensor: int
    at_ms: int
    value: float | None
    quality: int
    raw: float | None
    late_ms: int | None  # when it arrived, where that was late

    @classmethod
    def of(
        cls,
        sensor: int,
        at_ms: int,
        value: float | None,
        quality: int,
        raw: float | None,
        arrived_ms: int,
    ) -> Row:
        """Return the row of a reading that arrived at an instant."""
        late_ms = arrived_ms if arrived_ms - at_ms > LATE_MS else None
        # One is made for each reading: not by way of the class's own `__new__`, which takes twice
        # as long.
        columns = (second_of(at_ms), sensor, at_ms, value, quality, raw, late_ms)
        return tuple.__new__(cls, columns)

    def stored(self) -> Stored:
        """Return it as it is kept."""
        return Stored(*self[2:])


class Rows(list[Row]):
    """The rows of a batch, no two of one sensor and instant.

    Few batches ask which there are: those that tell of a time twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[int, int], Row] = {}
        self._looked_at = 0

    def of(self, sensor: int, at_ms: int) -> Row | None:
        """Return a sensor's row of an instant, if there is one."""
        for row in self[self._looked_at :]:
            self._known[row.sensor, row.at_ms] = row
        self._looked_at = len(self)
        return self._known.get((sensor, at_ms))


def write_many(session: Session, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write tuples with a statement of the driver's own: a batch's readings and states.

    Going through the statement compiler, a row cost three times as much.
    """
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(statement.replace("?", "%s"), list(rows))
        return
    left: Sequence[tuple[Any, ...]] = rows
    for size in ROWS_A_STATEMENT:
        whole = len(left) - len(left) % size
        for some in chunks(left[:whole], size):
            many = _of_many(statement, len(some[0]), size)
            connection.exec_driver_sql(many, tuple(chain.from_iterable(some)))
        left = left[whole:]
    if left:
        connection.exec_driver_sql(statement, list(left))


@cache
def _of_many(statement: str, columns: int, rows: int) -> str:
    """Return the statement of `insert_rows` that writes so many rows at once."""
    one = f"({', '.join('?' * columns)})"
    return statement.replace(one, ", ".join([one] * rows), 1)


@cache
def insert_rows(table: Table) -> str:
    """Return the statement that writes whole rows, in the order of the table's columns."""
    names = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) VALUES ({_marks(table)})"


@cache
def insert_or_replace(table: Table, key: str) -> str:
    """Return the statement that writes whole rows, each in place of the one with its key."""
    changes = ", ".join(f"{c.name} = excluded.{c.name}" for c in table.columns if c.name != key)
    return f"{insert_rows(table)} ON CONFLICT ({key}) DO UPDATE SET {changes}"


def _marks(table: Table) -> str:
    return ", ".join("?" for _ in table.columns)


def upsert(
    session: Session,
    table: Any,
    rows: Sequence[Mapping[str, Any]],
    key: Sequence[str],
    keep: Iterable[str] = (),
) -> None:
    """Insert rows, or replace all their other columns but `keep` where the key is there."""
    if not rows:
        return
    spared = (*key, *keep)
    changed = tuple(name for name in rows[0] if name not in spared)
    statement = _upsert(session.get_bind().dialect.name, table.__table__, tuple(key), changed)
    session.execute(statement, list(rows))


# Building a statement took a third of the time of a transaction with one message in it.
@cache
def _upsert(dialect: str, target: Table, key: tuple[str, ...], changed: tuple[str, ...]) -> Any:
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(target)
    new = {name: statement.excluded[name] for name in changed}
    return statement.on_conflict_do_update(index_elements=key, set_=new)


def insert_recent(session: Session, rows: Collection[Row]) -> None:
    """Insert readings of open hours that are known to be new, in the order of the table."""
    in_order = sorted(rows)  # by second, sensor and instant, of which no two are alike
    if session.get_bind().dialect.name == "postgresql":
        _copy(session, _RECENT, in_order)
    else:
        write_many(session, insert_rows(_RECENT), in_order)


def _copy(session: Session, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows by COPY; what goes wrong is told as of any other statement."""
    if not rows:
        return
    connection = session.connection()
    driver: Any = connection.connection.driver_connection
    names = ", ".join(column.name for column in table.columns)
    statement = f"COPY {table.name} ({names}) FROM STDIN"
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as fault:
        raise DBAPIError.instance(
            statement, None, fault, psycopg.Error, dialect=connection.dialect
        ) from fault


def quarantine(session: Session, refused: Sequence[Refused]) -> None:
    """Keep messages whole, with their reasons; one that is there already is counted."""
    if not refused:
        return
    rows = [
        {
            "received_at": from_ms(one.message.received_ms),
            "topic": _storable(one.message.topic[:4096]),
            "payload": one.message.payload,
            "qos": one.message.qos,
            "retain": one.message.retain,
            "source": one.message.source,
            "client": _storable(one.message.client),
            "device": one.message.device,
            "reason": one.why.to_json(),
            "same": one.digest,
        }
        for one in refused
    ]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(_QUARANTINED)
    again = {"times": _QUARANTINED.c.times + 1}
    session.execute(statement.on_conflict_do_update(index_elements=["same"], set_=again), rows)


def _storable(text: str) -> str:
    """Return a text that both databases take: without NUL and without half a surrogate."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{SYMBOL FOR NULL}")


def keep_waiting(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep readings of unclaimed channels; of two at one instant the first stays."""
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(WaitingReading.__table__)
    session.execute(
        statement.on_conflict_do_nothing(index_elements=["device", "channel", "at_ms"]), list(rows)
    )


def note_channels(session: Session, heard: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """Write when each channel was heard, and what it said last."""
    if not heard:
        return
    rows = [
        {"device": device, "channel": channel, **values}
        for (device, channel), values in sorted(heard.items())
    ]
    session.execute(_note_channels(session.get_bind().dialect.name), rows)


@cache
def _note_channels(dialect: str) -> Any:
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(Channel.__table__)
    excluded = statement.excluded
    changes = {
        "last_ms": excluded.last_ms,
        "last_value": excluded.last_value,
        "quantity": func.coalesce(excluded.quantity, Channel.__table__.c.quantity),
        "unit": func.coalesce(excluded.unit, Channel.__table__.c.unit),
        "claimed": excluded.claimed,
        "topic": excluded.topic,
        "count": Channel.__table__.c["count"] + excluded.count,
    }
    return statement.on_conflict_do_update(index_elements=["device", "channel"], set_=changes)
