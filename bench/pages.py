"""Server time of the pages that people wait for: 3 sites × 20 sensors × a year of hours."""

import gc
import math
import time
from collections.abc import Iterator

from sqlalchemy import select

from bench.figures import Figure, share
from bench.installation import scratch
from bench.options import Options
from ingest.history import Hourly, load_history
from models.heartbeat import beat
from models.migrate import upgrade
from models.registry import Site
from models.registry_file.load import load
from models.sensor import Sensor
from models.store import Store
from models.times import to_ms
from tests.models.house import NOW
from tests.webapp.cast import SYSTEM
from tests.webapp.conftest import app_on
from tests.webapp.world import World, counted, registry
from tests.webapp.yard import Yard

SENSORS, DAYS = 20, 365
TIMES = 100
MOST_P95_MS, MOST_QUERIES = 150, 25
HOUR_MS = 3_600_000


def measure(options: Options) -> Iterator[Figure]:
    """Seed, ask for each page, and yield its slow end."""
    with scratch() as folder:
        store = Store(f"sqlite+pysqlite:///{folder}/ridgewatch.db", folder)
        upgrade(store)
        yard = Yard(app_on(store), store)
        paths = seed(yard)
        print(
            f"  {SENSORS} sensors at each of 3 sites, {DAYS} days of hours; {TIMES} views of each"
        )
        gc.freeze()  # as `ridgewatch web` does
        for path in paths:
            yield measured(yard, path)
        store.close()


def seed(yard: Yard) -> list[str]:
    """Write a year and something to do; return the pages to look at."""
    with yard.working() as house:
        project = house.project()
        task = house.task(project, needs_photos=True)
        for _ in range(20):
            house.task(project)
    world = World(yard)  # type: ignore[arg-type]  # it needs the store alone
    with yard.store.writing() as session:
        load(session, registry(SENSORS), by=SYSTEM, now=NOW)
        rows = session.execute(select(Site.code, Sensor.code, Sensor.quantity).join(Sensor.site))
        load_history(session, list(_year([(f"{site}/{code}", what) for site, code, what in rows])))
        beat(session, "ingest")
    alerts = [world.raise_alert(code=f"C-{n:02d}", site="tower") for n in range(1, 6)]
    pages = ["/", "/sites/tower", f"/alerts/{alerts[0]}", f"/tasks/{task.code}"]
    return [*pages, "/series/tower/C-01.json", "/live/version"]


def _year(sensors: list[tuple[str, str]]) -> Iterator[Hourly]:
    """Yield an hourly year: cracks that breathe with the day, gauges on which it rains at times."""
    last_ms = to_ms(NOW)
    for hour in range(DAYS * 24, 0, -1):
        for number, (name, quantity) in enumerate(sensors):
            wet = hour // 24 % 3 == 0
            rain = (DAYS * 24 - hour) * 0.1 + 0.2 * wet
            width = 1.4 + 0.02 * math.sin(hour / 24 * math.tau) + number / 100
            value = round(rain, 1) if quantity == "rain_total" else round(width, 4)
            yield name, last_ms - hour * HOUR_MS, value


def measured(yard: Yard, path: str) -> Figure:
    """Ask for a page again and again; print its size and queries, return its slow end."""
    browser = yard.browser(yard.house.duty)
    for _ in range(5):
        page = browser.get(path)
    with counted(yard.store) as queries:
        browser.get(path)
    took, worked = [], []
    for _ in range(TIMES):
        begun, began_work = time.perf_counter(), time.process_time()
        page = browser.get(path)
        took.append((time.perf_counter() - begun) * 1000)
        worked.append((time.process_time() - began_work) * 1000)
    over = "" if len(queries) <= MOST_QUERIES else f"  MORE THAN {MOST_QUERIES} QUERIES"
    print(
        f"  {path:28} {page.status_code} p50 {share(took, 0.5):6.1f} ms  processor p95 "
        f"{share(worked, 0.95):5.1f} ms  {len(queries):3} queries  "
        f"{len(page.data) / 1000:6.1f} kB{over}"
    )
    return Figure(f"page {path}, p95", share(took, 0.95), "ms", at_most=MOST_P95_MS)
