"""kill -9 during the nation's load, again and again: is all that was acknowledged on the disk?

The publishers come back and send again what was not acknowledged, as the protocol wants. Compared
are the generator's own records, reading by reading: nothing acknowledged may lack, nothing may be
there that was not sent, and a sensor has one row for an instant.
"""

import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from bench.figures import Figure
from bench.generator import Load, begin, result, sized
from bench.installation import Installation, ingester, tables
from bench.options import Options

# Starts are what there is most of here, and each reads all sensors: fewer of them, unless told.
SITES, SENSORS, KILLS, EVERY_S = 5058, 4, 20, 3.0
PER_SECOND, WINDOW, FOR_EVER = 17_000, 16, 10**9
_RECORD = struct.Struct("<IQ")

Key = tuple[int, int]  # sensor, ms


def measure(options: Options) -> Iterator[Figure]:
    """Yield what is lost, made up, and how long the publishers waited."""
    size = sized(options, SITES, SENSORS)
    kills = options.kills or KILLS
    with ingester(*size) as installation:
        said = installation.folder / "acknowledged"
        heard = installation.folder / "sent"
        sending = begin(
            installation.port,
            Load(*size, FOR_EVER, PER_SECOND, WINDOW),
            acknowledged=said,
            sent=heard,
            reconnects=True,
        )
        for _ in range(kills):
            time.sleep(EVERY_S)
            assert installation.process is not None and sending.poll() is None
            installation.process.kill()
            installation.start()
        time.sleep(EVERY_S)
        sending.send_signal(signal.SIGINT)
        sent = result(sending)
        stored = everything(installation)
        acknowledged, attempted = recorded(said), recorded(heard)
    print(f"  {kills} kills, {sent}")
    yield Figure("kill -9 under load", kills, "times", at_least=KILLS)
    yield Figure("acknowledged, by the publishers' records", len(acknowledged), "readings")
    yield Figure("of them not stored", len(acknowledged - stored), "readings", at_most=0)
    yield Figure("stored and never sent", len(stored - attempted), "readings", at_most=0)
    took_s = installation.started_in_s
    yield Figure("from the last start to the first reading committed", took_s, "s")


def recorded(path: Path) -> set[Key]:
    """Read a file of the generator's; its sensors count from 0, the registry's keys from 1."""
    return {(sensor + 1, at_ms) for sensor, at_ms in _RECORD.iter_unpack(path.read_bytes())}


def everything(installation: Installation) -> set[Key]:
    """Return all readings that are stored. Raises AssertionError where one is there twice."""
    found: set[Key] = set()
    rows = 0
    with installation.store.reading() as session:
        for table in tables():
            keys = session.execute(select(table.c.sensor, table.c.at_ms)).tuples().all()
            rows += len(keys)
            found.update((sensor, at_ms) for sensor, at_ms in keys)
    assert rows == len(found), f"{rows - len(found)} readings are stored twice"
    return found
