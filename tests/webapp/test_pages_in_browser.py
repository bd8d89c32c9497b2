"""The shared parts in a real Chromium, under the strict CSP: looks, keys, live refreshes."""

import threading
from collections.abc import Iterator

import pytest
from flask import Blueprint, Flask, render_template_string
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from models.base import bilingual
from models.event import record
from models.people import Organisation
from tests.harness.browser import SEEN_ON, violations
from tests.webapp.cast import SYSTEM, Cast
from webapp.db import db, site_now
from webapp.policies import signed_in
from webapp.sessions import COOKIE

TRIAL = """{% extends 'shell.html' %}{% block main %}<h1>Trial</h1>
<section id="count" data-live><p id="n">{{ n }}</p><input id="typed" name="typed" value="">
<details><summary>More</summary><p>inside</p></details></section>{% endblock %}"""


@pytest.fixture
def origin(app: Flask, cast: Cast) -> Iterator[str]:
    """The address of the application, served to a browser."""
    pages = Blueprint("trial", __name__)

    @pages.get("/trial")
    @signed_in
    def trial() -> str:
        return render_template_string(TRIAL, n=db.session.query(Organisation).count())

    app.register_blueprint(pages)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def let_in(page: Page, cast: Cast, origin: str, role: str = "duty") -> None:
    """Sign a page's browser in."""
    cookie = cast.signed_in(role).client.get_cookie(COOKIE)
    assert cookie is not None
    page.context.add_cookies([{"name": COOKIE, "value": cookie.value, "url": origin}])


def something_happens(cast: Cast, code: str) -> None:
    with cast.store.writing() as session:
        row = Organisation(code=code, kind="contractor", name=bilingual(code))
        session.add(row)
        with cast.app.app_context():
            record(row, "add", by=SYSTEM, now=site_now(), session=session)


@pytest.mark.parametrize(("device", "theme"), SEEN_ON.values(), ids=SEEN_ON)
def test_every_component_is_accessible_and_fits(people, cast, origin, device, theme):
    page = people.page(color_scheme=theme, **device)
    let_in(page, cast, origin)

    for language in ("zh", "en"):
        for path, shown in (("/about/style", ".u-over"), ("/about/style/phone", ".actbar")):
            page.goto(f"{origin}{path}?lang={language}")
            expect(page.locator(shown)).to_be_visible()
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            assert page.evaluate(SMALL_TARGETS) == []


SMALL_TARGETS = """() => [...document.querySelectorAll('a,button,input,summary')].filter(e => {
    const r = e.getBoundingClientRect(), s = getComputedStyle(e);
    return r.width && s.display !== 'inline' && !e.closest('.vh,svg,.choice')
        && (r.width < 24 || r.height < 24); }).map(e => e.outerHTML.slice(0, 80))"""


def test_what_happens_shows_on_an_open_page_within_two_seconds(page, cast, origin):
    let_in(page, cast, origin)
    page.goto(f"{origin}/trial")
    expect(page.locator("#n")).to_have_text("3")

    something_happens(cast, "new")

    expect(page.locator("#n")).to_have_text("4", timeout=2000)


def test_a_refresh_keeps_what_is_being_typed_and_what_was_opened(page, cast, origin):
    let_in(page, cast, origin)
    page.goto(f"{origin}/trial")
    page.locator("summary").click()
    page.locator("#typed").press_sequentially("walls wet")

    something_happens(cast, "new")

    expect(page.locator("#n")).to_have_text("4", timeout=4000)
    expect(page.locator("#typed")).to_have_value("walls wet")
    expect(page.locator("#typed")).to_be_focused()
    expect(page.locator("details p")).to_be_visible()


def test_a_lost_connection_is_told_loudly_and_heals(people, cast, origin):
    page = people.page()
    let_in(page, cast, origin)
    page.goto(f"{origin}/trial")
    expect(page.locator("#live-lost")).to_be_hidden()

    page.context.set_offline(True)
    expect(page.locator("#live-lost")).to_be_visible(timeout=15_000)
    page.context.set_offline(False)

    expect(page.locator("#live-lost")).to_be_hidden(timeout=15_000)
    people.complaints = [one for one in people.complaints if "ERR_INTERNET_DISCON" not in one]


def test_the_theme_changes_at_once_and_stays(page, cast, origin):
    page.goto(f"{origin}/login")

    page.locator("[data-theme-toggle]").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_chart_can_be_moved_with_keys_alone(page, cast, origin):
    let_in(page, cast, origin)
    page.goto(f"{origin}/about/style")
    handle = page.get_by_role("slider", name="起")
    before = handle.get_attribute("aria-valuetext")

    handle.focus()
    handle.press("PageDown")

    assert handle.get_attribute("aria-valuetext") != before
    expect(page.locator(".readout")).to_contain_text("mm")


def test_the_strip_under_the_chart_is_drawn_by_time(page, cast, origin):
    let_in(page, cast, origin)
    page.goto(f"{origin}/about/style")

    drawn = page.evaluate(
        """async () => {
          const loaded = performance.getEntriesByType('resource').map((one) => one.name);
          const { Brush } = await import(loaded.find((name) => name.includes('brush')));
          const box = document.createElement('div'), words = { from: '', to: '' };
          const seen = { from: 0, to: 100, times: [0, 50, 90, 95, 100], values: [1, 2, 1, 2, 1] };
          new Brush(box, { ...seen, words, name: String, moved: () => {} });
          return box.querySelector('path').getAttribute('d').split(/[ML]/).slice(1);
        }"""
    )

    assert [float(point.split()[0]) for point in drawn] == [0, 500, 900, 950, 1000]


def test_what_was_typed_outlives_a_closed_page(page, cast, origin):
    let_in(page, cast, origin)
    page.goto(f"{origin}/about/style")
    page.locator("#f-style_note").fill("缝口渗水")

    page.goto(f"{origin}/profile")
    page.goto(f"{origin}/about/style")

    expect(page.locator("#f-style_note")).to_have_value("缝口渗水")
    page.get_by_role("button", name="清除").click()
    expect(page.locator("#f-style_note")).to_have_value("")


def test_a_page_works_without_scripts(people, cast, origin):
    page = people.page(java_script_enabled=False)
    cast.user("duty", "ana@example.org")
    let_in(page, cast, origin)

    page.goto(f"{origin}/profile")
    page.locator("#f-name").fill("Ana Wu")
    page.locator("#form-details button").click()

    expect(page.locator(".say.done")).to_be_visible()
