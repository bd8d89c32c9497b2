"""The gap page: what is missing, since when, and who could lose something unseen."""

from datetime import timedelta

import pytest

from models.gap import DeviceCount, Gap
from models.sensor import Device
from models.times import to_ms
from tests.webapp.cast import Cast
from tests.webapp.world import NOW, World, counted, make_world


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


def lose(world: World, source: str, first: int, last: int, wraps: int = 0) -> None:
    at_ms = to_ms(NOW - timedelta(hours=1))
    times = {"after_ms": at_ms, "before_ms": at_ms + 60_000, "found_ms": at_ms + 60_000}
    with world.writing() as session:
        session.add(Gap(source=source, run=1, first=first, last=last, wraps=wraps, **times))


def hear(world: World, code: str, qos0: bool = False, counts: str = "") -> None:
    with world.writing() as session:
        session.add(Device(code=code, first_heard_at=NOW, heard_at=NOW, qos0=qos0))
        if counts:
            at_ms = to_ms(NOW)
            session.add(
                DeviceCount(source=counts, run=1, number=9, at_ms=at_ms, since_ms=at_ms, earlier=[])
            )


def page(world: World, role: str = "viewer") -> str:
    answer = world.cast.signed_in(role).get("/gaps/?lang=en")
    assert answer.status_code == 200
    return answer.text


def test_what_is_missing_is_told_with_its_numbers_and_site(world):
    lose(world, "tianning-1", 40, 43)
    lose(world, "g/node", 255, 257, wraps=256)

    text = page(world)

    assert "7 messages of 2 senders are missing" in text
    assert "nos 40–43" in text and "tianning site" in text
    assert "nos 255–1" in text


def test_who_does_not_count_or_sends_at_qos_0_is_not_protected(world):
    hear(world, "counts", counts="counts")
    hear(world, "mute")
    hear(world, "careless", qos0=True, counts="careless")
    hear(world, "group/node/tilt", counts="group/node")

    text = page(world).split('id="gaps-open"')[1]

    assert "mute" in text and "Does not number" in text
    assert "careless" in text and "QoS 0" in text
    assert "group/node/tilt" not in text and ">counts<" not in text


def test_without_gaps_the_page_says_so_and_asks_the_database_little(world):
    for number in range(40):
        lose(world, f"node-{number}", 1, 2)
        hear(world, f"node-{number}")
    browser = world.cast.signed_in("viewer")
    browser.get("/gaps/")
    with counted(world.store) as sent:
        browser.get("/gaps/")

    assert len(sent) < 20


def test_devices_of_other_sites_are_not_shown(world):
    lose(world, "tianning-1", 40, 43)
    lose(world, "tower-1", 50, 53)
    lose(world, "of-nobody", 60, 63)

    text = world.cast.of_site("viewer", world.cast.site_id).get("/gaps/").text

    assert "tianning-1" in text
    assert "tower-1" not in text and "of-nobody" not in text
