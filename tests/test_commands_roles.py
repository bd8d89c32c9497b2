"""simulate, advance, replay, tail and the demo, as people run them, against real processes."""

import json
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from models.clock import SiteClock, machine_now, site_clock
from models.notice import Notice
from models.people import machine
from models.reading import Quarantined
from models.registry_file.load import load
from models.store import Store
from models.times import iso
from sensors_sim.times import ms
from tests.harness.processes import Process, Processes, free_port, wait_until
from tests.ingest.house import registry
from tests.readings import readings_of
from tests.roles import RIDGEWATCH, House

BEGINS = datetime.fromtimestamp(ms("2022-03-14T00:00:00+08:00") / 1000, UTC)


@pytest.fixture
def house(sqlite_store: Store, processes: Processes) -> House:
    return House(sqlite_store, processes)


def clock(store: Store) -> SiteClock:
    with store.reading() as session:
        row = site_clock(session)
        assert row is not None
        return row


def count(store: Store) -> int:
    with store.reading() as session:
        return len(readings_of(session))


@pytest.fixture
def running(house: House) -> House:
    """Tianning with an ingester, a clock and a simulator at life's speed."""
    house.register()
    house.start("ingest").wait_for_port(house.mqtt_port)
    house.start("clock").wait_for_text("role=clock")
    simulator = house.start("simulate", "tianning-2022", "--speed", "1")
    simulator.wait_until(lambda: house.beats("simulate"), "beats")
    wait_until(lambda: clock(house.store).site_at > BEGINS, "the clock follows the data")
    return house


def test_the_clock_follows_the_simulator_about_a_step_a_second(running: House) -> None:
    before, began = clock(running.store).site_at, time.monotonic()
    time.sleep(5)
    passed = (clock(running.store).site_at - before).total_seconds()

    assert clock(running.store).mode == "led"
    assert passed <= (time.monotonic() - began) + 2


def test_advance_moves_on_and_comes_back_when_all_is_done(running: House) -> None:
    before = clock(running.store).site_at

    done = running.run("advance", "2h")

    assert done.returncode == 0, done.stderr
    reached = datetime.fromisoformat(done.stdout.strip())
    assert before + timedelta(hours=2) <= reached <= before + timedelta(hours=2, minutes=5)
    for role in ("ingest", "clock"):
        beat = running.heartbeat(role)
        assert beat is not None
        assert beat.done_until is not None
        assert beat.done_until >= reached - timedelta(minutes=5)
    assert count(running.store) > 50


def test_a_paused_clock_stands_until_it_is_advanced(running: House) -> None:
    with running.store.writing() as session:
        row = site_clock(session)
        assert row is not None
        row.set_pace(machine_now(), paused=True)
    time.sleep(2)
    stands = clock(running.store).site_at
    time.sleep(2)

    assert clock(running.store).site_at == stands
    assert running.run("advance", "10m").returncode == 0
    assert clock(running.store).site_at >= stands + timedelta(minutes=10)


def test_a_second_start_goes_on_where_the_first_stopped(house: House) -> None:
    house.register()
    house.start("ingest").wait_for_port(house.mqtt_port)
    first = house.start("simulate", "tianning-2022", "--speed", "3600")
    first.wait_until(lambda: count(house.store) > 30, "readings")
    assert first.stop() == 0
    stopped = clock(house.store).site_at

    second = house.start("simulate", "tianning-2022")
    second.wait_until(lambda: clock(house.store).site_at > stopped, "goes on")

    assert second.stop() == 0
    with house.store.reading() as session:
        instants = [one.at_ms for one in readings_of(session, 1)]
    assert len(instants) == len(set(instants))


def test_advance_without_a_simulator_moves_the_clock_itself(house: House) -> None:
    with house.store.writing() as session:
        row = SiteClock(id=1, mode="running", site_at=BEGINS, since=machine_now(), speed=1.0)
        session.merge(row)
    house.start("clock").wait_for_text("role=clock")
    house.start("ingest").wait_until(lambda: house.beats("ingest"), "beats")
    wait_until(lambda: house.beats("clock"), "the clock beats")

    done = house.run("advance", "3h")

    assert done.returncode == 0, done.stderr
    assert datetime.fromisoformat(done.stdout.strip()) >= BEGINS + timedelta(hours=3)


@pytest.mark.parametrize("duration", ["soon", "-3h", "0m", "3 weeks", "99999999d"])
def test_a_duration_that_is_none_is_refused(duration: str, house: House) -> None:
    done = house.run("advance", "--", duration)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_real_time_can_not_be_advanced_nor_led(house: House) -> None:
    house.register()
    with house.store.writing() as session:
        session.merge(SiteClock(id=1, mode="real", site_at=BEGINS, since=BEGINS))
    refused = house.run("advance", "1h")
    assert refused.returncode == 2
    assert "real time" in refused.stderr


def test_an_unknown_scenario_is_refused_with_the_known_ones(house: House) -> None:
    done = house.run("simulate", "atlantis")

    assert done.returncode == 2
    assert "tianning-2022" in done.stderr


# Replay and tail.


def a_series(folder: Path, *, days_ago: int, values: list[float | None]) -> Path:
    begins = machine_now().replace(microsecond=0) - timedelta(days=days_ago)
    rows = [
        f"{iso(begins + timedelta(minutes=15 * n))},hill/C-01,{'' if value is None else value}"
        for n, value in enumerate(values)
    ]
    path = folder / "series.csv"
    path.write_text("\n".join(["time,sensor,value", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def hill(house: House) -> House:
    with house.store.writing() as session:
        load(session, registry(), by=machine("system"), now=BEGINS)
    house.start("ingest").wait_for_port(house.mqtt_port)
    return house


def test_a_replayed_series_is_stored_once_and_pages_nobody(hill: House, tmp_path: Path) -> None:
    path = a_series(tmp_path, days_ago=300, values=[0.4, 0.5, None, 9.9, 9.9, 9.9])

    for _ in range(2):
        done = hill.run("replay", str(path))
        assert (done.returncode, done.stdout.strip()) == (0, "6"), done.stderr

    assert count(hill.store) == 6  # the one without a value too: reported, not believable
    with hill.store.reading() as session:
        assert session.scalars(select(Notice)).all() == []
        refused = session.scalars(select(Quarantined)).all()
        assert [(one.reason["code"], one.times) for one in refused] == [
            ("quarantine.null_value", 2)
        ]


def test_a_series_with_a_fault_sends_nothing(hill: House, tmp_path: Path) -> None:
    path = a_series(tmp_path, days_ago=3, values=[0.4])
    path.write_text(path.read_text() + "2022-03-21T08:00:00Z,hill/C-77,1\n")

    done = hill.run("replay", str(path))

    assert done.returncode == 2
    assert "Line 3" in done.stderr
    assert count(hill.store) == 0


def test_replay_takes_channels_from_a_registry_file(hill: House, tmp_path: Path) -> None:
    path = a_series(tmp_path, days_ago=3, values=[0.4, 0.5])
    document = tmp_path / "registry.json"
    document.write_text(json.dumps(registry()), encoding="utf-8")

    done = hill.run("replay", str(path), "--registry", str(document))

    assert done.returncode == 0, done.stderr
    assert count(hill.store) == 2


def test_tail_prints_what_happened_and_follows(hill: House, tmp_path: Path) -> None:
    tail = hill.start("tail")
    tail.wait_for_text("rule:WIDE  add")
    path = a_series(tmp_path, days_ago=0, values=[2.4])
    hill.run("replay", str(path))

    tail.wait_for_text("raised")

    assert "alert:WIDE-hill-C-01-1  raised" in tail.stdout
    assert tail.stop() == 0


# The demo.


class Demo:
    def __init__(self, processes: Processes, folder: Path) -> None:
        self.processes, self.folder = processes, folder
        self.port = free_port()

    def start(self) -> Process:
        env = {
            "RIDGEWATCH_DATA_DIR": str(self.folder),
            "RIDGEWATCH_PORT": str(self.port),
            # The port after it is where the broker would go, were it free.
            "RIDGEWATCH_MQTT_LISTEN": f"127.0.0.1:{self.port - 1}",
            "RIDGEWATCH_LANGUAGE": "en",
        }
        process = self.processes.start("demo", RIDGEWATCH, "demo", env=env)
        return process.wait_for_text("Ctrl-C stops it", 400)

    @property
    def store(self) -> Store:
        return Store(f"sqlite+pysqlite:///{self.folder}/ridgewatch.db", self.folder)


def test_the_demo_starts_with_a_year_and_a_week_and_goes_on_where_it_stopped(
    processes: Processes, tmp_path: Path
) -> None:
    demo = Demo(processes, tmp_path / "demo")
    first = demo.start()
    store = demo.store
    begins = datetime(2022, 3, 20, 22, tzinfo=UTC)
    first.wait_until(lambda: clock(store).site_at > begins + timedelta(minutes=20), "runs", 120)
    accounts = re.findall(r"^  (\w+) +(\S+@\S+) +(\S+)$", first.stdout, re.M)
    assert {role for role, _, _ in accounts} >= {"admin", "manager", "duty", "contractor"}
    assert (demo.folder / "demo-accounts.txt").stat().st_mode & 0o777 == 0o600
    with store.reading() as session:
        first_ms = min(one.at_ms for one in readings_of(session))
        assert first_ms is not None
        assert first_ms <= (begins - timedelta(days=365)).timestamp() * 1000
    assert clock(store).speed > 60

    assert first.stop(within_s=20, number=signal.SIGINT) == 0
    stopped = clock(store).site_at
    second = demo.start()

    assert re.findall(r"^  (\w+) +(\S+@\S+) +(\S+)$", second.stdout, re.M)[-1] == accounts[-1]
    second.wait_until(lambda: clock(store).site_at > stopped, "goes on", 120)
    assert clock(store).site_at < stopped + timedelta(hours=6)
    assert second.stop(within_s=20, number=signal.SIGINT) == 0
    store.close()
