"""The roles as real processes: they start, stop in order, stand in for each other, and say so."""

import os
import signal
import socket

import pytest
from sqlalchemy import select

from models.alert import Alert
from models.store import Store
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Process, Processes, answers, wait_until
from tests.roles import House

ROLES = ("ingest", "clock", "work", "web")


@pytest.fixture
def house(sqlite_store: Store, processes: Processes) -> House:
    return House(sqlite_store, processes)


@pytest.fixture
def any_house(store: Store, processes: Processes) -> House:
    return House(store, processes)


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("role", ROLES)
def test_a_role_beats_and_stops_in_order(role: str, any_house: House) -> None:
    process = any_house.start(role)
    process.wait_until(lambda: any_house.beats(role), "beats")

    assert process.stop(within_s=10) == 0
    assert "Traceback" not in process.stderr


def test_the_ingester_says_where_it_listens(house: House) -> None:
    house.start("ingest").wait_until(lambda: house.beats("ingest"), "beats")

    beat = house.heartbeat("ingest")
    assert beat is not None
    assert beat.facts is not None
    assert beat.facts["listen"] == f"127.0.0.1:{house.mqtt_port}"
    assert answers(house.mqtt_port)


def test_an_address_that_is_taken_is_refused_with_a_sentence(house: House) -> None:
    with socket.create_server(("127.0.0.1", house.mqtt_port)):
        done = house.run("ingest")

    assert done.returncode == 2
    assert f"Can't listen on 127.0.0.1:{house.mqtt_port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_receiver_and_subscriber_work_side_by_side(house: House, mosquitto: Mosquitto) -> None:
    house.more["RIDGEWATCH_MQTT_URL"] = mosquitto.url
    house.start("ingest").wait_for_text("role=ingest")

    beat = house.heartbeat("ingest")
    assert beat is not None
    assert beat.facts is not None
    assert beat.facts["sources"] == "receiver,subscriber"


def test_a_role_before_init_says_what_comes_first(house: House, tmp_path: object) -> None:
    house.more["RIDGEWATCH_DATABASE_URL"] = f"sqlite:///{tmp_path}/none.db"

    done = house.run("ingest")

    assert done.returncode == 2
    assert "ridgewatch init" in done.stderr


def test_of_two_clocks_one_works_and_the_other_takes_over(any_house: House) -> None:
    first = any_house.start("clock")
    first.wait_until(lambda: any_house.beats("clock"), "beats")
    second = any_house.start("clock").wait_for_text("role=clock")

    def works(pid: int) -> bool:
        beat = any_house.heartbeat("clock")
        return beat is not None and beat.pid == pid

    assert works(first.pid)
    first.kill()

    wait_until(lambda: works(second.pid), "the second clock works", within_s=30)


@pytest.mark.parametrize(
    ("role", "severity"), [("ingest", "critical"), ("web", "high")], ids=["ingest", "web"]
)
def test_a_killed_role_is_one_alert_that_clears_when_it_is_back(
    role: str, severity: str, house: House
) -> None:
    house.start("clock").wait_for_text("role=clock")
    victim = house.start(role)
    victim.wait_until(lambda: house.beats(role), "beats")
    victim.kill()

    def states() -> list[tuple[str, str, bool]]:
        with house.store.reading() as session:
            rows = session.execute(select(Alert.subject, Alert.severity, Alert.active)).all()
            return [tuple(row) for row in rows]

    wait_until(lambda: states() == [(f"system:{role}", severity, True)], "one alert", within_s=45)
    house.start(role)
    wait_until(lambda: states() == [(f"system:{role}", severity, False)], "clear", within_s=30)


# All together.


@pytest.fixture
def up(house: House) -> tuple[House, Process]:
    process = house.start("up")
    process.wait_until(lambda: all(house.beats(role) for role in ROLES[:3]), "beats", 60)
    process.wait_for_port(house.port, 60)
    return house, process


def test_up_starts_again_what_dies_and_ends_with_all(up: tuple[House, Process]) -> None:
    house, process = up
    before = house.heartbeat("ingest")
    assert before is not None
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)

    def is_new() -> bool:
        now = house.heartbeat("ingest")
        return now is not None and now.pid != before.pid

    process.wait_until(is_new, "a new ingester", 30)

    children = children_of(process.pid)
    assert len(children) == len(ROLES)
    assert process.stop(within_s=10) == 0
    assert [pid for pid in children if is_alive(pid)] == []


def test_the_children_die_with_a_killed_parent(up: tuple[House, Process]) -> None:
    _, process = up
    children = children_of(process.pid)

    process.kill()

    wait_until(lambda: not any(is_alive(pid) for pid in children), "no orphans", within_s=15)


def test_up_ends_with_the_fault_of_a_child_that_can_not_start(house: House) -> None:
    with socket.create_server(("127.0.0.1", house.mqtt_port)):
        done = house.run("up", within_s=60)

    assert done.returncode == 2
    assert "Can't listen" in done.stderr
