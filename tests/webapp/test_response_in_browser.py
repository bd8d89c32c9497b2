"""Pages of response in a real Chromium: one sheet of A4, and pages that everyone can use."""

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from models.base import bilingual
from models.closure import Closure
from tests.harness.browser import PHONE, SEEN_ON, overflow_px, small_targets, violations
from tests.webapp.response_world import World, make_world
from webapp.papers import LONGEST_LINE
from webapp.sessions import COOKIE

QR_AT_LEAST_MM = 30
MM = 96 / 25.4  # CSS pixels


@pytest.fixture
def world(cast):
    return make_world(cast)


# Asked for before the browser, so that the pages are closed before the server goes away.
@pytest.fixture
def origin(world) -> Iterator[str]:
    """The address of the application, served to a browser."""
    server = make_server("127.0.0.1", 0, world.cast.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def let_in(page: Page, world: World, origin: str, role: str) -> None:
    """Sign a page's browser in."""
    cookie = world.browser(role).client.get_cookie(COOKIE)
    assert cookie is not None
    page.context.add_cookies([{"name": COOKIE, "value": cookie.value, "url": origin}])


def sheets_of(page: Page) -> int:
    """Return how many sheets of paper the page takes."""
    return len(re.findall(rb"/Type\s*/Page[^s]", page.pdf(prefer_css_page_size=True)))


def test_the_notice_is_exactly_one_sheet_of_a4_with_a_code_that_scans(world, origin, page):
    closure = world.closure()
    let_in(page, world, origin, "duty")

    page.goto(f"{origin}/closures/{closure.code}/print")
    page.emulate_media(media="print")

    box = page.locator(".qr-code").bounding_box()
    assert sheets_of(page) == 1
    assert box is not None and min(box["width"], box["height"]) >= QR_AT_LEAST_MM * MM


def test_the_longest_words_that_the_form_takes_still_fit_on_one_sheet(world, origin, page):
    closure = world.closure()
    zh, en = "危" * LONGEST_LINE, ("falling tiles " * LONGEST_LINE)[:LONGEST_LINE]
    names = ("closed_parts", "explanation", "hazard", "permitted_entry", "alternative_route")
    with world.writing() as session:
        row = session.get_one(Closure, closure.id)
        for name in names:
            setattr(row, name, bilingual(zh, en))
        row.legal_basis = bilingual(zh, en)
    let_in(page, world, origin, "duty")

    page.goto(f"{origin}/closures/{closure.code}/print")

    assert sheets_of(page) == 1
    assert zh in page.content()


@pytest.mark.parametrize(("device", "theme"), SEEN_ON.values(), ids=SEEN_ON)
def test_every_page_is_accessible_and_fits(world, origin, people, device, theme):
    closure, incident, finding = world.closure(), world.incident(), world.finding()
    world.contact()
    world.alert()
    world.browser("manager").post(f"/incidents/{incident.code}/reports/first")
    page = people.page(color_scheme=theme, **device)
    let_in(page, world, origin, "manager")
    paths = [
        f"/closures/{closure.code}",
        "/closures/",
        "/closures/new",
        f"/closures/{closure.code}/notice",
        f"/closures/{closure.code}/papers/override",
        f"/n/{closure.token}",
        "/n",
        f"/incidents/{incident.code}",
        "/incidents/",
        "/incidents/new",
        "/reports/RP-" + incident.code[2:],
        f"/findings/{finding.code}",
        f"/findings/new?incident={incident.code}",
        "/findings/",
    ]
    for path in paths:
        page.goto(f"{origin}{path}")
        found = (violations(page), overflow_px(page), small_targets(page))
        assert found == ([], 0, []), path


def test_closing_works_with_one_thumb_and_without_scripts(world, origin, browser):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN", **PHONE)
    page = context.new_page()
    let_in(page, world, origin, "duty")
    page.goto(f"{origin}/closures/new")

    page.get_by_label("金刚殿北侧").check()
    page.get_by_role("button", name="立即封闭").tap()
    page.get_by_role("button", name=re.compile("无人.*警戒范围内")).tap()

    expect(page.locator("#people .met")).to_contain_text("已确认无人")
    expect(page.get_by_role("heading", name="金刚殿北侧暂停开放")).to_be_visible()
    context.close()


def test_a_refused_form_is_read_first_and_keeps_its_words(world, origin, page):
    closure = world.closure()
    let_in(page, world, origin, "manager")
    page.goto(f"{origin}/closures/{closure.code}/notice")

    page.locator("#f-hazard_zh").fill("瓦件坠落")
    page.locator("#f-radius_m").fill("far")
    page.get_by_role("button", name="保存并公布").click()

    expect(page.locator(".summary[data-focus]")).to_be_focused()
    expect(page.locator("#f-hazard_zh")).to_have_value("瓦件坠落")
    assert page.title().startswith("错误")
