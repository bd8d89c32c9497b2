"""Measured series and messages of real networks, through the real pipeline into the database."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.moving import close_hours
from models.alert import Alert
from models.clock import machine_now
from models.notice import Notice
from models.people import machine
from models.reading import HOUR_S, Rollup
from models.registry_file.load import load
from models.sensor import Sensor
from models.store import Store
from models.times import from_ms, iso
from sensors_sim import convert
from sensors_sim.replay import Row, read
from tests.harness.processes import Processes, free_port
from tests.ingest.house import NOW
from tests.readings import readings_of
from tests.webapp.cast import Cast, make_cast
from tests.webapp.conftest import app_on

DATA = Path(__file__).parent / "data"
RIDGEWATCH = Path(sys.executable).with_name("ridgewatch")
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Series:
    """A converted series: its replay file, and what it holds by sensor."""

    name: str
    replay: Path
    registry: dict[str, Any]

    @property
    def rows(self) -> dict[str, list[Row]]:
        """Return the rows of each sensor, in order of time."""
        found: dict[str, list[Row]] = {}
        for row in read(self.replay):
            found.setdefault(row.sensor, []).append(row)
        return found


def converted(recipe: str, series: Path, folder: Path) -> Series:
    """Convert with the documented command."""
    replay, registry = folder / f"{recipe}.csv", folder / f"{recipe}.json"
    code = convert.main([recipe, str(series), "--out", str(replay), "--registry", str(registry)])
    assert code == 0
    return Series(recipe, replay, json.loads(registry.read_text("utf-8")))


def believable(row: Row) -> bool:
    """What a person who knows these series would keep: no rain codes, no broken thermistor.

    In an hour 305 mm have fallen once (Holt, Missouri, 1947); these hold 450 for a day, and 999.
    """
    if row.value is None:
        return False
    if row.sensor == "kahler-asten/R-01":
        return row.value <= 305
    return row.sensor != "zion/T-CT" or row.value > -40


class Instance:
    """A running ingester in real time, and a person who looks at its charts."""

    def __init__(self, store: Store, processes: Processes) -> None:
        self.store, self.processes = store, processes
        self.cast: Cast = make_cast(app_on(store), store)
        self.env = {
            "RIDGEWATCH_DATA_DIR": str(store.data_dir),
            "RIDGEWATCH_DATABASE_URL": store.url,
            "RIDGEWATCH_MQTT_LISTEN": f"127.0.0.1:{free_port()}",
        }

    def load(self, document: Mapping[str, Any]) -> None:
        """Load a registry file."""
        with self.store.writing() as session:
            load(session, dict(document), by=machine("system"), now=NOW)

    def start(self) -> None:
        """Start the ingester."""
        self.processes.start("ingest", RIDGEWATCH, "ingest", env=self.env).wait_for_text("role=")

    def replay(self, series: Series) -> None:
        """Run `ridgewatch replay`; it returns when all is acknowledged."""
        told = self.processes.start("replay", RIDGEWATCH, "replay", series.replay, env=self.env)
        assert told.wait(within_s=900) == 0, told.stderr

    def stored(self, name: str) -> list[tuple[int, float | None, int]]:
        """Return (at_ms, value, quality) of a sensor."""
        with self.store.reading() as session:
            return [one[:3] for one in readings_of(session, self._key(session, name))]

    def hours(self, name: str) -> list[Any]:
        """Return (end_ms, value, min, max, count) of a sensor's closed hours."""
        close_hours(self.store, machine_now())
        with self.store.reading() as session:
            hours = (
                select(Rollup.end_ms, Rollup.value, Rollup.min, Rollup.max, Rollup.count)
                .where(Rollup.sensor == self._key(session, name), Rollup.span_s == HOUR_S)
                .order_by(Rollup.end_ms)
            )
            return [tuple(row) for row in session.execute(hours)]

    def _key(self, session: Session, name: str) -> int:
        site, _, code = name.partition("/")
        sensors = session.scalars(select(Sensor).where(Sensor.code == code))
        (sensor,) = (one for one in sensors if one.site.code == site)
        return sensor.key

    def drawn(self, name: str, rows: list[Row], days: int = 10) -> dict[int, float]:
        """Return all points of a sensor's chart, asked for in spans that are shown in full.

        A gauge is drawn as the sum of the last hours; of one hour, its rows are hourly.
        """
        browser, found = self.cast.signed_in("manager"), dict[int, float]()
        since, end = from_ms(rows[0].at_ms) - timedelta(hours=1), from_ms(rows[-1].at_ms)
        while since < end:
            until = min(since + timedelta(days=days), end)
            span = f"since={iso(since)}&until={iso(until)}"
            page = browser.get(f"/series/{name}.json?{span}&hours=1")
            assert page.status_code == 200, page.text[:500]
            for at, value in zip(page.json["t"], page.json["v"], strict=True):
                if value is not None:
                    found[round(at * 1000)] = round(value, 6)
            since = until
        return found


def prove(instance: Instance, series: Series) -> int:
    """Every good row stored once, bad ones flagged, hours right, all drawn; count the bad."""
    flagged = 0
    for name, rows in series.rows.items():
        stored, good = instance.stored(name), [row for row in rows if believable(row)]
        assert [at_ms for at_ms, *_ in stored] == [row.at_ms for row in rows]
        kept = {at_ms: value for at_ms, value, quality in stored if quality <= 3}
        assert kept == {row.at_ms: row.value for row in good}, name
        flagged += len(rows) - len(good)
        assert_hours_right(instance.hours(name), rows)
        # A chart has four decimals: more than any of these instruments resolves.
        wanted = pytest.approx({row.at_ms: row.value for row in good}, abs=6e-5)
        assert instance.drawn(name, rows) == wanted, name
    return flagged


def assert_hours_right(hours: list[Any], rows: list[Row]) -> None:
    """Compare with hours made here: the mean, extremes and count of `(start, end]`, or the rain."""
    expected: dict[int, list[float]] = {}
    for row in rows:
        values = expected.setdefault(-(-row.at_ms // HOUR_MS) * HOUR_MS, [])
        if believable(row):
            assert row.value is not None
            values.append(row.value)
    rain = rows[0].sensor.endswith("R-01")
    for end_ms, value, low, high, count in hours:
        values = expected.pop(end_ms)
        assert count == len(values)
        if values:
            whole = sum(values) if rain else fmean(values)
            assert value == pytest.approx(whole, abs=1e-6)
            assert (low, high) == pytest.approx((min(values), max(values)))
        else:
            assert value is low is high is None
    assert not expected


CONSTRUCTED = ("time_utc,battery_V,lower_disp_mm,lower_temp_degC,upper_disp_mm,upper_temp_degC,"
               "control_disp_mm,control_temp_degC,air_temp_degC")  # fmt: skip


def constructed_crackmeter(path: Path) -> Path:
    """Write a day and a half as the real logger writes it: a broken thermistor, gaps, a drift."""
    lines = [CONSTRUCTED]
    for number in range(150):
        control = "," if number % 40 == 7 else f"42.{number:03d}00,-{100 + number % 70}.10000"
        at = iso(NOW + timedelta(minutes=15 * number + 7))
        lines.append(
            f"{at},13.2{number % 10}000,77.{64000 + 31 * number},{16 - number % 9}.54000,"
            f"48.{93000 + 17 * number},{17 - number % 8}.29000,{control},{number % 20 - 5}.78000"
        )
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_a_replayed_series_is_stored_once_flagged_summed_and_drawn(
    store: Store, processes: Processes, tmp_path: Path
) -> None:
    rain = converted("dwd-rain", DATA / "rain_dwd_kahler_asten_hourly.csv", tmp_path)
    crack = converted("crackmeter", constructed_crackmeter(tmp_path / "series.csv"), tmp_path)
    instance = Instance(store, processes)
    for series in (rain, crack):
        instance.load(series.registry)
    instance.start()

    for series in (rain, crack, rain):  # the second time adds nothing
        instance.replay(series)

    assert prove(instance, rain) == 5
    assert prove(instance, crack) == 150 + 4
    with store.reading() as session:  # it is history, and pages nobody
        assert session.scalar(select(func.count()).select_from(Alert)) == 0
        assert session.scalar(select(func.count()).select_from(Notice)) == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("recipe", "file"),
    [
        ("crackmeter", "crackmeter_zion_pine_creek_15min.csv"),
        ("dwd-rain", "rain_dwd_hourly_2006_2010.csv"),
    ],
)
def test_a_whole_published_series_is_stored_once_flagged_summed_and_drawn(
    corpus: Path, store: Store, processes: Processes, tmp_path: Path, recipe: str, file: str
) -> None:
    series = converted(recipe, corpus / "series" / file, tmp_path)
    instance = Instance(store, processes)
    instance.load(series.registry)
    instance.start()

    instance.replay(series)

    flagged = prove(instance, series)
    broken = "zion/T-CT" if recipe == "crackmeter" else "kahler-asten/R-01"
    known_bad = [row for row in series.rows[broken] if row.value is not None]
    empty = sum(1 for rows in series.rows.values() for row in rows if row.value is None)
    assert flagged == empty + sum(1 for row in known_bad if not believable(row))
    assert flagged - empty >= 5
