"""Several ingesters as processes: one stopped, killed, or one more, store and tell as one does."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from time import sleep

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.pacing import lead
from models import share as rows
from models.alert import Alert
from models.clock import machine_now
from models.heartbeat import Heartbeat
from models.people import machine
from models.reading import Quarantined, RecentReading
from models.registry_file.load import load
from models.store import Store
from sensors_sim.connection import Connection
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Process, Processes, free_port, wait_until
from tests.ingest.dealt import OTHER, dealt
from tests.ingest.house import (
    NOW,
)
from tests.readings import readings_of
from tests.roles import RIDGEWATCH


class Running:
    """Ingesters as processes, and a publisher that sends what a device would."""

    def __init__(self, store: Store, processes: Processes, broker: Mosquitto) -> None:
        self.store, self.processes, self.broker = store, processes, broker
        with store.writing() as session:
            load(session, dealt(), by=machine("system"), now=machine_now() - timedelta(days=30))
        self.sent = 0
        self.began = machine_now() - timedelta(hours=20)
        self.connection = Connection(broker.url, "devices")

    def start(self, name: str, role: str = "ingest", **more: str) -> Process:
        env = {
            "RIDGEWATCH_DATA_DIR": str(self.store.data_dir / name),
            "RIDGEWATCH_DATABASE_URL": self.store.url,
            "RIDGEWATCH_MQTT_URL": self.broker.url,
            "RIDGEWATCH_SHARES": "2",
            **more,
        }
        return self.processes.start(name, RIDGEWATCH, role, env=env)

    def owners(self) -> dict[int, str]:
        """Return the living owner's process by share."""
        with self.store.reading() as session:
            held = session.scalars(select(rows.Share).where(rows.Share.holder.is_not(None)))
            return {row.number: str(row.holder).split(":")[-2] for row in held}

    def publish(self, rounds: int) -> None:
        """Let both devices speak, a second apart; the crack is wide from the tenth on."""
        for _ in range(rounds):
            at = self.began + timedelta(seconds=self.sent)
            self.sent += 1
            for device, channel, value in (
                ("node-1", "crack", 1.5 if self.sent > 10 else 0.1),
                (OTHER, "rain", 2.0 * self.sent),
            ):
                record = {"bn": f"{device}:", "bt": at.timestamp(), "n": channel, "u": "mm"}
                payload = json.dumps([{**record, "v": value}]).encode()
                self.connection.publish(f"ridgewatch/hill/{device}/senml", payload)
        assert self.connection.settle(timeout_s=20)

    def stored(self) -> int:
        """Return how many readings there are, of closed hours too."""
        with self.store.reading() as session:
            return len(readings_of(session))

    def agreed(self) -> int:
        """Return into how many shares devices are dealt."""
        with self.store.reading() as session:
            return rows.shares_agreed(session)

    def late(self, session: Session) -> list[RecentReading]:
        """Return readings that were taken in after a later one of the same device.

        Each is minutes old when it arrives, so that its arrival is kept.
        """
        newest: dict[int, int] = {}
        found = []
        for row in session.scalars(select(RecentReading).order_by(RecentReading.at_ms)):
            if (row.arrived_ms or 0) < newest.get(row.sensor, 0):
                found.append(row)
            newest[row.sensor] = row.arrived_ms or 0
        return found

    def rules_told(self) -> set[str]:
        """Return the rules of all alerts."""
        with self.store.reading() as session:
            return set(session.scalars(select(Alert.rule_code)))

    def told(self) -> list[tuple[str, int]]:
        """Return rule and episode of the alerts of stone and weather."""
        with self.store.reading() as session:
            rules = ("WIDE", "WET", "BOTH")
            rows = session.scalars(select(Alert).where(Alert.rule_code.in_(rules)))
            return sorted((row.rule_code, row.episode) for row in rows)


@pytest.fixture
def store(postgres_store: Store) -> Store:
    return postgres_store


@pytest.fixture
def running(store: Store, processes: Processes, mosquitto: Mosquitto) -> Iterator[Running]:
    made = Running(store, processes, mosquitto)
    yield made
    made.connection.close()


def both_work(running: Running) -> bool:
    with running.store.reading() as session:
        beats = session.scalar(
            select(func.count())
            .select_from(Heartbeat)
            .where(Heartbeat.role.in_(["ingest", "ingest/1"]))
        )
    return len(set(running.owners().values())) == 2 and beats == 2


def stop_and_continue(running: Running, rest_s: float) -> None:
    one, other = running.start("one"), running.start("other")
    wait_until(lambda: both_work(running), "each has a share")
    for process in (one, other):
        process.wait_for_text("session=")
    running.publish(5)
    wait_until(lambda: running.stored() == 10, "what was sent is stored")
    one.pause()
    running.publish(10)
    began = machine_now()
    wait_until(
        lambda: set(running.owners().values()) == {str(other.pid)} and len(running.owners()) == 2,
        "the other takes over",
        within_s=12,
    )
    assert machine_now() - began <= timedelta(seconds=10)
    wait_until(lambda: running.stored() == 30, "with the backlog")
    while machine_now() - began < timedelta(seconds=rest_s):
        running.publish(10)
    one.go_on()
    running.publish(5)
    # Fifteen seconds of publishing flat out; the takeover of a machine that does other work, too.
    wait_until(lambda: running.stored() == 2 * running.sent, "both, or one, go on", within_s=120)
    wait_until(lambda: not one.running, "who woke late ends rather than guess")
    assert running.told() == [("BOTH", 1), ("WET", 1), ("WIDE", 1)]


def test_two_ingesters_one_stopped_and_continued_store_and_tell_as_one(running: Running) -> None:
    stop_and_continue(running, rest_s=0)


@pytest.mark.long
def test_two_ingesters_one_stopped_for_fifteen_seconds_as_one(running: Running) -> None:
    stop_and_continue(running, rest_s=15)


def test_who_is_killed_leaves_its_share_and_its_backlog_to_the_other(running: Running) -> None:
    one, other = running.start("one"), running.start("other")
    wait_until(lambda: both_work(running), "each has a share")
    running.publish(5)
    wait_until(lambda: running.stored() == 10, "what was sent is stored")
    one.kill()
    running.publish(10)
    wait_until(lambda: running.stored() == 30, "the other takes the backlog too")
    assert set(running.owners().values()) == {str(other.pid)}
    assert running.told() == [("BOTH", 1), ("WET", 1), ("WIDE", 1)]


def test_on_sqlite_a_second_ingester_stands_by_and_goes_on_after_a_kill(
    sqlite_store: Store, processes: Processes, mosquitto: Mosquitto
) -> None:
    running = Running(sqlite_store, processes, mosquitto)
    alone = {"RIDGEWATCH_SHARES": "1", "RIDGEWATCH_DATA_DIR": str(sqlite_store.data_dir)}
    one = running.start("one", **alone).wait_for_text("role=ingest sources")
    other = running.start("other", **alone).wait_for_text(f"working_pid={one.pid}")
    running.publish(5)
    wait_until(lambda: running.stored() == 10, "the first works")
    one.pause()  # one that is only stopped keeps the lock: nobody could fence it off
    assert "role=ingest sources" not in other.stderr
    one.go_on()
    one.kill()
    running.publish(5)
    wait_until(lambda: running.stored() == 20, "the second goes on")
    other.wait_for_text("role=ingest sources")
    running.connection.close()


@pytest.mark.long
def test_on_postgresql_a_second_ingester_with_one_share_stands_by(running: Running) -> None:
    one = running.start("one", RIDGEWATCH_SHARES="1").wait_for_text("role=ingest sources")
    other = running.start("other", RIDGEWATCH_SHARES="1").wait_for_text("standing_by=1")
    one.pause()
    running.publish(5)
    wait_until(lambda: running.owners() == {0: str(other.pid)}, "the second takes over")
    wait_until(lambda: running.stored() == 10, "with the backlog")
    one.go_on()
    assert one.wait() == 70


@pytest.mark.long
def test_shares_change_their_number_with_a_backlog_and_go_on_in_order(running: Running) -> None:
    """From one to two, and back to one, with messages at the broker and on their way."""
    before = [running.start("before", RIDGEWATCH_SHARES="1").wait_for_text("role=ingest sources")]
    for turn, number in enumerate(("2", "1")):
        running.publish(5)
        for process in before:
            assert process.stop() == 0
        running.publish(300)  # nobody is there
        before = [
            running.start(f"{turn}-{name}", RIDGEWATCH_SHARES=number)
            for name in ("one", "other")[: int(number)]
        ]
        for _ in range(10):  # while it changes
            running.publish(1)
            sleep(0.3)
        sent = 2 * running.sent
        wait_until(lambda sent=sent: running.stored() == sent, "all is stored")
        wait_until(lambda number=number: running.agreed() == int(number), "the change is over")
    with running.store.reading() as session:
        assert running.late(session) == []
        assert session.scalar(select(func.count()).select_from(Quarantined)) == 0
    assert running.told() == [("BOTH", 1), ("WET", 1), ("WIDE", 1)]


@pytest.mark.long
def test_a_number_that_others_still_work_by_is_refused(running: Running) -> None:
    running.start("one", RIDGEWATCH_SHARES="2")
    wait_until(lambda: len(running.owners()) == 2, "one owns both")
    other = running.start("other", RIDGEWATCH_SHARES="3")
    assert other.wait() == 2
    assert "RIDGEWATCH_SHARES" in other.stderr
    running.publish(5)
    wait_until(lambda: running.stored() == 10, "the first is not disturbed")


def test_several_are_refused_where_a_simulator_leads_the_clock(running: Running) -> None:
    with running.store.writing() as session:
        lead(session, NOW, None, 1.0)
    one = running.start("one")
    assert one.wait() == 2
    assert "real time" in one.stderr
    assert running.owners() == {}


@pytest.mark.long
def test_a_change_of_number_that_was_cut_off_is_gone_on_with(running: Running) -> None:
    before = running.start("before", RIDGEWATCH_SHARES="1").wait_for_text("role=ingest sources")
    running.publish(5)
    before.stop()
    running.publish(100)
    cut_off = running.start("cut-off").wait_for_text("share=0 of=1 token")
    cut_off.kill()
    running.publish(5)
    back = running.start("back", RIDGEWATCH_SHARES="1")
    assert back.wait() == 2  # half way there is no going back
    running.start("after")
    wait_until(lambda: running.agreed() == 2, "the change is over")
    running.publish(5)
    wait_until(lambda: running.stored() == 2 * running.sent, "all is stored")
    with running.store.reading() as session:
        assert running.late(session) == []


def test_a_session_that_the_broker_lost_is_told_by_an_ingester_that_never_had_it(
    running: Running,
) -> None:
    one = running.start("one")
    wait_until(lambda: len(running.owners()) == 2, "one owns both")
    running.publish(5)
    wait_until(lambda: running.stored() == 10, "what was sent is stored")
    one.stop()
    (running.broker.folder / "mosquitto.db").unlink(missing_ok=True)
    running.broker.kill()
    (running.broker.folder / "mosquitto.db").unlink(missing_ok=True)
    running.broker.start()
    running.start("elsewhere")
    wait_until(lambda: "SYSTEM-SESSION" in running.rules_told(), "the loss is told")


@pytest.mark.long
def test_two_whole_machines_share_the_devices_and_one_goes_on_alone(running: Running) -> None:
    """`ridgewatch up` on both: its supervisor starts the ingester that woke late and ended anew."""
    for name in ("one", "other"):
        running.start(
            name,
            "up",
            RIDGEWATCH_PORT=str(free_port()),
            RIDGEWATCH_SECRET_KEY="a-secret-for-tests-" + "x" * 24,
        )
    wait_until(lambda: both_work(running), "each has a share", within_s=60)
    running.publish(5)
    wait_until(lambda: running.stored() == 10, "what was sent is stored")
    sleeper = running.owners()[0]
    os.kill(int(sleeper), signal.SIGSTOP)
    running.publish(10)
    wait_until(lambda: sleeper not in running.owners().values(), "the other takes over")
    wait_until(lambda: running.stored() == 30, "with the backlog")
    os.kill(int(sleeper), signal.SIGCONT)
    wait_until(lambda: len(set(running.owners().values())) == 2, "both work again", within_s=60)
    assert sleeper not in running.owners().values()
    running.publish(5)
    wait_until(lambda: running.stored() == 40, "all is stored")
    assert running.told() == [("BOTH", 1), ("WET", 1), ("WIDE", 1)]
