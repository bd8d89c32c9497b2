"""Device keys: shown once, kept by their hash, checked quickly, useless once revoked."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from ingest.keys import KEPT_S, StoredKeys
from ingest.receiver.keys import Grant, may_publish
from models.clock import machine_now
from models.errors import BadInput, Refusal
from models.event import Event
from models.keys import add_key, is_topic_filter, key_called, revoke_key, rotate_key
from models.people import Actor, DeviceKey
from models.store import Store

NOW = datetime(2022, 3, 21, tzinfo=UTC)
BY = Actor("system", via="command")


class Stopwatch:
    """Machine time that stands until it is moved."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.s


def make(store: Store, name: str, *topics: str, device: str | None = None) -> str:
    """Make a key and return its secret."""
    with store.writing() as session:
        secret, _ = add_key(session, name, topics, device=device, by=BY, now=NOW)
        return secret


def revoke(store: Store, name: str) -> None:
    """Revoke a key."""
    with store.writing() as session:
        key = session.scalars(select(DeviceKey).where(DeviceKey.name == name)).one()
        revoke_key(key, by=BY, now=NOW)


def test_a_key_opens_with_its_secret_alone(store: Store) -> None:
    secret = make(store, "node-3", "ridgewatch/tianning/tn-node-3/#", device="tn-node-3")
    keys = StoredKeys(store)

    granted = keys.check("any", "node-3", secret.encode())

    assert granted == Grant("tn-node-3", ("ridgewatch/tianning/tn-node-3/#",))
    for name, password in (
        ("node-3", b"wrong"),
        ("node-3", None),
        ("node-3", b"\xff\xfe"),
        ("node-4", secret.encode()),
        (None, secret.encode()),
        ("", b""),
    ):
        assert keys.check("any", name, password) is None


def test_a_devices_key_without_topics_may_use_its_own_native_topic(sqlite_store: Store) -> None:
    secret = make(sqlite_store, "n", device="tn-node-3")

    granted = StoredKeys(sqlite_store).check("", "n", secret.encode())

    assert granted is not None
    assert may_publish(granted, "ridgewatch/tianning/tn-node-3/senml")
    assert not may_publish(granted, "ridgewatch/tianning/tn-node-4/senml")


def test_a_networks_key_may_publish_for_any_device_under_its_topics(sqlite_store: Store) -> None:
    secret = make(sqlite_store, "gateway", "v3/+/devices/#", "zigbee2mqtt/#")

    granted = StoredKeys(sqlite_store).check("", "gateway", secret.encode())

    assert granted == Grant(None, ("v3/+/devices/#", "zigbee2mqtt/#"))


def test_a_revoked_key_and_a_new_one_are_noticed_within_five_seconds(store: Store) -> None:
    clock = Stopwatch()
    keys = StoredKeys(store, clock)
    old = make(store, "old", "a/#")
    opened = keys.check("", "old", old.encode())
    assert opened

    revoke(store, "old")
    new = make(store, "new", "a/#")
    clock.s += KEPT_S

    assert KEPT_S < 5
    assert keys.check("", "old", old.encode()) is None
    assert not keys.holds("old", opened)
    assert keys.check("", "new", new.encode())


def test_a_retired_and_an_expired_secret_are_noticed(store: Store) -> None:
    clock = Stopwatch()
    keys = StoredKeys(store, clock)
    first = make(store, "n", "a/#")
    with store.writing() as session:
        key = key_called(session, "n")
        rotate_key(key, new_is_used=True, old_works_for=timedelta(hours=1), by=BY, now=NOW)
    opened = keys.check("", "n", first.encode())
    assert opened is not None and opened.with_old_secret and keys.holds("n", opened)

    with store.writing() as session:
        key_called(session, "n").old_until = machine_now() - timedelta(seconds=1)
    clock.s += KEPT_S

    assert not keys.holds("n", opened) and keys.check("", "n", first.encode()) is None


def test_a_thousand_devices_that_come_back_at_once_ask_the_database_once(
    sqlite_store: Store,
) -> None:
    secret = make(sqlite_store, "n", "a/#")
    keys = StoredKeys(sqlite_store, Stopwatch())
    keys.check("", "n", secret.encode())
    sqlite_store.close()
    (sqlite_store.data_dir / "ridgewatch.db").rename(sqlite_store.data_dir / "away.db")

    assert all(keys.check(f"c{n}", "n", secret.encode()) for n in range(1000))


def test_the_secret_is_kept_nowhere(sqlite_store: Store) -> None:
    secret = make(sqlite_store, "n", "a/#")

    sqlite_store.checkpoint()
    sqlite_store.close()

    for file in sqlite_store.data_dir.iterdir():
        assert secret.encode() not in file.read_bytes()


def test_a_name_is_given_once(sqlite_store: Store) -> None:
    make(sqlite_store, "n", "a/#")
    revoke(sqlite_store, "n")

    with pytest.raises(Refusal) as refused:
        make(sqlite_store, "n", "a/#")

    assert refused.value.reason.code == "key.name_taken"


@pytest.mark.parametrize(
    ("name", "topics", "device", "codes"),
    [
        ("a b", ["a/#"], None, ["key.bad_name"]),
        ("n", [], None, ["key.no_topics"]),
        ("n", ["a/#/b", "ok"], None, ["key.bad_topic"]),
        ("n", ["$SYS/#"], None, ["key.bad_topic"]),
        ("n", [], "a/b", ["key.bad_device"]),
        ("n", [], " ", ["key.bad_device"]),
        ("/", ["+x"], "#", ["key.bad_name", "key.bad_device", "key.bad_topic"]),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_with_every_fault(
    sqlite_store: Store, name: str, topics: list[str], device: str | None, codes: list[str]
) -> None:
    with pytest.raises(BadInput) as refused:
        make(sqlite_store, name, *topics, device=device)

    assert [fault.reason.code for fault in refused.value.faults] == codes
    with sqlite_store.reading() as session:
        assert session.scalars(select(DeviceKey)).all() == []


@pytest.mark.parametrize("topic", ["a", "a/b", "+", "#", "a/+/b", "a/#", "/", "金刚殿/#"])
def test_well_formed_filters(topic: str) -> None:
    assert is_topic_filter(topic)


@pytest.mark.parametrize("topic", ["", "a#", "a+/b", "#/a", "a\0b", "$share/g/a", "x" * 65_536])
def test_malformed_filters(topic: str) -> None:
    assert not is_topic_filter(topic)


def test_making_and_revoking_leave_events_without_the_secret(sqlite_store: Store) -> None:
    secret = make(sqlite_store, "n", "a/#")
    revoke(sqlite_store, "n")

    with pytest.raises(Refusal):
        revoke(sqlite_store, "n")
    with sqlite_store.reading() as session:
        events = session.scalars(select(Event).order_by(Event.number)).all()
    assert [event.action for event in events] == ["add", "revoke"]
    assert secret not in str([event.reason for event in events])
