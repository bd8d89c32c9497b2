"""A sensor's row may lag behind its readings, and no crash shows it."""

import random
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from ingest import saving
from ingest.commons import Commons
from ingest.message import Message
from ingest.pipeline import Pipeline
from ingest.shares import Share
from models.alert import Alert
from models.reading import SensorState
from models.share import share_of
from models.store import Store
from models.times import to_ms
from tests.ingest.house import (
    CRACK_RULE,
    NOW,
    RAIN_RULE,
    SILENCE_RULE,
    House,
    rain,
    registry,
    senml,
)

SENSORS, ROUNDS, MINUTE = 700, 6, timedelta(minutes=1)
FAST_RULE = {
    "code": "FAST",
    "kind": "rate",
    "where": {"quantity": "crack_width", "sites": None, "sensors": None},
    "window": "1h",
    "levels": [{"severity": "critical", "raise_at": 100}],
    "on_delay": "2 samples",
}
OTHER_THAN_9 = next(
    name for name in ("node-5", "node-6", "node-7") if share_of(name, 2) != share_of("node-9", 2)
)
DELAYED_RULE = {**CRACK_RULE, "on_delay": "2 samples", "off_delay": "10m"}


@pytest.fixture(autouse=True)
def slow_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rows lag on the quickest machine as well."""
    monkeypatch.setattr(saving, "ROWS_PER_S", 10)
    monkeypatch.setattr(saving, "SWEEP_S", 1000.0)


def crowd(store: Store) -> House:
    """Return a house with many cracks, all on one node."""
    house = House(store)
    document = registry([DELAYED_RULE, FAST_RULE, SILENCE_RULE, RAIN_RULE])
    cracks = [
        {
            "code": f"C-{n:03}",
            "quantity": "crack_width",
            "unit": "mm",
            "interval_s": 60,
            "element": "ridge",
            "source": {"device": "node-9", "channel": f"c{n:03}"},
        }
        for n in range(SENSORS)
    ]
    other = {**cracks[0], "code": "O-01", "source": {"device": OTHER_THAN_9, "channel": "other"}}
    document["sites"][0]["buildings"][0]["sensors"] += [*cracks, other]
    house.load(document, NOW - timedelta(days=30))
    return house


def feed_round(house: House, number: int) -> None:
    """Let all of them speak once."""
    at = NOW + number * MINUTE
    house.feed(*told_in(number), now=at + 3 * MINUTE)  # when all of it was there
    house.tick(at + 3.5 * MINUTE)


def told_in(number: int) -> list[Message]:
    """Return what all say in a minute: most are calm, some cross a limit, some are odd or late."""
    dice = random.Random(number)  # noqa: S311  (test data)
    at = NOW + number * MINUTE
    packs = []
    for first in range(0, SENSORS, 70):
        records = [
            f'{{"n":"c{n:03}","u":"mm","v":{0.5 + dice.random() / 50 + 1.2 * (n % 97 == 5):.4f}}}'
            for n in range(first, first + 70)
        ]
        if dice.random() < 0.1:
            records[3] = records[3].replace('"v":', '"v":-9')
        base = f'{{"bn":"node-9:","bt":{at.timestamp()},{records[0][1:]}'
        late = 3 * MINUTE if dice.random() < 0.1 else timedelta(seconds=2)
        payload = ("[" + ",".join([base, *records[1:]]) + "]").encode()
        packs.append(Message("ridgewatch/hill/node-9/senml", payload, to_ms(at + late), qos=1))
    return packs


def left(house: House) -> tuple[list[Any], list[Any]]:
    """Return all sensors' rows and alerts, once all is written."""
    with house.store.writing() as session:
        house.pipeline.begin(session)
        house.pipeline.flush(session, NOW, whole=True)
    with house.store.reading() as session:
        state = SensorState
        rows = [
            (*row[:4], _without_hearing(row.rules))
            for row in session.execute(
                select(state.sensor, state.at_ms, state.value, state.quality, state.rules)
            )
        ]
        alerts = session.execute(
            select(Alert.rule_code, Alert.subject, Alert.severity, Alert.observed_at, Alert.active)
        )
        return sorted(rows), sorted(map(tuple, alerts))


def _without_hearing(packed: bytes) -> dict[str, Any]:
    """Return what the rules remember, but for when the sensor was heard: at its reading, or
    seconds later, when that arrived."""
    _, states = msgspec.msgpack.decode(packed)
    states["Q1"][1][0] = 0
    return states


def test_a_process_that_is_killed_goes_on_as_if_nothing_had_been(
    sqlite_store: Store, postgres_store: Store
) -> None:
    undisturbed, killed = crowd(sqlite_store), crowd(postgres_store)
    lagged = 0
    for number in range(ROUNDS):
        feed_round(undisturbed, number)
        feed_round(killed, number)
        assert killed.pipeline.judges is not None
        lagged += len(killed.pipeline.judges.unsaved.soon)
        killed.pipeline = Pipeline()  # nothing of its memory is left

    assert lagged > ROUNDS * SENSORS / 2
    rows, alerts = left(undisturbed)
    assert left(killed) == (rows, alerts)
    assert alerts


def test_few_changes_are_written_at_once(store: Store) -> None:
    house = House(store)
    for number in range(3):
        at = NOW + number * MINUTE
        payload = f'[{{"bn":"node-1:","bt":{at.timestamp()},"n":"crack","u":"mm","v":0.5}}]'
        message = Message("ridgewatch/hill/node-1/senml", payload.encode(), to_ms(at), qos=1)
        house.feed(message, now=at)

        with house.store.reading() as session:
            assert max(session.scalars(select(SensorState.at_ms))) == to_ms(at)


def test_rows_that_lag_are_written_while_nothing_comes(sqlite_store: Store) -> None:
    house = crowd(sqlite_store)
    for number in range(3):
        feed_round(house, number)
    judges = house.pipeline.judges
    assert judges is not None and judges.unsaved.soon

    with house.store.writing() as session:
        house.pipeline.save_what_lags(session, NOW + 20 * MINUTE)

    assert not judges.unsaved.soon
    with house.store.reading() as session:
        stale = select(SensorState).where(SensorState.at_ms < to_ms(NOW + 2 * MINUTE))
        assert session.scalars(stale).all() == []


def test_a_reading_told_ahead_is_not_judged_again_at_its_own_time(sqlite_store: Store) -> None:
    house = crowd(sqlite_store)
    for number in range(3):
        feed_round(house, number)
    ahead, received = NOW + 3 * MINUTE + timedelta(minutes=6), NOW + 3 * MINUTE
    payload = f'[{{"bn":"node-9:","bt":{ahead.timestamp()},"n":"c005","u":"mm","v":0.1}}]'
    house.feed(Message("ridgewatch/hill/node-9/senml", payload.encode(), to_ms(received), qos=1))
    before = left(house)

    house.pipeline = Pipeline()

    assert left(house) == before


def test_what_waited_for_hours_and_is_taken_at_once_outlives_a_kill_too(
    sqlite_store: Store, postgres_store: Store
) -> None:
    undisturbed, killed = crowd(sqlite_store), crowd(postgres_store)
    waited = [message for number in range(1, 31) for message in told_in(number)]
    for house in (undisturbed, killed):
        feed_round(house, 0)
        house.feed(*waited[:150], now=NOW + timedelta(hours=3))
        house.feed(*waited[150:], now=NOW + timedelta(hours=3))

    killed.pipeline = Pipeline()

    assert left(killed) == left(undisturbed)


def test_who_is_killed_again_before_what_lagged_is_written_goes_on_too(
    sqlite_store: Store,
) -> None:
    house, hour = crowd(sqlite_store), timedelta(hours=1)
    for number in range(3):
        feed_round(house, number)
    judges = house.pipeline.judges
    assert judges is not None and judges.unsaved.soon
    known = {key: judges.sensors[key].row() for key in judges.unsaved.soon}

    house.pipeline = Pipeline()
    house.feed(rain(1.0, NOW + hour), now=NOW + hour)  # another sensor's row is ahead now
    house.pipeline = Pipeline()

    assert_goes_on(house, known, NOW + hour)


def test_a_share_that_comes_back_after_hours_goes_on_where_it_was_killed(
    postgres_store: Store,
) -> None:
    def pipeline_of(number: int) -> Pipeline:
        return Pipeline(commons=Commons(Share(number, 2, token=1)))

    house = crowd(postgres_store)
    mine, other = (share_of(device, 2) for device in ("node-9", OTHER_THAN_9))
    house.pipeline = pipeline_of(mine)
    for number in range(3):
        feed_round(house, number)
    judges = house.pipeline.judges
    assert judges is not None and judges.unsaved.soon
    known = {key: judges.sensors[key].row() for key in judges.unsaved.soon}

    house.pipeline = pipeline_of(other)
    hours = timedelta(hours=3)
    house.feed(senml(OTHER_THAN_9, "other", 0.5, NOW + hours), now=NOW + hours)
    house.pipeline = pipeline_of(mine)

    assert_goes_on(house, known, NOW + hours)


def test_some_row_is_as_new_as_what_lags_however_slow_the_sweep_is() -> None:
    """By the newest row a share knows how far its readings can go beyond those that are written."""
    unsaved, now_ms = saving.Unsaved(range(2_000)), to_ms(NOW)
    unsaved.arrived(now_ms)
    unsaved.soon.update(dict.fromkeys(range(1_000, 2_000)))

    unsaved.take(now_ms)

    assert 0 < 1_000 - len(unsaved.soon) < 1_000


def assert_goes_on(house: House, known: dict[int, Any], now: datetime) -> None:
    """Assert that memory, read anew, holds what these rows do that had not been written."""
    with house.store.writing() as session:
        house.pipeline.begin(session, now=now)
    assert house.pipeline.judges is not None
    for key, (_, _, at_ms, value, quality, _, _, rules, *_) in known.items():
        row = house.pipeline.judges.sensors[key].row()
        assert row[2:5] == (at_ms, value, quality)
        assert _without_hearing(row[7]) == _without_hearing(rules)
