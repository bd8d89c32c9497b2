"""A year's chart of one sensor among millions of readings, and the latest of 1,000 sensors.

Some sensors have a year of readings, one a minute, with their hours and days; `--readings
50000000` is the issue's size (95 such sensors). The rows are made by SQL alone, in the tables'
own order: how they came there is `nation`'s and `flat_out`'s question.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from bench.figures import Figure, share
from bench.installation import scratch
from bench.options import Options
from models.chart import line
from models.migrate import upgrade
from models.readings import latest
from models.registry_file.load import load
from models.sensor import Sensor
from models.store import Store
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

A_YEAR = f"""
with recursive minute(n) as (select 1 union all select n + 1 from minute where n < {YEAR_MINUTES})
insert into reading (sensor, at_ms, value, quality)
select :sensor, :begins_ms + n * 60000, 1.4 + (n + :sensor) % 1440 / 72000.0, 1 from minute
"""
BARS = """
insert into rollup (sensor, span_s, end_ms, value, min, max, count, quality)
select sensor, :span_s, ((at_ms - 1) / (:span_s * 1000) + 1) * :span_s * 1000 as until,
    avg(value), min(value), max(value), count(*), max(quality)
from reading where sensor = :sensor group by until
"""
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
            begins_ms = to_ms(NOW) - YEAR_MINUTES * 60_000
            session.execute(text(A_YEAR), {"sensor": key, "begins_ms": begins_ms})
            for span_s in (3600, 86_400):
                session.execute(text(BARS), {"sensor": key, "span_s": span_s})
        session.execute(text(STATES), {"now_ms": to_ms(NOW)})
    store.checkpoint()
    return middle


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
