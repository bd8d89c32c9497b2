"""Works pages in a real Chromium on a phone: tags that go off, photos that are sent, axe."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from werkzeug.serving import make_server

from models.hold import hold_for_rain
from models.photo import Photo
from tests.harness.browser import PHONE, SEEN_ON, overflow_px, small_targets, violations
from tests.models.house import NOW
from tests.webapp import pictures
from tests.webapp.yard import Yard, hours, standing_scaffold
from webapp.sessions import COOKIE


@pytest.fixture
def yard(app, sqlite_store) -> Yard:
    return Yard(app, sqlite_store)


@pytest.fixture
def origin(yard) -> Iterator[str]:
    """The address of the application. Ask for it before a browser: that then closes first."""
    server = make_server("127.0.0.1", 0, yard.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def works(yard):
    """A permitted task on a green scaffold."""
    with yard.working() as house:
        project = house.project()
        scaffold = standing_scaffold(house, project)
        task = house.task(project, scaffold=scaffold, needs_photos=True, due_at=hours(3))
        task.move("permit", by=house.manager, now=NOW)
        return task, scaffold, project


def let_in(page: Page, yard: Yard, origin: str, person) -> Page:
    page.context.add_cookies([{"name": COOKIE, "value": yard.cookie(person), "url": origin}])
    return page


def test_a_green_tag_goes_red_on_a_page_that_lies_open(yard, works, origin, phone):
    let_in(phone, yard, origin, yard.house.foreman)
    phone.goto(f"{origin}/tasks/{works[0].code}")
    tag = phone.locator(".scaf")
    expect(tag).to_contain_text("Green tag: you may go up")

    look = "async at => (await import(document.querySelector('[src*=\"js/tag\"]').src)).look(at)"
    phone.evaluate(look, (hours(7 * 24 - 2)).timestamp() * 1000)
    expect(tag).to_contain_text("Amber tag")
    phone.evaluate(look, (hours(7 * 24 + 1)).timestamp() * 1000)

    expect(tag).to_contain_text("Out of date: do not climb")
    expect(tag).to_contain_text("The tag on the scaffold decides")


def test_rain_reaches_the_open_page_of_the_contractor(yard, works, origin, phone):
    let_in(phone, yard, origin, yard.house.foreman)
    phone.goto(f"{origin}/tasks/{works[0].code}")

    with yard.working() as house:
        hold_for_rain(house.session, house.site, house.rain(NOW, None), {"12": 62.4}, NOW)

    expect(phone.locator(".scaf")).to_contain_text("Red tag: do not climb", timeout=5000)
    expect(phone.get_by_role("button", name="Start")).to_be_disabled()


def test_a_photo_is_sent_from_the_phone_and_shows(yard, works, origin, phone, tmp_path):
    let_in(phone, yard, origin, yard.house.foreman)
    phone.goto(f"{origin}/tasks/{works[0].code}")
    picture = tmp_path / "ridge.jpg"
    picture.write_bytes(pictures.jpeg(3000, 2000, exif=pictures.notes(), quality=95))

    phone.locator("#f-photo").set_input_files(picture)

    expect(phone.locator(".photos img")).to_have_count(1, timeout=20_000)
    with yard.store.reading() as session:
        photo = session.scalars(select(Photo)).one()
    assert photo.width == 1600  # made smaller on the phone; its notes came along
    assert photo.camera is not None and photo.camera.startswith(pictures.MARK)


def test_only_what_may_yet_be_taken_is_offered_again(yard, works, origin, phone, people, tmp_path):
    let_in(phone, yard, origin, yard.house.foreman)
    phone.goto(f"{origin}/tasks/{works[0].code}")
    picture = tmp_path / "ridge.jpg"
    picture.write_bytes(b"no picture at all")
    phone.locator("#f-photo").set_input_files(picture)
    refused = phone.locator(".photo-queue .failed")
    expect(refused).to_contain_text("failed: ")
    expect(refused.get_by_role("button")).to_be_hidden()

    phone.context.set_offline(True)
    picture.write_bytes(pictures.jpeg())
    phone.locator("#f-photo").set_input_files(picture)
    expect(refused.nth(1).get_by_role("button", name="Try again")).to_be_visible()
    people.complaints = [one for one in people.complaints if "ERR_INTERNET_DISCON" not in one]


def test_photos_and_notes_are_taken_without_scripts(yard, works, origin, people, tmp_path):
    page = people.page(**PHONE, java_script_enabled=False)
    let_in(page, yard, origin, yard.house.foreman)
    page.goto(f"{origin}/tasks/{works[0].code}")
    picture = tmp_path / "a.jpg"
    picture.write_bytes(pictures.jpeg())

    page.locator("#f-photo").set_input_files(picture)
    page.locator("#photo-form button").click()
    expect(page.locator(".photos img")).to_have_count(1)
    page.locator("#f-text").fill("numbered 62 tiles")
    page.locator("#form-note button").first.click()

    expect(page.locator(".written")).to_contain_text("numbered 62 tiles")


def pages_of(works):
    task, scaffold, project = works
    return {
        "foreman": [
            "/t",
            f"/tasks/{task.code}",
            "/scaffolds",
            f"/scaffolds/{scaffold.code}",
            f"/scaffolds/{scaffold.code}/inspect",
            f"/scaffolds/{scaffold.code}/tag",
            f"/s/{scaffold.token}",
            f"/photos/add/task/{task.code}",
        ],
        "manager": [
            "/tasks",
            "/tasks/new",
            f"/tasks/{task.code}",
            "/projects/",
            f"/projects/{project.code}",
            f"/projects/{project.code}/justify",
        ],
    }


@pytest.mark.parametrize(("device", "theme"), SEEN_ON.values(), ids=SEEN_ON)
def test_every_works_page_is_accessible_and_fits(yard, works, origin, people, theme, device):
    for person, paths in pages_of(works).items():
        page = people.page(color_scheme=theme, **device)
        let_in(page, yard, origin, getattr(yard.house, person))
        language = "zh" if theme == "light" else "en"
        for path in paths:
            page.goto(f"{origin}{path}?lang={language}")
            assert violations(page) == [], path
            assert overflow_px(page) <= 0, path
            assert small_targets(page) == [], path
