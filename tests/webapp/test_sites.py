"""Site pages: drawings with pins by state, the same sensors as a table, and what is shut."""

import re

import pytest

from tests.webapp.cast import Cast
from tests.webapp.world import World, counted, make_world

MOST_QUERIES = 25


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


def site(world: World, role: str = "duty", language: str = "zh") -> str:
    answer = world.cast.signed_in(role).get(f"/sites/tianning?lang={language}")
    assert answer.status_code == 200
    return answer.text


def pin(page: str, code: str) -> str:
    found = re.search(rf'<a class="pin pin-(\w+)" href="/sensors/tianning/{code}"', page)
    assert found
    return found[1]


def test_a_pin_has_the_colour_of_the_worst_alert(world):
    world.raise_alert("medium", rule="A")
    world.raise_alert("critical", rule="B")

    assert pin(site(world), "C-01") == "critical"


def test_a_calm_pin_is_normal_only_while_it_is_heard(world):
    assert pin(site(world), "C-01") == "normal"

    world.silence()

    assert pin(site(world), "C-01") == "unknown"
    assert "lv-unknown" in site(world)


def test_a_red_pin_stays_red_when_its_gauge_falls_silent(world):
    world.raise_alert("critical")
    world.silence()

    page = site(world)

    assert pin(page, "C-01") == "critical"
    assert re.search(r"C-01\s+无数据", page)


def test_the_drawing_keeps_its_shapes_and_lets_nothing_in(world):
    page = site(world)

    drawn = re.search(r"<rect ([^>]+)/>", page[page.index('class="elev"') :])
    assert drawn
    values = {name: float(value) for name, value in re.findall(r'(\w+)="([^"]+)"', drawn[1])}
    assert values == {"x": 100, "y": 100, "width": 500, "height": 300}


def test_what_is_in_the_drawing_is_in_the_table_too(world):
    page = site(world)

    table = page[page.index("<table") :]
    for code in ("C-01", "C-02", "R-01"):
        assert f"/sensors/tianning/{code}" in table


def test_a_gauge_shows_the_rain_of_a_day_not_its_counter(world):
    assert "24小时 20.0" in site(world)


def test_the_list_has_the_worst_site_first(world):
    world.raise_alert("high", site="tower")

    page = world.cast.signed_in("duty").get("/sites/").text

    assert page.index("/sites/tower") < page.index("/sites/bridge")


def test_a_contractor_sees_no_site(world):
    assert world.cast.signed_in("contractor").get("/sites/tianning").status_code in (403, 404)


def test_a_site_that_does_not_exist_is_told(world):
    assert world.cast.signed_in("duty").get("/sites/nowhere").status_code == 404


def test_a_site_of_twenty_sensors_takes_few_queries(cast):
    world = make_world(cast, sensors_each=20, days=2)
    for number in range(1, 9):
        world.raise_alert("high", f"C-{number:02d}")
    browser = world.cast.signed_in("manager")

    with counted(world.store) as sent:
        assert browser.get("/sites/tianning").status_code == 200

    assert len(sent) <= MOST_QUERIES, "\n".join(sent)
