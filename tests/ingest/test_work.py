"""Jobs: done once, cancelled at the next report, kept; what has waited is loaded."""

import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from ingest import claims
from ingest.message import Message
from ingest.moving import close_hours
from ingest.pipeline import Pipeline
from ingest.work_role import Task, Work
from models.claim import claim, decode_again
from models.errors import Missing, Refusal
from models.heartbeat import Heartbeat
from models.job import MOST_TRIES, Job, ask, take_job
from models.people import machine
from models.reading import Channel, Quarantined, Rollup, SensorState, WaitingReading
from models.reasons import reason
from models.registry_file.load import load
from models.sensor import Sensor
from models.store import Store
from models.times import to_ms
from tests.harness.processes import wait_until
from tests.ingest.house import NOW, registry
from tests.readings import readings_of

SYSTEM = machine("system")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def a_job(store: Store, kind: str = "count", **arguments: Any) -> uuid.UUID:
    with store.writing() as session:
        return ask(session, kind, arguments, by=SYSTEM, now=NOW).id


def job(store: Store, job_id: uuid.UUID) -> Job:
    with store.reading() as session:
        return session.get_one(Job, job_id)


def count(task: Task) -> Mapping[str, Any]:
    for number in range(task.arguments["n"]):
        task.report(number / task.arguments["n"])
    return {"counted": task.arguments["n"]}


def test_a_job_is_done_and_its_result_is_kept(store: Store) -> None:
    job_id = a_job(store, n=3)
    work = Work(store, {"count": count}, holder="a")

    assert work.turn()
    assert not work.turn()

    done = job(store, job_id)
    assert (done.state, done.progress, done.result) == ("done", 1.0, {"counted": 3})
    assert done.ended_at is not None


def test_asking_twice_under_one_key_is_asking_once(store: Store) -> None:
    with store.writing() as session:
        first = ask(session, "count", {"n": 1}, by=SYSTEM, now=NOW, key="x")

        assert ask(session, "count", {"n": 1}, by=SYSTEM, now=NOW, key="x") is first


def test_a_refused_job_says_why_and_a_faulty_one_that_it_was_our_fault(store: Store) -> None:
    def refuse(_: Task) -> Mapping[str, Any]:
        raise Refusal(reason("alert.sensor_heard"))

    def fail(_: Task) -> Mapping[str, Any]:
        raise ZeroDivisionError

    refused, failed = a_job(store, "refuse"), a_job(store, "fail")
    work = Work(store, {"refuse": refuse, "fail": fail})
    work.turn()
    work.turn()

    assert job(store, refused).failure == {"code": "alert.sensor_heard", "values": {}}
    assert job(store, failed).failure == {
        "code": "job.fault",
        "values": {"why": "ZeroDivisionError"},
    }
    assert {job(store, one).state for one in (refused, failed)} == {"failed"}


def test_a_cancelled_job_stops_at_its_next_report(store: Store) -> None:
    reported = []

    def slow(task: Task) -> Mapping[str, Any]:
        for number in range(3):
            reported.append(number)
            with task.store.writing() as session:
                if number == 1:
                    session.get_one(Job, task.id).cancel(by=SYSTEM, now=NOW)
            task.report(number / 3)
        return {}

    job_id = a_job(store, "slow")
    Work(store, {"slow": slow}).turn()

    assert reported == [0, 1]
    assert job(store, job_id).state == "cancelled"


def test_a_job_that_waits_is_cancelled_at_once_and_then_no_more(store: Store) -> None:
    job_id = a_job(store, n=1)
    with store.writing() as session:
        waiting = session.get_one(Job, job_id)
        waiting.cancel(by=SYSTEM, now=NOW)
        with pytest.raises(Refusal):
            waiting.cancel(by=SYSTEM, now=NOW)

    assert not Work(store, {"count": count}).turn()


def test_the_job_of_a_dead_worker_is_done_by_another_but_not_for_ever(store: Store) -> None:
    job_id = a_job(store, n=1)
    for number in range(MOST_TRIES):
        with store.writing() as session:  # taken, and then the process dies
            then = LONG_AGO + timedelta(minutes=number)
            assert take_job(session, ["count"], f"dead-{number}", then) is not None

    assert not Work(store, {"count": count}).turn()

    assert job(store, job_id).state == "failed"
    assert job(store, job_id).failure == {"code": "job.died", "values": {"n": MOST_TRIES}}


def test_a_worker_that_lost_its_job_can_not_end_it(store: Store) -> None:
    def steal(task: Task) -> Mapping[str, Any]:
        with task.store.writing() as session:
            session.execute(update(Job).values(holder="another"))
        return {"mine": True}

    job_id = a_job(store, "steal")
    Work(store, {"steal": steal}).turn()

    assert (job(store, job_id).state, job(store, job_id).result) == ("running", None)


# What has waited.

DEVICE, CHANNEL = "stray", "gap"


def hear(store: Store, hours: int) -> None:
    """Let a device speak that nobody has registered: one reading an hour."""
    pipeline = Pipeline()
    messages = []
    for hour in range(hours):
        at = NOW + timedelta(hours=hour)
        payload = (
            f'[{{"bn":"{DEVICE}:","n":"{CHANNEL}","u":"cm","v":{hour},"bt":{at.timestamp()}}}]'
        )
        topic = f"ridgewatch/hill/{DEVICE}/senml"
        messages.append(Message(topic, payload.encode(), to_ms(at), qos=1))
    with store.writing() as session:
        pipeline.begin(session)
        pipeline.take(session, pipeline.decode(messages), NOW)
        pipeline.flush(session, NOW)


def an_unread_sensor(store: Store, quantity: str = "crack_width") -> None:
    sensor = {"code": "C-09", "quantity": quantity, "unit": "mm", "interval_s": 3600}
    if quantity == "temperature":
        sensor["unit"] = "degC"
    document = registry()
    document["sites"][0]["sensors"].append(sensor)
    with store.writing() as session:
        load(session, document, by=SYSTEM, now=NOW)


def claim_it(store: Store, code: str = "C-09", device: str = DEVICE) -> uuid.UUID:
    with store.writing() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == code)).one()
        return claim(session, device, CHANNEL, sensor, by=SYSTEM, now=NOW).id


def readings(store: Store, code: str = "C-09") -> list[tuple[int, float | None]]:
    with store.reading() as session:
        key = session.scalars(select(Sensor.key).where(Sensor.code == code)).one()
        return [(one.at_ms, one.value) for one in readings_of(session, key)]


def test_a_claimed_channel_brings_its_past_in_the_sensors_unit(store: Store) -> None:
    an_unread_sensor(store)
    hear(store, 30)
    with store.reading() as session:
        assert len(session.scalars(select(WaitingReading)).all()) == 30

    job_id = claim_it(store)
    Work(store, claims.HANDLERS).turn()

    assert job(store, job_id).result == {"loaded": 30}
    found = readings(store)
    assert [at for at, _ in found] == [to_ms(NOW + timedelta(hours=n)) for n in range(30)]
    assert [value for _, value in found][:3] == [0.0, 10.0, 20.0]
    with store.reading() as session:
        assert session.scalars(select(WaitingReading)).all() == []
        assert session.get_one(Channel, (DEVICE, CHANNEL)).claimed
        state = session.scalars(select(SensorState)).one()
        assert state.due_ms is not None  # it would be missed
    close_hours(store, NOW + timedelta(hours=31))
    with store.reading() as session:
        assert len(session.scalars(select(Rollup)).all()) >= 30


def test_claiming_again_adds_nothing(store: Store) -> None:
    an_unread_sensor(store)
    hear(store, 3)
    for _ in range(2):
        claim_it(store)
        Work(store, claims.HANDLERS).turn()

    assert len(readings(store)) == 3


def test_readings_go_to_the_sensor_from_then_on(store: Store) -> None:
    an_unread_sensor(store)
    hear(store, 2)
    claim_it(store)

    hear(store, 4)
    Work(store, claims.HANDLERS).turn()

    assert len(readings(store)) == 4


def test_a_channel_that_was_never_heard_can_not_be_claimed(store: Store) -> None:
    an_unread_sensor(store)

    with pytest.raises(Missing):
        claim_it(store, device="nobody")


@pytest.mark.parametrize(
    ("quantity", "code", "says"),
    [("temperature", "C-09", "channel.other_unit"), ("crack_width", "C-01", "channel.taken")],
)
def test_a_channel_goes_to_one_sensor_that_can_read_it(
    quantity: str, code: str, says: str, store: Store
) -> None:
    an_unread_sensor(store, quantity)
    hear(store, 1)
    if says == "channel.taken":
        claim_it(store, "C-09")

    with pytest.raises(Refusal) as refused:
        claim_it(store, code)

    assert refused.value.reason.code == says


def test_a_refused_message_is_read_again_and_stays_if_it_is_no_better(store: Store) -> None:
    an_unread_sensor(store)
    pack = b'[{"bn":"node-1:","n":"crack","u":"mm","v":1.5,"bt":%d}]' % NOW.timestamp()
    with store.writing() as session:
        for payload in (pack, b"\x00rubbish", base64.b64encode(b"x")):
            session.add(
                Quarantined(
                    received_at=NOW,
                    topic="ridgewatch/hill/node-1/senml",
                    payload=payload,
                    qos=1,
                    retain=False,
                    source="receiver",
                    reason={"code": "format.unknown", "values": {}},
                )
            )
        session.flush()
        ids = list(session.scalars(select(Quarantined.id)))
        job_id = decode_again(session, ids, by=SYSTEM, now=NOW).id

    Work(store, claims.HANDLERS).turn()

    assert job(store, job_id).result == {"decoded": 1, "readings": 1}
    assert readings(store, "C-01") == [(to_ms(NOW), 1.5)]
    with store.reading() as session:
        tried = session.scalars(select(Quarantined.decoded_again_at)).all()
        assert None not in tried


def test_a_long_job_is_no_dead_worker(store: Store) -> None:
    a_job(store, "slow")
    beaten: list[datetime | None] = []

    def slow(task: Task) -> Mapping[str, Any]:
        def beats() -> bool:
            with store.reading() as session:
                row = session.get(Heartbeat, "work")
                beaten.append(row.beat_at if row else None)
            return len(set(beaten)) > 2

        wait_until(beats, "heartbeats during the job")
        return {}

    Work(store, {"slow": slow}, role="work", beats_every_s=0.01).turn()

    assert len(set(beaten)) > 2
