"""What a reading takes on the disk, once it lies where it stays.

1,000 sensors speak once a minute, each at its own second; rows come in that order, as they do in
life, are stored as the ingester does it, and moved when their hour is over; PostgreSQL cleans up
after each. The last hour is still open at the end. Beside it, on PostgreSQL, stands the table that
one would make without thinking: sensor, time, value, quality, and an index over the first two.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from bench.figures import Figure
from bench.installation import Server, scratch, server
from bench.options import Options
from ingest.moving import close_hours
from ingest.rollups import keep
from ingest.storing import Row
from models.migrate import upgrade
from models.store import Store
from models.times import from_ms

SENSORS, READINGS = 1000, 1_000_000
BEGINS_MS = 1_647_820_800_000
MOST_BYTES, MOST_OF_PLAIN = 30, 0.5

PLAIN = "create table plain (sensor int, at timestamptz, value double precision, quality smallint)"
OURS = """
select sum(pg_total_relation_size(oid)) from pg_class
where relkind = 'r' and relname like 'reading%'
"""
PLAIN_ROWS = f"""
insert into plain select sensor,
    to_timestamp(({BEGINS_MS} + minute * 60000 + sensor * 59) / 1000.0),
    0.5 + (sensor + minute) %% 89 / 1000.0, 1
from generate_series(0, %s / {SENSORS} - 1) minute, generate_series(1, {SENSORS}) sensor
"""


def measure(options: Options) -> Iterator[Figure]:
    """Yield bytes a reading on both databases."""
    readings = (options.readings or READINGS) // SENSORS * SENSORS
    with scratch() as folder:
        ours = on_sqlite(folder, readings)
        yield Figure("at rest on SQLite, a reading", ours, "bytes", at_most=MOST_BYTES)
        with server() as cluster:
            kept, plain = on_postgres(cluster, folder, readings)
    yield Figure(
        "at rest on PostgreSQL, a reading",
        kept,
        "bytes",
        plain,
        "in a plain row table there",
        at_most=MOST_OF_PLAIN,
    )
    yield Figure("SQLite's beside it", ours, "bytes", plain, "in a plain row table of PostgreSQL")


def on_sqlite(folder: Path, readings: int) -> float:
    """Return by how many bytes the file grows with each reading."""
    path = folder / "ridgewatch.db"
    store = Store(f"sqlite+pysqlite:///{path}", folder, durable=False)
    upgrade(store)
    _truncate(store)
    before = path.stat().st_size
    _fill(store, readings)
    _truncate(store)
    store.close()
    return (path.stat().st_size - before) / readings


def on_postgres(cluster: Server, folder: Path, readings: int) -> tuple[float, float]:
    """Return bytes a reading of ours, and of the plain table, with indexes."""
    url = cluster.url(cluster.create())
    store = Store(url, folder)
    upgrade(store)
    _fill(store, readings)
    ours = cluster.ask(url, OURS)
    with store.writing() as session:
        connection = session.connection()
        connection.exec_driver_sql(PLAIN)
        connection.exec_driver_sql(PLAIN_ROWS, (readings,))
        connection.exec_driver_sql("create index on plain (sensor, at)")
    plain = cluster.ask(url, "select pg_total_relation_size('plain')")
    store.close()
    return ours / readings, plain / readings


def _fill(store: Store, readings: int) -> None:
    for minute in range(readings // SENSORS):
        begins_ms = BEGINS_MS + minute * 60_000
        with store.writing() as session:
            keep(session, {}, list(_rows(minute, begins_ms)))
        close_hours(store, from_ms(begins_ms) + timedelta(minutes=1))
        if minute % 60 == 0 and not store.is_sqlite:
            _vacuum(store)


def _vacuum(store: Store) -> None:
    """Make the room of moved rows usable again: once an hour, as PostgreSQL does it by itself.

    Here hours pass in seconds, in which its own cleaner does not get to it.
    """
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM reading_recent")


def _rows(minute: int, begins_ms: int) -> Iterator[Row]:
    for sensor in range(1, SENSORS + 1):
        at_ms = begins_ms + sensor * 59
        yield Row.of(sensor, at_ms, 0.5 + (sensor + minute) % 89 / 1000, 1, None, at_ms)


def _truncate(store: Store) -> None:
    with store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
