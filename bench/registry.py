"""A registry as large as a nation's, written straight into the tables.

A registry file of a million sensors would take its checks, events and memory; what is measured
here is what comes after. The tables are the real ones, and the rules come as a registry file.
"""

import hashlib
import shutil
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

import models.migrations.versions as versions
from bench.figures import BUILD
from models.migrate import upgrade
from models.people import machine
from models.pulse import bump
from models.registry import Site
from models.registry_file.load import load
from models.sensor import Epoch, Sensor
from models.store import Store

INSTALLED = datetime(2020, 1, 1, tzinfo=UTC)
AT_ONCE = 20_000
_CRACKS = {"quantity": "crack_width", "sites": None, "sensors": None}

RULES: tuple[Mapping[str, Any], ...] = (
    {
        "code": "WIDE",
        "kind": "threshold",
        "where": _CRACKS,
        "levels": [
            {"severity": "low", "raise_at": 1.0},
            {"severity": "medium", "raise_at": 2.0},
            {"severity": "high", "raise_at": 5.0, "latch": True},
        ],
        "deadband": 0.2,
        "on_delay": "2 samples",
        "off_delay": "6h",
    },
    {
        "code": "FAST",
        "kind": "rate",
        "where": _CRACKS,
        "window": "1h",
        "per": "day",
        "levels": [{"severity": "critical", "raise_at": 100}],
        "on_delay": "3 samples",
    },
    {
        "code": "SILENT",
        "kind": "silence",
        "where": _CRACKS,
        "levels": [{"severity": "low"}],
    },
)
"""Three for each sensor: limits with a deadband and delays, a slope over an hour, and silence."""


def fill(store: Store, sites: int, sensors: int, channels: int) -> None:
    """Bring an empty database to the schema, and to so many sites of so many crack meters each.

    A device has so many `channels`, each of which is one of the meters.
    """
    upgrade(store)
    with store.writing() as session:
        load(session, {"sites": [], "rules": list(RULES)}, by=machine("system"), now=INSTALLED)
        for table, rows in _rows(sites, sensors, channels):
            _write(session, table, rows)
        bump(session, registry=True)


def _rows(
    sites: int, sensors: int, channels: int
) -> Iterator[tuple[Any, Iterator[dict[str, Any]]]]:
    places = [uuid.uuid4() for _ in range(sites)]
    meters = [uuid.uuid4() for _ in range(sites * sensors)]
    yield Site.__table__, (_site(number, id) for number, id in enumerate(places))
    yield (
        Sensor.__table__,
        (_sensor(key, id, places[key // sensors], key % sensors) for key, id in enumerate(meters)),
    )
    yield (
        Epoch.__table__,
        (_epoch(id, key // sensors, key % sensors, channels) for key, id in enumerate(meters)),
    )


def _site(number: int, id: uuid.UUID) -> dict[str, Any]:
    name = {"zh": f"第 {number} 处", "en": f"Site {number}"}
    return {"id": id, "code": f"s{number:05d}", "name": name, "protection_level": "national"}


def _sensor(number: int, id: uuid.UUID, site: uuid.UUID, channel: int) -> dict[str, Any]:
    # The generator counts from 0, keys begin at 1.
    return {
        "id": id,
        "key": number + 1,
        "site_id": site,
        "code": f"C-{channel:03d}",
        "quantity": "crack_width",
        "unit": "mm",
        "interval_s": 60,
    }


def _epoch(sensor: uuid.UUID, site: int, channel: int, channels: int) -> dict[str, Any]:
    device = f"d-{site:05d}-{channel // channels:03d}"
    place = {"device": device, "channel": f"c{channel:03d}"}
    return {"sensor_id": sensor, "kind": "install", "since": INSTALLED, **place}


def _write(session: Session, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    while some := list(islice(rows, AT_ONCE)):
        session.execute(insert(table), some)


def sqlite_copy(folder: Path, sites: int, sensors: int, channels: int) -> str:
    """Return the URL of a fresh SQLite database with that registry; made once, then copied."""
    schema = _schema()
    template = BUILD / f"registry-{sites}x{sensors}x{channels}-{schema}.db"
    if not template.exists():
        _forget_all_but(schema)
        BUILD.mkdir(parents=True, exist_ok=True)
        growing = template.with_suffix(".part")
        growing.unlink(missing_ok=True)
        store = Store(f"sqlite+pysqlite:///{growing}", BUILD, durable=False)
        fill(store, sites, sensors, channels)
        with store.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        growing.rename(template)
    copy = folder / "ridgewatch.db"
    shutil.copyfile(template, copy)
    return f"sqlite+pysqlite:///{copy}"


def _forget_all_but(schema: str) -> None:
    """Throw templates of an older schema or of other rules away: some are large."""
    for path in BUILD.glob("registry-*.db*"):
        if f"-{schema}." not in path.name:
            path.unlink()


def _schema() -> str:
    """Return a digest of the schema and of this file."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(Path(versions.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
