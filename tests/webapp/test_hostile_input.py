"""What a stranger or a broken browser sends is answered with a sentence, never with a fault."""

import re

import pytest

from models.times import instant_of
from models.words.render import Reader, number
from tests.webapp.cast import Cast
from tests.webapp.response_world import World, make_world
from webapp.sessions import COOKIE, DEVICE_COOKIE

ENDS_OF_TIME = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01")
NO_NUMBERS = ("²", "٣", "9" * 5000, "-1", "\x00")
LISTS = ("/alerts/", "/closures/", "/events/", "/quarantine/", "/projects/", "/tasks", "/findings/")


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


@pytest.mark.parametrize("before", [*ENDS_OF_TIME, *NO_NUMBERS])
def test_no_address_of_a_next_page_is_a_fault(world: World, before: str) -> None:
    engineer = world.browser("engineer")
    for path in LISTS:
        for text in (before, f"{before}~x"):
            answer = engineer.get(path, query_string={"before": text, "page": text})
            assert answer.status_code == 200, path


@pytest.mark.parametrize("at", ENDS_OF_TIME)
def test_a_stretch_at_the_end_of_time_is_refused_with_a_sentence(world: World, at: str) -> None:
    alert, engineer = world.alert(), world.browser("engineer")
    address = f"/series/{alert.subject.removeprefix('sensor:')}.json"

    for name in ("since", "until"):
        assert engineer.get(address, query_string={name: at}).status_code == 422


@pytest.mark.parametrize("version", NO_NUMBERS)
def test_a_version_that_is_no_number_is_no_fault(world: World, version: str) -> None:
    alert, closure, duty = world.alert(), world.closure(), world.browser("duty")

    told = duty.post(f"/alerts/{alert.code}/acknowledge", {"version": version})
    steps = duty.post(f"/closures/{closure.code}/step", {"version": f"1-{version}", "action": "x"})

    assert (told.status_code, steps.status_code) == (412, 422)


@pytest.mark.parametrize("until", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_promise_at_the_end_of_time_is_refused(world: World, until: str) -> None:
    closure, duty = world.closure(), world.browser("duty")

    answer = duty.post(
        f"/closures/{closure.code}/papers/extend", {"until_at": until, "why": "as asked"}
    )

    assert answer.status_code == 422
    assert "as asked" in answer.text


@pytest.mark.parametrize("name", [COOKIE, DEVICE_COOKIE])
def test_a_cookie_of_any_letters_is_nobodys(cast: Cast, name: str) -> None:
    browser = cast.browser()
    browser.client.set_cookie(name, "é.1.岭")

    answer = browser.post("/login", {"email": "duty@example.org", "password": "no"})

    assert answer.status_code == 401


@pytest.mark.parametrize("value", [1e308, -1e308, 1e30])
def test_a_wild_number_can_be_written(value: float) -> None:
    assert "e+" in number(value, "mm", Reader())


def test_an_instant_is_one_that_every_zone_can_show() -> None:
    assert instant_of("2022-03-21T08:00:00Z") is not None
    assert [instant_of(at) for at in (*ENDS_OF_TIME, "", "noon")] == [None] * 5


def test_no_page_chokes_on_a_nul_that_a_database_does_not_keep(cast_everywhere: Cast) -> None:
    admin = cast_everywhere.signed_in("admin")
    pages = [
        rule
        for rule in cast_everywhere.app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith(("/api/", "/static/"))
    ]

    for rule in pages:
        path = re.sub("<[^>]*>", "%00", rule.rule)
        for address in (path, f"{path}?site=a%00b&key=%00&before=%00&token=%00&device=%00"):
            assert admin.get(address).status_code < 500, address
    for path, field in (("/profile", "name"), ("/login", "email"), ("/channels/claim", "device")):
        answer = admin.post(path, {field: "a\x00b", "password": "a\x00b"})
        assert answer.status_code < 500, path
    assert "a\N{SYMBOL FOR NULL}b" in admin.get("/profile").text
