"""Keys at a running receiver: changed over without a gap, shut out within five seconds."""

import json
import time

import pytest
from sqlalchemy import select

from models.errors import Refusal
from models.key_use import KeyUse, is_new_secret_used
from models.keys import add_key, key_called, retire_old_secret, revoke_key, rotate_key
from models.people import machine
from models.reading import Quarantined, WaitingReading
from models.store import Store
from tests.harness.processes import Processes
from tests.ingest.house import NOW
from tests.ingest.publisher import V5, Publisher, connect, eventually, puback, publish
from tests.roles import House

HOW = {"by": machine("system"), "now": NOW}
NOT_AUTHORISED = b"\xe0\x01\x87"


@pytest.fixture
def house(sqlite_store: Store, processes: Processes) -> House:
    house = House(sqlite_store, processes, more={"RIDGEWATCH_ANONYMOUS_MQTT": "no"})
    house.start("ingest").wait_for_port(house.mqtt_port)
    return house


def add(house: House, name: str, *topics: str, device: str | None = None) -> str:
    with house.store.writing() as session:
        return add_key(session, name, topics, device=device, **HOW)[0]


def rotate(house: House, name: str) -> str:
    with house.store.writing() as session:
        key = key_called(session, name)
        return rotate_key(key, new_is_used=is_new_secret_used(session, key), **HOW)


def change(house: House, name: str, verb) -> str | None:
    with house.store.writing() as session:
        return verb(key_called(session, name), **HOW)


def come(house: House, client: str, name: str, secret: str) -> Publisher:
    node = Publisher(house.mqtt_port, connect(client, V5, user=(name, secret)))
    assert node.connack[3] == 0, node.connack
    return node


def reading(device: str, value: float = 0.5) -> bytes:
    pack = [{"bn": f"{device}:", "bt": time.time(), "n": "crack", "u": "mm", "v": value}]
    return json.dumps(pack).encode()


def ended_within(node: Publisher, seconds: float) -> bool:
    node.socket.settimeout(seconds)
    return node.hear_packet() == NOT_AUTHORISED and node.is_closed()


def use(house: House, name: str) -> KeyUse | None:
    with house.store.reading() as session:
        return session.get(KeyUse, name)


def test_a_revoked_keys_connection_ends_within_five_seconds(house: House) -> None:
    secret, other = add(house, "n", "a/#"), add(house, "m", "a/#")
    gone, stays = come(house, "n", "n", secret), come(house, "m", "m", other)

    change(house, "n", revoke_key)

    assert ended_within(gone, 5)
    stays.say(b"\xc0\0")
    assert stays.hear(2) == b"\xd0\0"
    refused = Publisher(house.mqtt_port, connect("n", V5, user=("n", secret)))
    assert refused.connack[3] == 0x86


def test_both_secrets_open_while_rotating_and_the_old_one_ends_when_retired(house: House) -> None:
    first = add(house, "n", "ridgewatch/+/x/senml", device="x")
    before = come(house, "x", "n", first)
    second = rotate(house, "n")
    assert eventually(
        lambda: Publisher(house.mqtt_port, connect("y", V5, user=("n", second))).connack[3] == 0
    )
    after, old = come(house, "z", "n", second), come(house, "o", "n", first)

    def is_used() -> bool:
        with house.store.reading() as session:
            return is_new_secret_used(session, key_called(session, "n"))

    assert eventually(is_used, within_s=10)
    with pytest.raises(Refusal):  # a third secret would cut off who has the first
        rotate(house, "n")
    change(house, "n", retire_old_secret)

    assert ended_within(before, 5) and ended_within(old, 5)
    after.say(publish("ridgewatch/hill/x/senml", reading("x"), 1, V5))
    assert after.hear(4) == puback(1)


def test_a_rogue_device_leaves_no_row_outside_its_own_id(house: House) -> None:
    rogue = come(house, "r", "rogue", add(house, "rogue", device="node-9"))
    topics = [f"ridgewatch/hill/{name}/senml" for name in ("node-9", "node-1")]
    sent = [
        publish(topic, reading(device), number, V5)
        for number, (topic, device) in enumerate(
            [(t, d) for t in topics for d in ("node-1", "node-2", "node-9")], start=1
        )
    ]
    rogue.say(*sent)
    assert rogue.hear(12 + 3 * 5).count(b"\x87") == 3

    with house.store.reading() as session:
        assert set(session.scalars(select(WaitingReading.device))) == {"node-9"}
        assert len(session.scalars(select(Quarantined)).all()) == 2
    assert eventually(lambda: (seen := use(house, "rogue")) and seen.refused == 3, within_s=10)


def test_the_use_of_a_key_is_told(house: House) -> None:
    secret = add(house, "n", "ridgewatch/+/x/senml", device="x")
    node = come(house, "x", "n", secret)
    node.say(publish("ridgewatch/hill/x/senml", reading("x"), 1, V5))
    assert node.hear(4) == puback(1)
    for name in ("n", "stranger"):
        Publisher(house.mqtt_port, connect("x", V5, user=(name, "guess"))).close()

    assert eventually(lambda: (seen := use(house, "n")) and seen.turned_away, within_s=10)
    seen = use(house, "n")
    assert seen is not None
    assert (seen.connected, seen.messages, seen.turned_away) == (1, 1, 1)
    assert seen.used_at is not None and seen.old_used_at is None
    assert use(house, "stranger") is None
    beat = house.heartbeat("ingest")
    assert beat is not None and beat.facts is not None
    assert beat.facts["receiver"]["turned_away"] == 2
    assert beat.facts["receiver"]["connections"] == 1
    node.close()
    assert eventually(lambda: (seen := use(house, "n")) and not seen.connected, within_s=10)
