"""Device keys on their page: shown once, changed over, revoked; for administrators alone."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from ingest.keys import StoredKeys
from models.event import Event
from models.heartbeat import beat
from models.key_use import Seen, note_use
from models.keys import add_key
from models.people import DeviceKey
from models.store import Store
from tests.webapp.cast import SYSTEM, Cast
from tests.webapp.world import NOW


def secret_in(page: str) -> str:
    found = re.search(r'id="secret">([^<]+)<', page)
    assert found, page[:500]
    return found[1]


@pytest.fixture
def admin(cast: Cast) -> Any:
    return cast.signed_in("admin")


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    return sqlite_store


def opens(store: Store, name: str, secret: str) -> bool:
    return StoredKeys(store).check("", name, secret.encode()) is not None


def key_of(store: Store, name: str) -> DeviceKey:
    with store.reading() as session:
        return session.scalars(select(DeviceKey).where(DeviceKey.name == name)).one()


def test_a_key_is_made_and_its_password_shown_once(admin: Any, store: Store) -> None:
    made = admin.post("/keys/?lang=en", data={"name": "node-1", "device": "node-1"})

    secret = secret_in(made.text)
    assert opens(store, "node-1", secret)
    assert key_of(store, "node-1").topics == ["ridgewatch/+/node-1/senml"]
    page = admin.get("/keys/?lang=en").text
    assert secret not in page
    assert "only as device node-1" in page and "never used" in page


def test_a_networks_key_takes_its_topics_from_lines(admin: Any, store: Store) -> None:
    topics = "v3/+/devices/#\r\nzigbee2mqtt/#"
    assert admin.post("/keys/", data={"name": "gw", "topics": topics}).status_code == 200

    key = key_of(store, "gw")
    assert (key.device, key.topics) == (None, ["v3/+/devices/#", "zigbee2mqtt/#"])


def test_what_is_wrong_is_said_beside_what_was_typed(admin: Any, store: Store) -> None:
    data = {"name": "a b", "topics": "a/#/b", "_form": "key"}
    refused = admin.post("/keys/?lang=en", data=data)

    assert refused.status_code == 422
    assert "can&#39;t be a key&#39;s name" in refused.text
    assert "a/#/b" in refused.text and 'value="a b"' in refused.text


def test_a_key_is_changed_over_without_a_gap(admin: Any, store: Store) -> None:
    first = secret_in(admin.post("/keys/", data={"name": "n", "device": "n"}).text)
    key = key_of(store, "n")

    second = secret_in(admin.post(f"/keys/{key.id}/rotate").text)
    assert opens(store, "n", first) and opens(store, "n", second)
    assert "rotating" in admin.get("/keys/?lang=en").text
    with store.writing() as session:
        note_use(session, {"n": Seen(1, used=True, new_used=True)})
    assert admin.post(f"/keys/{key.id}/rotate").status_code == 409
    assert admin.post(f"/keys/{key.id}/retire").status_code == 303
    assert not opens(store, "n", first) and opens(store, "n", second)
    assert admin.post(f"/keys/{key.id}/retire").status_code == 409


def test_a_revoked_key_opens_nothing_and_stays_on_the_list(admin: Any, store: Store) -> None:
    secret = secret_in(admin.post("/keys/", data={"name": "n", "device": "n"}).text)
    key = key_of(store, "n")

    assert admin.post(f"/keys/{key.id}/revoke").status_code == 303

    assert not opens(store, "n", secret)
    page = admin.get("/keys/?lang=en").text
    assert "revoked" in page and f"/keys/{key.id}/rotate" not in page
    assert admin.post(f"/keys/{key.id}/rotate").status_code == 409
    with store.reading() as session:
        mine = select(Event).where(Event.subject_id == key.id).order_by(Event.number)
        events = session.scalars(mine).all()
    assert [event.action for event in events] == ["add", "revoke"]
    assert all(event.by_id is not None and event.via == "page" for event in events)


def test_the_page_shows_who_is_connected_and_what_was_refused(admin: Any, store: Store) -> None:
    with store.writing() as session:
        add_key(session, "n", (), device="n", by=SYSTEM, now=NOW)
        seen = Seen(2, used=True, messages=9, refused=3, turned_away=4, slowed_ms=5000)
        note_use(session, {"n": seen})
    assert "The receiver isn&#39;t running" in admin.get("/keys/?lang=en").text
    with store.writing() as session:
        counts = {"connections": 2, "turned_away": 4}
        beat(session, "ingest", facts={"listen": "mqtts://[::]:8883", "receiver": counts})

    page = admin.get("/keys/?lang=en").text
    for said in (
        "Listens on mqtts://[::]:8883",
        "2 connected",
        "3 messages refused",
        "4 times with a wrong password",
        "made to wait 5 s",
    ):
        assert said in page, said


def test_only_administrators_see_keys(cast: Cast) -> None:
    for role in ("manager", "engineer", "duty", "viewer"):
        assert cast.signed_in(role).get("/keys/").status_code == 403
