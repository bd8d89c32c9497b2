"""A year's chart of one sensor among millions of readings, and the latest of 1,000 sensors.

Some sensors have a year of readings, one a minute, with their hours and days; `--readings
50000000` is the issue's size (95 such sensors). Hours are packed by the product's own code and
written in the tables' own order: how they come there is `nation`'s and `flat_out`'s question.
"""

import gc
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from bench.figures import Figure, share
from bench.installation import scratch
from bench.options import Options
from ingest.moving import count_as_moved
from models.bars import Bar, of_hours, of_readings
from models.chart import line
from models.migrate import upgrade
from models.packed import Stored, pack
from models.reading import DAY_S, HOUR_S, ReadingHour, Rollup
from models.readings import latest
from models.registry_file.load import load
from models.sensor import Sensor
from models.store import Store
from models.stored import HOUR_MS
from models.times import to_ms
from tests.models.house import NOW
from tests.webapp.cast import SYSTEM
from tests.webapp.conftest import app_on
from tests.webapp.world import registry
from tests.webapp.yard import Yard

READINGS, YEAR_MINUTES, SENSORS_A_SITE, TIMES = 5_000_000, 525_600, 335, 50
LATEST_OF = 1000
YEAR = timedelta(days=365)
MOST_DATA_MS, MOST_PAGE_MS, MOST_LATEST_MS = 20, 150, 10

STATES = """
insert into sensor_state (sensor, heard_ms, at_ms, value, quality)
select key, :now_ms, :now_ms, 1.4, 1 from sensor
"""


def measure(options: Options) -> Iterator[Figure]:
    """Seed, ask, and yield how long the answers take."""
    years = max(1, (options.readings or READINGS) // YEAR_MINUTES)
    with scratch() as folder:
        store = Store(f"sqlite+pysqlite:///{folder}/ridgewatch.db", folder)
        upgrade(store)
        yard = Yard(app_on(store), store)
        begun = time.perf_counter()
        code = seed(store, years)
        print(
            f"  {years * YEAR_MINUTES:,} readings of {years} sensors among {3 * SENSORS_A_SITE},"
            f" made in {time.perf_counter() - begun:.0f} s; {TIMES} times each"
        )
        gc.freeze()  # as `ridgewatch web` does
        yield from asked(yard, code)
        store.close()


def seed(store: Store, years: int) -> str:
    """Write so many sensors' years; return the code of one in the middle of them."""
    document = registry(SENSORS_A_SITE)
    for site in document["sites"]:
        for sensor in _sensors(site):
            sensor["interval_s"] = 60
    with store.writing() as session:
        load(session, document, by=SYSTEM, now=NOW - YEAR - timedelta(days=1))
    with store.writing() as session:
        chosen = (
            session.query(Sensor)
            .filter(Sensor.site.has(code="tower"), Sensor.quantity == "crack_width")
            .order_by(Sensor.code)
            .limit(years)
            .all()
        )
        middle = chosen[len(chosen) // 2].code
        for key in sorted(sensor.key for sensor in chosen):
            write_year(session, key, to_ms(NOW) - YEAR_MINUTES * 60_000)
        count_as_moved(session, to_ms(NOW))
        session.execute(text(STATES), {"now_ms": to_ms(NOW)})
    store.checkpoint()
    return middle


def write_year(session: Session, key: int, begins_ms: int) -> None:
    """Write a year of minutes, every day like the other: packed hours, their rollups, and days."""
    hours = [_hour(key, hour) for hour in range(24)]
    rollups, packed = [], []
    for hour in range(YEAR_MINUTES // 60):
        end_ms = begins_ms + (hour + 1) * HOUR_MS
        kept, bar = hours[hour % 24]
        packed.append({"end_ms": end_ms, "sensor": key, "packed": kept})
        rollups.append(_rollup(key, HOUR_S, bar._replace(end_ms=end_ms)))
        if hour % 24 == 23:
            day = of_hours(end_ms, [bar for _, bar in hours], "crack_width")
            rollups.append(_rollup(key, DAY_S, day))
    session.execute(insert(ReadingHour), packed)
    session.execute(insert(Rollup), rollups)


def _hour(key: int, hour: int) -> tuple[bytes, Bar]:
    """Return one hour of the day, packed, and its bar; packed times count from the hour's end."""
    readings = [
        Stored((minute - 60) * 60_000, round(1.4 + (hour * 60 + minute + key) % 1440 / 5000, 4), 1)
        for minute in range(1, 61)
    ]
    return pack(readings, 0), of_readings(0, readings, "crack_width")


def _rollup(key: int, span_s: int, bar: Bar) -> dict[str, Any]:
    return {"sensor": key, "span_s": span_s, **bar._asdict()}


def _sensors(site: dict) -> Iterator[dict]:
    yield from site.get("sensors", ())
    for building in site.get("buildings", ()):
        yield from building.get("sensors", ())


def asked(yard: Yard, code: str) -> Iterator[Figure]:
    """Ask for the data, the page, and the latest values."""
    with yard.store.reading() as session:
        sensor = (
            session.query(Sensor).filter(Sensor.site.has(code="tower"), Sensor.code == code).one()
        )
        keys = [key for (key,) in session.query(Sensor.key).limit(LATEST_OF)]
        took = _times(lambda: line(session, sensor, NOW - YEAR, NOW))
        yield Figure("a year's chart, the data, p50", share(took, 0.5), "ms", at_most=MOST_DATA_MS)
        yield Figure("a year's chart, the data, p95", share(took, 0.95), "ms")
        took = _times(lambda: _fresh(session, keys))
        yield Figure(
            f"latest of {len(keys)} sensors, p50", share(took, 0.5), "ms", at_most=MOST_LATEST_MS
        )
    browser = yard.browser(yard.house.duty)
    since = (NOW - YEAR).isoformat().replace("+00:00", "Z")
    for path in (f"/sensors/tower/{code}", f"/series/tower/{code}.json?since={since}"):
        assert browser.get(path).status_code == 200, path
        took = _times(lambda path=path: browser.get(path))  # type: ignore[misc]
        name = path.partition("?")[0]
        yield Figure(f"{name} with its year, p50", share(took, 0.5), "ms", at_most=MOST_PAGE_MS)
        yield Figure(f"{name} with its year, p95", share(took, 0.95), "ms")


def _fresh(session: Session, keys: list[int]) -> None:
    """Forget what was read: a page starts with an empty session too."""
    session.expunge_all()
    assert len(latest(session, keys)) == len(keys)


def _times(ask: Callable[[], object]) -> list[float]:
    ask()
    found = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        ask()
        found.append((time.perf_counter() - begun) * 1000)
    return found
