"""When it is written down that a claimed channel spoke: at once, or of many within the hour."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ingest import devices
from models.pulse import bump
from models.reading import Channel
from models.store import Store
from models.times import to_ms
from tests.ingest.house import NOW, House, crack, rain

MINUTE = timedelta(minutes=1)


def written(house: House) -> list[int]:
    """Return how often each channel was written down to have spoken."""
    with house.store.reading() as session:
        return list(session.scalars(select(Channel.count).order_by(Channel.device)))


def test_a_channel_is_written_down_when_it_first_speaks(sqlite_store: Store) -> None:
    house = House(sqlite_store)

    house.feed(crack(0.5))

    assert written(house) == [1]


def test_of_many_each_has_its_time_within_the_hour_and_every_reading_counts(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "MANY_SENSORS", 1)
    house = House(sqlite_store)

    found = []
    for number in range(62):
        house.feed(crack(0.5, NOW + number * MINUTE), now=NOW + number * MINUTE)
        found.append(written(house))

    assert found[0] == []
    first = found.index(next(one for one in found if one))
    assert found[first] == [first + 1]
    assert found[-1] == found[first]


def test_after_the_clock_went_back_a_channel_is_written_down_again(sqlite_store: Store) -> None:
    house = House(sqlite_store)
    house.feed(crack(0.5, NOW + timedelta(days=1)), now=NOW + timedelta(days=1))

    house.feed(crack(0.5), now=NOW)

    assert written(house) == [2]
    with house.store.reading() as session:
        assert session.scalars(select(Channel.last_ms)).one() == to_ms(NOW)


def test_of_many_each_is_written_down_although_the_registry_changes_all_the_time(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "MANY_SENSORS", 1)
    house = House(sqlite_store)

    for number in range(124):
        at = NOW + number * MINUTE
        if number % 20 == 19:
            with house.store.writing() as session:
                bump(session, registry=True)
        house.feed(crack(0.5, at), rain(1.0, at), now=at)

    with house.store.reading() as session:
        said = session.scalars(select(Channel.last_ms)).all()
    assert len(said) == 2
    assert all(one > to_ms(NOW + 60 * MINUTE) for one in said)
