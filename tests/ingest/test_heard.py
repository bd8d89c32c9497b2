"""When it is written down that a claimed channel spoke: at once, or of many within the hour."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ingest import devices
from models.reading import Channel
from models.store import Store
from tests.ingest.house import NOW, House, crack

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
