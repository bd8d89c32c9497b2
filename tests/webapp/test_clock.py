"""The clock bar: who may press its buttons, and what each of them does to site time."""

import pytest

from models.clock import SiteClock, machine_now, site_clock
from tests.webapp.cast import Cast


def let_it_be(cast: Cast, mode: str) -> None:
    with cast.store.writing() as session:
        now = machine_now()
        session.merge(SiteClock(id=1, mode=mode, site_at=now, since=now, speed=1.0))


def row(cast: Cast) -> SiteClock:
    with cast.store.reading() as session:
        found = site_clock(session)
        assert found is not None
        return found


@pytest.mark.parametrize(
    ("pace", "speed", "paused", "stop_at"),
    [
        ("pause", 1.0, True, None),
        ("1", 1.0, False, None),
        ("60", 60.0, False, None),
        ("next", 600.0, False, "low"),
    ],
)
def test_each_button_sets_the_pace(
    pace: str, speed: float, paused: bool, stop_at: str | None, cast: Cast
) -> None:
    let_it_be(cast, "led")

    answer = cast.signed_in("duty").post("/clock/pace", {"pace": pace, "next": "/alerts"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/alerts")
    found = row(cast)
    assert (found.speed, found.paused, found.stop_at_alert) == (speed, paused, stop_at)


def test_real_time_is_nobodys_to_change(cast: Cast) -> None:
    let_it_be(cast, "real")

    assert cast.signed_in("duty").post("/clock/pace", {"pace": "60"}).status_code == 409
    assert row(cast).speed == 1.0


def test_an_unknown_pace_is_bad_input(cast: Cast) -> None:
    let_it_be(cast, "led")

    assert cast.signed_in("duty").post("/clock/pace", {"pace": "9e9"}).status_code == 422


@pytest.mark.parametrize(("role", "status"), [("contractor", 403), ("viewer", 403)])
def test_only_those_in_charge_set_the_pace(role: str, status: int, cast: Cast) -> None:
    let_it_be(cast, "led")

    assert cast.signed_in(role).post("/clock/pace", {"pace": "60"}).status_code == status


def test_an_address_elsewhere_is_not_gone_to(cast: Cast) -> None:
    let_it_be(cast, "led")

    form = {"pace": "60", "next": "https://evil.example/"}
    answer = cast.signed_in("duty").post("/clock/pace", form)

    assert answer.headers["Location"] == "/"


def test_the_state_is_told_to_a_script(cast: Cast) -> None:
    let_it_be(cast, "led")

    answer = cast.signed_in("duty").get("/clock/state")

    assert answer.json is not None
    assert (answer.json["mode"], answer.json["speed"], answer.json["paused"]) == (
        "led",
        1.0,
        False,
    )
