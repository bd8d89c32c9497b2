"""A message that is sent again is stored once, also where nothing in it tells the time."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from ingest.message import Message
from models.reading import Quarantined
from models.store import Store
from models.times import to_ms
from tests.ingest.house import NOW, House

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def untimed(at: datetime, **how: bool) -> Message:
    payload = b'[{"bn":"node-1:","n":"crack","u":"mm","v":0.5}]'
    return Message("ridgewatch/hill/node-1/senml", payload, to_ms(at), qos=1, **how)


@pytest.mark.parametrize("later", [9 * MINUTE, 11 * MINUTE, 30 * HOUR])
def test_what_is_marked_as_sent_again_is_stored_once_however_late(
    house: House, later: timedelta
) -> None:
    house.feed(untimed(NOW))

    batch = house.feed(untimed(NOW + later, dup=True), now=NOW + later)

    assert (len(house.readings()), batch.repeats) == (1, 1)


@pytest.mark.parametrize(("later", "stored"), [(9 * MINUTE, 1), (11 * MINUTE, 2)])
def test_the_first_message_after_a_reconnect_counts_as_a_repeat_for_ten_minutes(
    house: House, later: timedelta, stored: int
) -> None:
    house.feed(untimed(NOW))

    house.feed(untimed(NOW + later, resumed=True), now=NOW + later)

    assert len(house.readings()) == stored


def test_what_cannot_be_read_is_kept_once_where_it_is_marked_as_sent_again(house: House) -> None:
    unread = Message("ridgewatch/hill/node-1/senml", b"{", to_ms(NOW), qos=1)

    house.feed(unread, replace(unread, dup=True))
    house.feed(replace(unread, dup=True))
    house.feed(replace(unread, payload=b"[", dup=True))

    with house.store.reading() as session:
        assert session.scalars(select(Quarantined.payload)).all() == [b"{", b"["]


def test_equal_messages_otherwise_are_two_measurements(house: House) -> None:
    house.feed(untimed(NOW), untimed(NOW + MINUTE))

    assert len(house.readings()) == 2
