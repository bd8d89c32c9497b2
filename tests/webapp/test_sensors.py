"""Sensor pages: how each stands, its year, and the end of its service with a reason."""

import pytest

from models.reading import SensorState
from models.readings import latest
from models.scene import value_of
from models.sensor import Sensor
from tests.webapp.cast import Cast
from tests.webapp.world import World, make_world


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


def page_of(world: World, code: str = "C-01", language: str = "zh", role: str = "engineer") -> str:
    answer = world.cast.signed_in(role).get(f"/sensors/tianning/{code}?lang={language}")
    assert answer.status_code == 200
    return answer.text


def post(world: World, path: str, role: str = "engineer", **fields: str) -> int:
    browser = world.cast.signed_in(role)
    return browser.post(f"/sensors/tianning/C-01/{path}", fields).status_code


def kept(world: World) -> Sensor:
    with world.store.reading() as session:
        sensor = world.sensor(session)
        list(sensor.epochs)
        return sensor


def test_a_sensor_that_is_heard_shows_its_value_with_unit(world):
    page = page_of(world)

    assert "1.40" in page
    assert "在线" in page


def test_the_sentence_of_the_chart_names_its_days_which_stay_true_in_another_span(world):
    assert "mm from 19 Feb 2022 to 21 Mar 2022, lowest" in page_of(world, language="en")
    assert "自2022年2月19日至2022年3月21日由" in page_of(world)


def test_a_silent_sensor_reads_unknown_never_its_last_value_alone(world):
    world.silence()

    page = page_of(world, language="en")

    head = page[page.index('id="sensor-head"') :]
    head = head[: head.index("</section>")]
    assert "unknown: silent" in head
    assert "standing-unknown" in head
    assert 'class="stale"' in head


def test_a_sensor_that_was_never_heard_says_so(world):
    with world.writing() as session:
        session.delete(session.get_one(SensorState, world.sensor(session).key))

    assert "从未上报" in page_of(world)


def test_retiring_needs_a_reason_and_what_an_inspection_found(world):
    assert post(world, "retire", why="destroyed", note=" ") == 422
    assert post(world, "retire", why="because", note="x") == 422
    assert kept(world).retired_at is None

    assert post(world, "retire", why="destroyed", note="随花脊坠落") == 303

    assert kept(world).retired_at is not None
    assert "随花脊坠落" in page_of(world)


def test_retiring_withdraws_the_alert_that_nothing_would_ever_clear(world):
    code = world.raise_alert("critical")

    post(world, "retire", why="destroyed", note="随花脊坠落")

    with world.store.reading() as session:
        assert not world.alert(session, code).live


def test_the_duty_desk_may_not_retire(world):
    assert post(world, "retire", "duty", why="destroyed", note="x") == 403
    assert "停用此传感器" not in page_of(world, role="duty")


def test_a_sensor_that_was_put_to_zero_shows_what_was_measured_by_hand(world):
    assert post(world, "epoch", kind="re-zero", shows="0,00", note="重新置零") == 303

    with world.store.reading() as session:
        sensor = world.sensor(session)
        state = latest(session, [sensor.key])[sensor.key]
        assert sensor.epochs[-1].kind == "re-zero"
        assert sensor.epochs[-1].offset == pytest.approx(-(state.value or 0.0))
        assert value_of(sensor, state) is not None


def test_an_epoch_in_the_future_or_before_the_last_is_refused(world):
    assert post(world, "epoch", kind="move", since="2099-01-01T00:00", note="x") == 422
    assert post(world, "epoch", kind="move", since="1960-01-01T00:00", note="x") == 422
    assert post(world, "epoch", kind="paint", note="x") == 422
    assert post(world, "epoch", kind="calibrate", scale="0", note="x") == 422
    assert post(world, "epoch", kind="calibrate", scale="1e308", note="x") == 422
    assert post(world, "epoch", kind="re-zero", shows="1e308", note="x") == 422
    assert len(kept(world).epochs) == 1


def test_the_list_can_show_only_the_unknown_ones(world):
    world.silence("C-02")

    page = world.cast.signed_in("engineer").get("/sensors/?standing=unknown").text

    assert "/sensors/tianning/C-02" in page
    assert "/sensors/tianning/C-01" not in page


def test_a_form_about_an_older_version_keeps_what_was_typed(world):
    browser = world.cast.signed_in("engineer")

    answer = browser.post(
        "/sensors/tianning/C-01/retire",
        {"version": "9", "why": "destroyed", "note": "随脊坠落", "_form": "retire"},
    )

    assert answer.status_code == 412
    assert "随脊坠落" in answer.text


def test_a_contractor_finds_no_sensor(world):
    contractor = world.cast.signed_in("contractor")

    assert contractor.get("/sensors/tianning/C-01").status_code in (403, 404)
