"""A clock that runs hours ahead hides nothing: its readings are judged when they are received."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from ingest.pipeline import Pipeline
from models.notice import Notice
from models.reading import Quarantined
from models.store import Store
from tests.ingest.house import NOW, House, crack, rain

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AHEAD = NOW + 20 * HOUR


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def pages(house: House) -> list[tuple[str, datetime]]:
    with house.store.reading() as session:
        return [(one.severity, one.created_at) for one in session.scalars(select(Notice))]


def test_readings_that_follow_one_told_ahead_escalate_and_page(house: House) -> None:
    house.feed(crack(1.4))
    house.feed(crack(1.3, AHEAD, received=NOW + MINUTE))

    house.feed(crack(9.0, NOW + 15 * MINUTE), now=NOW + 15 * MINUTE)

    (alert,) = house.alerts()
    assert alert.severity == "high"
    assert pages(house) == [("high", NOW + 15 * MINUTE)]


def test_a_new_process_goes_on_the_same(house: House) -> None:
    house.feed(crack(1.4), crack(1.3, AHEAD, received=NOW + MINUTE))
    house.pipeline = Pipeline()

    house.feed(crack(9.0, NOW + 15 * MINUTE), crack(1.3, AHEAD, received=NOW + 16 * MINUTE))

    (alert,) = house.alerts()
    assert alert.severity == "high"
    assert len(house.readings()) == 3


def test_a_reading_told_ahead_pages_at_once(house: House) -> None:
    house.feed(crack(9.0, AHEAD, received=NOW + MINUTE), now=NOW + MINUTE)

    (alert,) = house.alerts()
    assert alert.raised_at == NOW + MINUTE
    assert pages(house) == [("high", NOW + MINUTE)]


def test_all_readings_of_a_message_told_ahead_are_judged(house: House) -> None:
    house.feed(*(crack(v, AHEAD + v * MINUTE, received=NOW) for v in (0.5, 1.4, 9.0)))

    (alert,) = house.alerts()
    assert alert.severity == "high"


def test_a_sensor_that_told_ahead_falls_silent_like_any_other(house: House) -> None:
    house.feed(crack(0.5), crack(0.5, AHEAD, received=NOW + MINUTE))

    house.tick(NOW + HOUR)

    assert [alert.rule_code for alert in house.alerts()] == ["Q1"]


def test_the_true_reading_of_an_instant_told_ahead_is_judged(house: House) -> None:
    house.feed(crack(0.5, AHEAD, received=NOW))

    house.feed(crack(9.0, AHEAD), now=AHEAD)

    (alert,) = house.alerts()
    assert alert.severity == "high"
    assert [value for _, value, _ in house.readings()] == [0.5]  # the first stays
    with house.store.reading() as session:
        (row,) = session.scalars(select(Quarantined)).all()
        assert row.reason["code"] == "quarantine.conflicting_duplicate"


def test_rain_that_follows_a_total_told_ahead_is_credited(house: House) -> None:
    house.feed(rain(100.0), rain(100.0, AHEAD, received=NOW + MINUTE))

    house.feed(*(rain(100.0 + 8 * i, NOW + i * 5 * MINUTE) for i in (1, 2)))

    assert [alert.rule_code for alert in house.alerts()] == ["WET"]
