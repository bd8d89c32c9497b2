"""A device's key speaks for its device alone, in the payload as in the topic."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from ingest import claims
from ingest.message import Message
from ingest.work_role import Work
from models.claim import decode_again
from models.people import machine
from models.reading import Quarantined, WaitingReading
from models.store import Store
from models.times import to_ms
from tests.ingest.house import NOW, House, crack

ROGUE = "node-9"


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def pack(*records: dict) -> Message:
    """Return SenML as the key of node-9 may send it: under its own topic."""
    topic = f"ridgewatch/hill/{ROGUE}/senml"
    payload = json.dumps(list(records)).encode()
    return Message(topic, payload, to_ms(NOW), qos=1, client=ROGUE, device=ROGUE)


def refusals(house: House) -> list[Quarantined]:
    with house.store.reading() as session:
        return list(session.scalars(select(Quarantined)))


def waiting(house: House) -> list[str]:
    with house.store.reading() as session:
        return list(session.scalars(select(WaitingReading.device)))


def test_a_reading_in_another_devices_name_is_refused_and_kept_whole(house: House) -> None:
    forged = pack({"bn": "node-1:", "bt": NOW.timestamp(), "n": "crack", "u": "mm", "v": 9})

    house.feed(forged)

    assert house.readings() == [] and house.alerts() == [] and waiting(house) == []
    (kept,) = refusals(house)
    assert kept.reason["code"] == "quarantine.not_its_own_device"
    assert kept.reason["values"] == {"key": ROGUE, "device": "node-1"}
    assert (kept.payload, kept.device) == (forged.payload, ROGUE)


def test_one_foreign_record_refuses_the_whole_pack(house: House) -> None:
    house.feed(
        pack(
            {"bn": f"{ROGUE}:", "bt": NOW.timestamp(), "n": "crack", "u": "mm", "v": 1},
            {"bn": "node-1:", "n": "crack", "u": "mm", "v": 9},
        )
    )

    assert house.readings() == [] and waiting(house) == []
    assert len(refusals(house)) == 1


def test_its_own_readings_are_taken(house: House) -> None:
    house.feed(pack({"bn": f"{ROGUE}:", "bt": NOW.timestamp(), "n": "x", "u": "mm", "v": 1}))

    assert waiting(house) == [ROGUE] and refusals(house) == []


def test_a_networks_key_speaks_for_all(house: House) -> None:
    house.feed(replace(crack(0.5), client="gateway"))

    assert len(house.readings()) == 1


def test_reading_a_refused_message_again_does_not_let_it_in(house: House) -> None:
    house.feed(pack({"bn": "node-1:", "bt": NOW.timestamp(), "n": "crack", "u": "mm", "v": 9}))

    with house.store.writing() as session:
        ids = list(session.scalars(select(Quarantined.id)))
        decode_again(session, ids, by=machine("system"), now=NOW)
    assert Work(house.store, claims.HANDLERS).turn()

    assert house.readings() == []
    assert [row.reason["code"] for row in refusals(house)] == ["quarantine.not_its_own_device"]


def test_who_takes_over_a_client_id_says_nothing_about_its_former_devices(house: House) -> None:
    house.feed(crack(0.5, client="node-1"))

    gone = Message("$ridgewatch/gone/node-1", b"", to_ms(NOW), client="node-1", device=ROGUE)
    house.feed(gone)
    house.tick(NOW + timedelta(minutes=2))

    assert house.alerts() == []
