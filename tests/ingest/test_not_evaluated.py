"""What nobody measured now is stored and drawn, and acts on nothing: not now, and not later."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ingest.message import Message
from models.reading import RainEpisode
from models.store import Store
from models.times import to_ms
from tests.ingest.house import CRACK_RULE, NOW, RAIN_RULE, House, crack, registry

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LIGHT = {**RAIN_RULE, "where": {"quantity": "rain_increment"}}


@pytest.fixture
def house(store: Store) -> House:
    """A node of The Things Stack, which marks what a person had it simulate."""
    house = House(store)
    house.load(document(CRACK_RULE), NOW - 2 * HOUR)
    return house


def document(*rules: dict[str, Any]) -> dict[str, Any]:
    found = registry([*rules, LIGHT])
    site = found["sites"][0]
    site["buildings"][0]["sensors"][0]["source"] = {"device": "r1", "channel": "crack_mm"}
    source = {"device": "r1", "channel": "rain_mm"}
    site["sensors"][0] |= {"code": "R-02", "quantity": "rain_increment", "source": source}
    return found


def uplink(at: datetime, simulated: bool = False, received: datetime | None = None, **how: float):
    told = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    payload = {
        "end_device_ids": {"device_id": "r1"},
        "received_at": told,
        "simulated": simulated,
        "uplink_message": {"f_port": 1, "received_at": told, "decoded_payload": how},
    }
    payload["uplink_message"] |= {"f_cnt": int(at.timestamp()) % 60_000, "session_key_id": "a"}
    body = json.dumps(payload).encode()
    return Message("v3/app/devices/r1/up", body, to_ms(received or at), source="subscriber")


def episodes(house: House) -> list[dict[str, float]]:
    with house.store.reading() as session:
        return [one.sums for one in session.scalars(select(RainEpisode))]


def test_simulated_rain_makes_no_episode(house: House) -> None:
    house.feed(uplink(NOW, simulated=True, rain_mm=60))
    assert episodes(house) == []

    house.feed(uplink(NOW + MINUTE, rain_mm=1))
    assert [sums["12"] for sums in episodes(house)] == [1]


def test_a_simulated_value_raises_nothing_when_its_stretch_is_judged_again(house: House) -> None:
    house.feed(uplink(NOW - HOUR, crack_mm=0.5), uplink(NOW, simulated=True, crack_mm=5))

    late = uplink(NOW - 30 * MINUTE, received=NOW + MINUTE, crack_mm=0.5)
    house.feed(late, now=NOW + MINUTE)

    assert [(value, quality) for _, value, quality in house.readings()] == [
        (0.5, 1),
        (0.5, 1),
        (5, 2),
    ]
    assert house.alerts() == []


def test_a_simulated_value_raises_nothing_by_a_rule_that_is_new(house: House) -> None:
    house.feed(uplink(NOW - HOUR, crack_mm=0.5), uplink(NOW, simulated=True, crack_mm=5))

    house.load(document({**CRACK_RULE, "deadband": 0.1}), NOW)
    house.tick(NOW + MINUTE)

    assert house.alerts() == []


def test_a_true_value_after_a_simulated_one_is_no_odd_step(house: House) -> None:
    house.feed(uplink(NOW, simulated=True, crack_mm=5), uplink(NOW + MINUTE, crack_mm=0.5))

    assert [quality for _, _, quality in house.readings()] == [2, 1]


def test_what_a_broker_had_kept_raises_nothing_later_either(store: Store) -> None:
    house = House(store)
    house.feed(crack(0.5, NOW - HOUR), crack(9.0, retain=True, source="subscriber"))

    house.feed(crack(0.5, NOW - 30 * MINUTE, received=NOW + MINUTE), now=NOW + MINUTE)

    assert house.alerts() == []


def test_what_came_days_late_raises_nothing_later_either(store: Store) -> None:
    house = House(store)
    house.feed(crack(9.0, NOW - 30 * HOUR, received=NOW - 5 * HOUR), crack(0.5, NOW - 4 * HOUR))

    stricter = {**CRACK_RULE, "levels": [{"severity": "medium", "raise_at": 3.0}]}
    house.load(registry([stricter]), NOW)
    house.feed(crack(0.5, NOW - 5 * HOUR, received=NOW), now=NOW)

    assert house.alerts() == []


def test_what_comes_hours_late_is_judged(store: Store) -> None:
    house = House(store)
    house.feed(crack(0.5))

    house.feed(crack(9.0, NOW - 20 * HOUR, received=NOW + MINUTE), now=NOW + MINUTE)

    (alert,) = house.alerts()
    assert alert.late and not alert.active
