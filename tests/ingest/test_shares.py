"""Devices dealt to several ingesters: one order a device, one truth a zone, one owner a share."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ingest import watching
from ingest.commons import Commons, RegistryMoved
from ingest.disk_alarm import DiskAlarm
from ingest.full_disk import FullDisk
from ingest.holder import is_gone, new_holder
from ingest.inbox import Inbox
from ingest.message import Delivery, Message, Receipt
from ingest.pacing import lead
from ingest.pipeline import Pipeline
from ingest.reserve import Reserve
from ingest.shares import Share
from ingest.stillness import Seen
from ingest.worker import PAUSES_S, Worker
from models import share as rows
from models.alert import Alert
from models.clock import machine_now
from models.errors import BadInput
from models.heartbeat import Heartbeat, beat
from models.people import machine
from models.reading import Quarantined, RainEpisode, RecentReading, SensorState
from models.registry_file.load import load
from models.sensor import Sensor
from models.settings import Settings
from models.share import STILL_FOR, ShareLost, dealing, fence, role_of, share_of, take_share
from models.store import Store
from models.times import to_ms
from sensors_sim.connection import Connection
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Process, Processes, wait_until
from tests.ingest.feeding import fill
from tests.ingest.house import (
    CRACK_RULE,
    NOW,
    RAIN_RULE,
    SILENCE_RULE,
    crack,
    registry,
    senml,
)
from tests.roles import RIDGEWATCH

TOGETHER = {
    "code": "BOTH",
    "kind": "combination",
    "over": "zone",
    "within": "72h",
    "all": [{"rule": "WIDE", "level": "medium"}, {"rule": "WET", "level": "low"}],
    "levels": [{"severity": "high"}],
}
RULES = (CRACK_RULE, SILENCE_RULE, RAIN_RULE, TOGETHER)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# node-1 is in one of two shares, and this one in the other.
OTHER = next(
    name for name in ("node-2", "node-3", "node-4") if share_of(name, 2) != share_of("node-1", 2)
)


def dealt() -> dict[str, Any]:
    """Return the small house, its gauge on a device of the other share."""
    document = registry(RULES)
    (site,) = document["sites"]
    site["sensors"][0]["source"]["device"] = OTHER
    name = {"zh": "殿", "en": "hall"}
    site["zones"] = [{"code": "all", "name": name, "buildings": ["hall"], "elements": []}]
    return document


def rain_of(total: float, at: datetime) -> Message:
    return senml(OTHER, "rain", total, at)


class Deaf:
    """A source that only counts what is acknowledged."""

    acknowledged = 0

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.acknowledged += len(deliveries)


class Ingester:
    """One share of two, its pipeline and its transactions, on a database with another's."""

    def __init__(self, store: Store, number: int, shares: int = 2) -> None:
        with store.writing() as session:
            token = take_share(session, number, new_holder(), is_gone, for_ever)
        assert token is not None
        self.store, self.source = store, Deaf()
        self.share = Share(number, shares, token)
        commons = Commons(self.share) if shares > 1 else None
        self.worker = Worker(
            store,
            Inbox(1000),
            {"receiver": self.source, "subscriber": self.source},
            pipeline=Pipeline(commons=commons),
            share=self.share,
        )
        self.worker.refresh_clock()

    def hear(self, *messages: Message) -> None:
        self.worker.take([Delivery(message, Receipt(None, 1)) for message in messages])

    def tick(self, now: datetime) -> None:
        pipeline = self.worker.pipeline
        with self.store.writing() as session:
            pipeline.begin(session)
            pipeline.tick(session, now)
            pipeline.flush(session, now)


class Two:
    """Two ingesters that hear the same."""

    def __init__(self, store: Store, document: dict[str, Any]) -> None:
        self.store = store
        self.load(document)
        self.both = [Ingester(store, 0), Ingester(store, 1)]

    def load(self, document: dict[str, Any], now: datetime = NOW - timedelta(days=30)) -> None:
        with self.store.writing() as session:
            load(session, document, by=machine("system"), now=now)

    def hear(self, *messages: Message) -> None:
        for one in self.both:
            one.hear(*messages)

    def tick(self, now: datetime) -> None:
        for one in self.both:
            one.tick(now)

    def alerts(self, rule: str) -> list[Alert]:
        with self.store.reading() as session:
            return list(session.scalars(select(Alert).where(Alert.rule_code == rule)))

    def count(self, table: type[Any]) -> int:
        with self.store.reading() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def store(postgres_url: str, data_dir: Path) -> Iterator[Store]:
    opened = Store(postgres_url, data_dir)
    yield opened
    opened.close()


@pytest.fixture
def two(store: Store) -> Two:
    return Two(store, dealt())


def for_ever(name: str, beats: int) -> timedelta:
    """Take every row for one that has stood still: whoever asks so takes what is not locked."""
    return STILL_FOR


def test_each_reading_is_stored_once_by_the_owner_of_its_device(two: Two) -> None:
    two.hear(crack(0.1), rain_of(0.0, NOW), crack(0.2, NOW + HOUR))
    assert two.count(RecentReading) == 3
    assert [one.source.acknowledged for one in two.both] == [3, 3]


def test_a_combination_over_a_zone_joins_sensors_of_two_shares_once(two: Two) -> None:
    two.hear(rain_of(0.0, NOW), crack(0.1), rain_of(20.0, NOW + HOUR))
    assert two.alerts("WET") and not two.alerts("BOTH")
    two.hear(crack(1.5, NOW + HOUR))
    assert [one.active for one in two.alerts("BOTH")] == [True]
    two.hear(crack(0.1, NOW + 2 * HOUR))
    two.tick(NOW + timedelta(days=3, hours=1))  # within 72 h of its end it still counts
    assert [one.active for one in two.alerts("BOTH")] == [True]
    two.tick(NOW + timedelta(days=3, hours=2, minutes=1))
    assert [one.active for one in two.alerts("BOTH")] == [False]


def test_gauges_of_two_shares_make_one_rain_of_their_site(store: Store) -> None:
    document = dealt()
    gauge = document["sites"][0]["sensors"][0]
    source = {"device": "node-1", "channel": "rain"}
    document["sites"][0]["sensors"].append({**gauge, "code": "R-02", "source": source})
    two = Two(store, document)
    for hour, (one, other) in enumerate([(0, 0), (5, 0), (5, 7)]):
        at = NOW + hour * HOUR
        two.hear(senml("node-1", "rain", one, at), rain_of(other, at))
    with store.reading() as session:
        (episode,) = session.scalars(select(RainEpisode))
    assert sorted(episode.gauges) == ["R-01", "R-02"]


def test_a_sensor_whose_node_is_replaced_goes_on_in_the_other_share(two: Two) -> None:
    two.hear(crack(0.1), crack(1.5, NOW + HOUR))
    moved = dealt()
    source = {"device": OTHER, "channel": "crack"}
    moved["sites"][0]["buildings"][0]["sensors"][0]["source"] = source
    two.load(moved, NOW + 2 * HOUR)
    two.hear(senml(OTHER, "crack", 1.6, NOW + 3 * HOUR))
    two.hear(crack(1.4, NOW + HOUR + MINUTE))  # late, from the old node
    assert two.count(RecentReading) == 4
    assert [one.active for one in two.alerts("WIDE")] == [True]
    two.tick(NOW + timedelta(days=1))
    # Silent once: nobody but the share of its new node asks for the crack meter.
    assert [one.subject for one in two.alerts("Q1")] == ["sensor:hill/C-01"]


def test_a_transaction_that_began_before_the_registry_moved_is_done_again(two: Two) -> None:
    one = next(one for one in two.both if one.share.owns("node-1"))
    pipeline = one.worker.pipeline
    with pytest.raises(RegistryMoved), two.store.writing() as session:
        pipeline.begin(session)
        pipeline.take(session, pipeline.decode([crack(0.1)]), NOW)
        changed = dealt()
        changed["sites"][0]["buildings"][0]["sensors"][0]["interval_s"] = 60
        two.load(changed, NOW)
        pipeline.flush(session, NOW)
    pipeline.forget()
    assert two.count(RecentReading) == 0
    one.hear(crack(0.1))
    assert two.count(RecentReading) == 1


def test_a_writer_that_slept_too_long_writes_and_acknowledges_nothing(store: Store) -> None:
    with store.writing() as session:
        load(session, registry(), by=machine("system"), now=NOW - timedelta(days=30))
    sleeper = Ingester(store, 0, shares=1)
    sleeper.hear(crack(0.1))
    heir = Ingester(store, 0, shares=1)
    heir.hear(crack(1.5, NOW + HOUR))
    with pytest.raises(ShareLost):
        sleeper.hear(crack(1.5, NOW + HOUR), crack(1.6, NOW + 2 * HOUR))
    assert sleeper.source.acknowledged == 1
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(RecentReading)) == 2
        assert session.scalar(select(func.count()).select_from(Alert)) == 1


def test_who_is_stopped_within_a_transaction_keeps_nobody_waiting(store: Store) -> None:
    sleeper = Ingester(store, 0)

    def take_over() -> int | None:
        with store.writing() as session:
            return take_share(session, 0, "heir", is_gone, for_ever)

    tokens: list[int] = []
    with pytest.raises(DBAPIError) as ended, store.writing() as session:
        fence(session, 0, sleeper.share.token, idle=timedelta(seconds=0.3))
        assert take_over() is None
        wait_until(lambda: (token := take_over()) and tokens.append(token) is None, "an heir")
        session.execute(select(rows.Share))
    assert getattr(ended.value.orig, "sqlstate", "") == "25P03"
    assert tokens == [2]


def test_who_is_stopped_within_a_statement_is_ended_by_the_heir(store: Store) -> None:
    sleeper = Ingester(store, 0)
    still = Seen()
    tokens: list[int] = []

    def take_over() -> bool:
        with store.writing() as session:
            token = take_share(session, 0, "heir", is_gone, still)
            tokens.extend([token] if token else [])
        return bool(tokens)

    with pytest.raises(DBAPIError), store.writing() as session:
        sleeper.share.fence(session)
        raw = session.connection().connection.driver_connection
        assert raw is not None
        raw.pgconn.exec_(b"COPY format_fact (key, fact) FROM STDIN")
        wait_until(take_over, "an heir", within_s=15)
        session.execute(text("SELECT 1"))
    assert tokens == [2]


def test_a_clock_that_is_set_takes_a_share_from_nobody() -> None:
    now_s = 0.0
    seen = Seen(lambda: now_s)
    assert not seen("share/0", 7)
    now_s = 4.0
    assert seen("share/0", 7) == timedelta(seconds=4)
    assert not seen("share/0", 8)
    now_s = 6.0
    assert seen("share/0", 8) == timedelta(seconds=2)


@pytest.mark.long
def test_on_a_full_disk_each_share_beats_as_itself(store: Store, small_disk: Path) -> None:
    one, other = (Ingester(store, number).worker for number in (0, 1))
    disk = FullDisk(DiskAlarm(store), Reserve(small_disk, 4_000_000))
    fill(small_disk / "filler")
    until_s = monotonic() + 4

    def late() -> bool:
        return monotonic() > until_s

    waiting = [Thread(target=disk.wait, args=(late, one.beat)) for one in (one, other)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    (small_disk / "filler").unlink()
    with store.reading() as session:
        beats = {row.role: row.beat_at for row in session.scalars(select(Heartbeat))}
        held = {row.number: row.beats for row in session.scalars(select(rows.Share))}
    assert beats.keys() == {"ingest", "ingest/1"}
    assert min(held.values()) >= 3  # taken, and counted up twice


def refuse_with(store: Store, state: str, times: int) -> None:
    """Have the database itself refuse readings so many times, whatever is rolled back."""
    with store.writing() as session:
        session.execute(text("CREATE SEQUENCE tries"))
        session.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF nextval('tries') <= {times} THEN RAISE EXCEPTION SQLSTATE '{state}'; END IF;"
                " RETURN NEW; END $$"
            )
        )
        session.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON reading_recent"
                " FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )


@pytest.mark.parametrize(("state", "times"), [("40P01", 3), ("40001", 3), ("23505", 2)])
def test_a_transaction_in_anothers_way_is_done_again(store: Store, state: str, times: int) -> None:
    with store.writing() as session:
        load(session, registry(), by=machine("system"), now=NOW - timedelta(days=30))
    one = Ingester(store, 0, shares=1)
    refuse_with(store, state, times)
    one.hear(crack(0.1))
    assert one.source.acknowledged == 1
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(RecentReading)) == 1
        assert session.scalar(select(func.count()).select_from(Quarantined)) == 0


def test_one_that_is_always_in_anothers_way_gives_up_and_acknowledges_nothing(
    store: Store,
) -> None:
    with store.writing() as session:
        load(session, registry(), by=machine("system"), now=NOW - timedelta(days=30))
    one = Ingester(store, 0, shares=1)
    refuse_with(store, "40P01", 10**6)
    with pytest.raises(DBAPIError):
        one.hear(crack(0.1))
    assert one.source.acknowledged == 0
    with store.reading() as session:
        assert session.scalar(text("SELECT last_value FROM tries")) == len(PAUSES_S) + 1


def test_a_share_without_an_owner_is_one_critical_alert_for_its_own_sensors(two: Two) -> None:
    two.hear(crack(0.1), rain_of(0.0, NOW))
    dead = role_of(share_of("node-1", 2))
    with two.store.writing() as session:
        dealing(session).shares = 2
        for role in ("ingest", "ingest/1"):
            beat(session, role)
    for _ in range(2):
        with two.store.writing() as session:
            roles = watching.with_shares(session, ("ingest", "work"))
            tell = watching.untold(session, roles, {dead})
            watching.tell(session, tell, {dead}, NOW)
    (alert,) = two.alerts("SYSTEM")
    assert (alert.subject, alert.severity) == (f"system:{dead}", "critical")
    assert alert.reason["code"] == "system.share_dead"
    with two.store.reading() as session:
        rows = session.execute(
            select(Sensor.code, SensorState.silent_since_ms).join(
                SensorState, SensorState.sensor == Sensor.key
            )
        )
        silent = {code: since_ms for code, since_ms in rows}
    assert silent == {"C-01": to_ms(NOW), "R-01": None}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"RIDGEWATCH_DATABASE_URL": "postgresql://db/r"}, "settings.shares_without_broker"),
        ({"RIDGEWATCH_MQTT_URL": "mqtt://broker"}, "settings.shares_on_sqlite"),
    ],
)
def test_several_shares_need_postgresql_and_a_broker(more: dict[str, str], code: str) -> None:
    environ = {"RIDGEWATCH_SHARES": "2", "RIDGEWATCH_DATA_DIR": "data", **more}
    with pytest.raises(BadInput) as refused:
        Settings.read(environ, secret_needed=False)
    assert [fault.reason.code for fault in refused.value.faults] == [code]


class Running:
    """Ingesters as processes, and a publisher that sends what a device would."""

    def __init__(self, store: Store, processes: Processes, broker: Mosquitto) -> None:
        self.store, self.processes, self.broker = store, processes, broker
        with store.writing() as session:
            load(session, dealt(), by=machine("system"), now=machine_now() - timedelta(days=30))
        self.sent = 0
        self.began = machine_now() - timedelta(hours=20)
        self.connection = Connection(broker.url, "devices")

    def start(self, name: str, **more: str) -> Process:
        env = {
            "RIDGEWATCH_DATA_DIR": str(self.store.data_dir / name),
            "RIDGEWATCH_DATABASE_URL": self.store.url,
            "RIDGEWATCH_MQTT_URL": self.broker.url,
            "RIDGEWATCH_SHARES": "2",
            **more,
        }
        return self.processes.start(name, RIDGEWATCH, "ingest", env=env)

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
        with self.store.reading() as session:
            return session.scalar(select(func.count()).select_from(RecentReading)) or 0

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
    wait_until(lambda: running.stored() == 2 * running.sent, "both, or one, go on")
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


def test_on_postgresql_a_second_ingester_with_one_share_stands_by(running: Running) -> None:
    one = running.start("one", RIDGEWATCH_SHARES="1").wait_for_text("role=ingest sources")
    other = running.start("other", RIDGEWATCH_SHARES="1").wait_for_text("standing_by=1")
    one.pause()
    running.publish(5)
    wait_until(lambda: running.owners() == {0: str(other.pid)}, "the second takes over")
    wait_until(lambda: running.stored() == 10, "with the backlog")
    one.go_on()
    assert one.wait() == 70


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
