"""The technician's pages: from the label to the first stored reading, with and without scripts."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from werkzeug.serving import make_server

from ingest import claims
from ingest.message import Message
from ingest.pipeline import Pipeline
from ingest.work_role import Work
from models.node_label import device_on, heard_as
from models.people import User
from models.photo import Photo
from models.reading import Channel
from models.registry import Drawing, Element, Pin
from models.sensor import Sensor
from models.times import to_ms
from tests.harness.browser import PHONE, overflow_px, small_targets, violations
from tests.readings import put_readings, readings_of
from tests.webapp import pictures
from tests.webapp.cast import Cast
from tests.webapp.world import NOW, World, make_world
from webapp.sessions import COOKIE

NODE = "Tianning-Node-9"


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


def speaks(
    world: World,
    value: float = 1.5,
    minutes: float = -2,
    device: str = NODE,
    pipeline: Pipeline | None = None,
    name: str = "crack",
    unit: str = "mm",
) -> None:
    """Let a node send one reading, as the ingester takes it."""
    at = NOW + timedelta(minutes=minutes)
    pack = [{"bn": f"{device}:", "bt": at.timestamp(), "n": name, "u": unit, "v": value}]
    topic = f"ridgewatch/tianning/{device}/senml"
    message = Message(topic, json.dumps(pack).encode(), to_ms(at), qos=1)
    pipeline = pipeline or Pipeline()
    decoded = pipeline.decode([message])
    with world.writing() as session:
        pipeline.begin(session)
        pipeline.take(session, decoded, at)
        pipeline.flush(session, at)


def load_what_waits(world: World) -> None:
    work = Work(world.store, claims.HANDLERS)
    while work.turn():
        pass


def form(world: World, **change: str) -> dict[str, str]:
    with world.store.reading() as session:
        drawing = session.scalars(
            select(Drawing).where(Drawing.site_id == world.sensor(session).site_id)
        ).one()
        element = world.sensor(session).element_id
    return {
        "device": NODE, "channel": "crack", "site": "tianning", "sensor": "", "code": "C-03",
        "quantity": "crack_width", "unit": "mm", "interval_s": "900", "place": str(element),
        "drawing": str(drawing.id), "x": "0.25", "y": "0.5", "shows": "", **change,
    }  # fmt: skip


def installed(world: World, code: str = "C-03") -> Sensor:
    with world.store.reading() as session:
        sensor = world.sensor(session, code)
        assert sensor.epochs and sensor.site
        return sensor


@pytest.mark.parametrize(
    ("label", "device"),
    [
        ("  tn-node-3 ", "tn-node-3"),
        ("https://rw.example/install/node?device=tn-node-3", "tn-node-3"),
        ("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122", "aabbccddeeff0011"),
        ("AA-BB-CC-DD-EE-FF-00-11", "aabbccddeeff0011"),
        ("LW:D0:x", ""),
    ],
)
def test_a_label_tells_the_device_however_it_is_written(label, device):
    assert device_on(label) == device


def test_units_and_quantities_are_told_in_a_persons_words(world):
    speaks(world, 8.25, name="air", unit="Cel")
    keeper = world.cast.signed_in("keeper")

    for path in (f"node?device={NODE}", f"channel?device={NODE}&channel=air"):
        page = keeper.get(f"/install/{path}&lang=en").text
        assert "°C" in page and "degC</" not in page
    answer = keeper.post("/install/channel?lang=en", form(world, channel="air", unit="furlong"))

    assert "Crack width is not measured in “furlong”." in answer.text


def test_letters_of_another_case_find_the_node_if_there_is_only_one():
    assert heard_as("TN-1", ["tn-1", "tn-2"]) == "tn-1"
    assert heard_as("TN-1", ["tn-1", "Tn-1"]) is None


def test_nodes_that_spoke_just_now_are_offered_and_older_ones_are_not(world):
    speaks(world)
    speaks(world, minutes=-30, device="long-ago")

    page = world.cast.signed_in("keeper").get("/install/?lang=en").text

    assert NODE in page and "1 to install" in page
    assert "long-ago" not in page


def test_a_claimed_node_shows_what_it_says_now_and_is_zeroed_on_that(world):
    pipeline = Pipeline()  # one that runs on, and writes claimed channels once an hour
    speaks(world, 1.5, -50, pipeline=pipeline)
    assert world.cast.signed_in("keeper").post("/install/channel", form(world)).status_code == 303
    load_what_waits(world)
    for minutes, value in ((-45, 1.5), (-30, 2.5), (-1, 4.5)):
        speaks(world, value, minutes, pipeline=pipeline)
    browser = world.cast.signed_in("keeper")

    assert NODE in browser.get("/install/?lang=en").text
    assert "4.5" in browser.get(f"/install/node?device={NODE}&lang=en").text
    page = browser.get(f"/install/channel?device={NODE}&channel=crack&lang=en").text
    assert ">4.5</b>" in page
    with world.store.reading() as session:
        key = str(world.sensor(session, "C-03").id)
    answer = browser.post("/install/channel", form(world, sensor=key, shows="0"))
    assert answer.status_code == 303
    assert installed(world).epochs[-1].offset == pytest.approx(-4.5)


def test_a_zero_is_set_by_the_newest_reading_though_the_sensors_row_lags(world):
    speaks(world, 1.5, -50)
    assert world.cast.signed_in("keeper").post("/install/channel", form(world)).status_code == 303
    load_what_waits(world)
    speaks(world, 2.5, -5)
    with world.writing() as session:
        sensor = world.sensor(session, "C-03")
        at_ms = to_ms(NOW + timedelta(minutes=-1))
        put_readings(session, [{"sensor": sensor.key, "at_ms": at_ms, "value": 7.5, "quality": 1}])
        key = str(sensor.id)

    answer = world.cast.signed_in("keeper").post(
        "/install/channel", form(world, sensor=key, shows="0")
    )

    assert answer.status_code == 303
    assert installed(world).epochs[-1].offset == pytest.approx(-7.5)


def test_a_label_leads_to_the_node_whatever_its_letters(world):
    speaks(world)
    browser = world.cast.signed_in("keeper")

    answer = browser.get(f"/install/node?label={NODE.upper()}")
    page = browser.get(answer.location).text

    assert "crack" in page and "/install/channel?" in page
    assert f"{NODE}</h1>" in page


def test_a_node_that_is_not_heard_yet_is_waited_for(world):
    page = world.cast.signed_in("keeper").get("/install/node?device=new-1&lang=en").text

    assert "Nothing heard of this node yet" in page and "data-live" in page


def test_a_sensor_is_installed_with_place_pin_and_zero_in_one_go(world):
    speaks(world, 1.5)
    keeper = world.cast.signed_in("keeper")

    answer = keeper.post("/install/channel", form(world, shows="0"))

    assert answer.status_code == 303 and answer.location.endswith("/install/tianning/C-03")
    sensor = installed(world)
    assert [epoch.kind for epoch in sensor.epochs] == ["install", "re-zero"]
    assert (sensor.epochs[-1].offset, sensor.epochs[-1].device) == (-1.5, NODE)
    assert sensor.epochs[-1].note == ""  # a sentence would stay in the technician's language
    with world.store.reading() as session:
        pin = session.scalars(select(Pin).where(Pin.sensor_id == sensor.id)).one()
        assert (pin.x, pin.y) == (0.25, 0.5)
        assert session.get_one(Element, sensor.element_id).code == "ridge"
    assert "Waiting for the first reading" in keeper.get(answer.location + "?lang=en").text

    load_what_waits(world)
    page = keeper.get(answer.location + "?lang=en").text
    assert "First reading stored" in page and "lit" in page


def test_without_a_tap_the_pin_goes_to_the_element(world):
    speaks(world)
    with world.writing() as session:
        ridge = world.sensor(session).element_id
        drawing = session.scalars(
            select(Drawing).where(Drawing.site_id == world.sensor(session).site_id)
        ).one()
        session.add(Pin(drawing_id=drawing.id, element_id=ridge, x=0.7, y=0.1))

    world.cast.signed_in("keeper").post("/install/channel", form(world, drawing="", x="", y=""))

    with world.store.reading() as session:
        pin = session.scalars(select(Pin).where(Pin.sensor_id == installed(world).id)).one()
    assert (pin.x, pin.y) == (0.7, 0.1)


def test_a_sensor_that_waits_in_the_registry_gets_its_channel_and_place(world):
    speaks(world)
    with world.writing() as session:
        known = world.sensor(session)
        spare = Sensor(
            key=99, site_id=known.site_id, code="C-09", quantity="crack_width", unit="mm"
        )
        session.add(spare)
        session.flush()
        key = str(spare.id)

    page = world.cast.signed_in("engineer").get(f"/install/channel?device={NODE}&channel=crack")
    assert f'value="{key}" selected' in page.text
    answer = world.cast.signed_in("engineer").post("/install/channel", form(world, sensor=key))

    assert answer.status_code == 303
    sensor = installed(world, "C-09")
    assert sensor.epochs[-1].device == NODE and sensor.element_id is not None


@pytest.mark.parametrize(
    "change",
    [
        {"site": "nowhere"},
        {"place": "nowhere"},
        {"x": "2"},
        {"code": "C-01"},
        {"shows": "a lot"},
        {"quantity": "temperature"},
        {"sensor": "unknown"},
    ],
)
def test_what_can_not_be_is_refused_and_nothing_is_left_half_done(world, change):
    speaks(world)

    answer = world.cast.signed_in("keeper").post("/install/channel", form(world, **change))

    assert answer.status_code in (409, 422), answer.text[:200]
    with world.store.reading() as session:
        assert not session.get_one(Channel, (NODE, "crack")).claimed
        assert session.scalars(select(Sensor).where(Sensor.code == "C-03")).all() == []


def test_a_keeper_installs_at_his_own_site_only(world):
    speaks(world)
    keeper = world.cast.of_site("keeper", world.cast.site_id)

    assert keeper.post("/install/channel", form(world, site="tower")).status_code == 422
    assert keeper.post("/install/channel", form(world)).status_code == 303


@pytest.mark.parametrize("role", ["viewer", "duty", "contractor"])
def test_others_do_not_install(world, role):
    speaks(world)

    assert world.cast.signed_in(role).post("/install/channel", form(world)).status_code == 403


@pytest.fixture
def origin(world: World) -> Iterator[str]:
    """The address of the application. Ask for it before a browser: that then closes first."""
    server = make_server("127.0.0.1", 0, world.cast.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def let_in(page: Page, world: World, origin: str, language: str = "en") -> None:
    user = world.cast.user("keeper")
    with world.writing() as session:
        session.get_one(User, user.id).language = language
    cookie = world.cast.signed_in("keeper").client.get_cookie(COOKIE)
    assert cookie is not None
    page.context.add_cookies([{"name": COOKIE, "value": cookie.value, "url": origin}])


def looks_well(page: Page) -> None:
    assert violations(page) == []
    assert overflow_px(page) <= 0
    assert small_targets(page) == []


@pytest.mark.parametrize(("language", "theme"), [("zh", "light"), ("en", "dark")])
def test_the_technicians_path_on_a_phone(world, origin, people, tmp_path, language, theme):
    speaks(world, 1.5)
    page = people.page(**PHONE, color_scheme=theme)
    let_in(page, world, origin, language)

    page.goto(f"{origin}/install/")
    looks_well(page)
    page.get_by_role("link", name=NODE).click()
    looks_well(page)
    page.get_by_role("link", name="crack").click()
    looks_well(page)
    page.locator("[data-pin] svg").first.click(position={"x": 100, "y": 60})
    expect(page.locator("[data-pin-mark]").first).to_be_visible()
    page.locator("#f-place").select_option(index=2)
    page.locator("#f-shows").fill("0")
    page.locator("form.card button[type=submit]").click()

    lamp = page.locator("#lamp")
    expect(lamp).not_to_have_class("lamp lit")
    looks_well(page)
    load_what_waits(world)
    speaks(world, 1.6, minutes=1)
    expect(lamp).to_have_class("lamp lit", timeout=15_000)
    looks_well(page)

    picture = tmp_path / "place.jpg"
    picture.write_bytes(pictures.jpeg())
    page.locator("#f-photo").set_input_files(picture)
    expect(page.locator(".photos img")).to_have_count(1, timeout=20_000)
    with world.store.reading() as session:
        assert session.scalars(select(Photo.subject_kind)).all() == ["sensor"]
        sensor = world.sensor(session, "C-03")
        assert readings_of(session, sensor.key)


def test_a_lost_signal_costs_nothing_that_was_typed_or_tapped(world, origin, people):
    speaks(world, 1.5)
    page = people.page(**PHONE)
    let_in(page, world, origin)
    form_page = f"{origin}/install/channel?device={NODE}&channel=crack"
    page.goto(form_page)
    page.locator("[data-pin] svg").first.click(position={"x": 100, "y": 60})
    page.locator("#f-code").fill("C-77")
    page.locator("#f-shows").fill("0")
    tapped = page.locator("[data-pin-x]").input_value()
    send = page.locator("form.card button[type=submit]")

    page.context.set_offline(True)
    send.click()
    expect(page.locator(".no-signal")).to_contain_text("nothing was sent")
    assert page.url == form_page
    page.context.set_offline(False)
    expect(page.locator(".no-signal")).to_have_count(0)

    page.route("**/install/channel", lambda route: route.abort())  # lost on the way
    send.click()
    expect(page).to_have_url("chrome-error://chromewebdata/")
    page.unroute("**/install/channel")
    page.goto(form_page)

    expect(page.locator(".kept")).to_be_visible()
    assert page.locator("#f-code").input_value() == "C-77"
    assert page.locator("[data-pin-x]").input_value() == tapped != ""
    expect(page.locator("[data-pin-mark]").first).to_be_visible()
    send.click()
    expect(page.locator("#lamp")).to_be_visible()
    sensor = installed(world, "C-77")
    with world.store.reading() as session:
        pin = session.scalars(select(Pin).where(Pin.sensor_id == sensor.id)).one()
        assert f"{pin.x:.4f}" == tapped
    assert page.evaluate("Object.keys(localStorage)") == []


def test_the_technicians_path_without_scripts(world, origin, people, tmp_path):
    speaks(world, 1.5)
    page = people.page(**PHONE, java_script_enabled=False)
    let_in(page, world, origin)

    page.goto(f"{origin}/install/")
    page.locator("#f-label").fill(NODE.lower())
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="crack").click()
    page.locator("#f-place").select_option(index=2)
    page.locator("form.card button[type=submit]").click()
    expect(page.locator("#lamp")).to_contain_text("Waiting")
    load_what_waits(world)
    page.get_by_role("link", name="Look again").click()

    expect(page.locator("#lamp")).to_contain_text("First reading stored")
    picture = tmp_path / "place.jpg"
    picture.write_bytes(pictures.jpeg())
    page.locator("#f-photo").set_input_files(picture)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#photos img")).to_have_count(1)
