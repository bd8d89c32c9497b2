"""What anybody may invent: so many names a day are written down, and each for a month."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from ingest import strangers
from ingest.message import Message
from ingest.strangers import forget
from models.gap import DeviceCount
from models.reading import Channel, WaitingReading
from models.sensor import Device
from models.store import Store
from models.times import to_ms
from models.turned_away import TurnedAway
from tests.ingest.house import NOW, House, counting, crack, senml

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MOST = 5


@pytest.fixture
def house(store: Store, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(strangers, "MOST_NEW_A_DAY", MOST)
    monkeypatch.setattr(strangers, "CHANNELS_OF_ITS_OWN", 1)
    return House(store)


def invented(number: int, at: datetime = NOW) -> Message:
    return senml(f"ghost-{number}", "x", 1.0, at)


def numbered(number: int, at: datetime) -> Message:
    """Return a message of one who counts."""
    base = {"bn": f"ghost-{number}:", "bt": at.timestamp()}
    pack = [base | {"n": "x", "v": 1.0}, {"n": "seq", "u": "count", "v": 7}]
    payload = json.dumps(pack).encode()
    return Message(f"ridgewatch/hill/ghost-{number}/senml", payload, to_ms(at), qos=1)


def count(house: House, table: type) -> int:
    with house.store.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def turned_away(house: House) -> list[tuple[int, int]]:
    with house.store.reading() as session:
        rows = session.scalars(select(TurnedAway).order_by(TurnedAway.day_ms))
        return [(row.names, row.readings) for row in rows]


def test_of_a_flood_of_names_so_many_are_written_down_and_the_rest_is_counted(
    house: House,
) -> None:
    for batch in range(4):
        at = NOW + batch * MINUTE
        house.feed(*(invented(number, at) for number in range(MOST + 3)), now=at)

    assert count(house, Channel) == count(house, Device) == MOST
    assert count(house, WaitingReading) == 4 * MOST
    assert turned_away(house) == [(3 + 3, 4 * 3)]  # devices and channels


def test_the_next_day_takes_more_and_what_is_known_goes_on(house: House) -> None:
    house.feed(*(invented(number) for number in range(MOST + 3)))
    later = NOW + DAY

    house.feed(*(invented(number, later) for number in range(MOST + 3)), now=later)

    assert count(house, Channel) == MOST + 3
    assert turned_away(house) == [(6, 3)]


def test_the_registrys_devices_are_heard_whatever_is_invented(house: House) -> None:
    house.feed(*(invented(number) for number in range(MOST + 3)))

    house.feed(crack(0.5), senml("node-1", "battery", 90.0, NOW, unit="%EL"))

    assert len(house.readings()) == 1
    with house.store.reading() as session:
        assert session.get(Channel, ("node-1", "battery")) is not None
        assert session.scalar(select(Device).where(Device.code == "node-1")) is not None


def test_a_device_that_invents_channels_without_end_is_bounded_too(house: House) -> None:
    house.feed(*(senml("node-1", f"c{n}", 1.0, NOW) for n in range(3 * MOST)))

    assert count(house, Channel) == MOST + 2  # one more for each of two devices


def test_of_what_strangers_count_so_much_is_followed(house: House) -> None:
    house.feed(*(numbered(number, NOW) for number in range(MOST + 3)))

    assert count(house, DeviceCount) == MOST


def test_who_was_turned_away_is_not_looked_up_again(house: House) -> None:
    house.feed(*(invented(number) for number in range(MOST + 3)))

    with counting(house.store) as statements:
        house.feed(*(invented(number, NOW + MINUTE) for number in range(MOST + 3)))

    assert not any(one.startswith("SELECT channel.device") for one in statements)


def test_strangers_are_forgotten_a_month_after_they_were_last_heard(house: House) -> None:
    house.feed(crack(0.5), senml("node-1", "battery", 90.0, NOW), numbered(1, NOW))
    house.feed(numbered(2, NOW + 20 * DAY), now=NOW + 20 * DAY)

    forget(house.store, NOW + 29 * DAY)
    assert count(house, Channel) == 4
    forget(house.store, NOW + 31 * DAY)

    with house.store.reading() as session:
        channels = session.scalars(select(Channel.device).order_by(Channel.device)).all()
        devices = session.scalars(select(Device.code).order_by(Device.code)).all()
        senders = session.scalars(select(DeviceCount.source)).all()
    assert channels == ["ghost-2", "node-1", "node-1"]
    assert devices == ["ghost-2", "node-1"]
    assert senders == ["ghost-2"]
