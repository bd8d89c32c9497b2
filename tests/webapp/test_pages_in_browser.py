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
from models.store import Store
from tests.harness.browser import SEEN_ON, violations
from tests.webapp.cast import SYSTEM, Cast
from tests.webapp.conftest import app_on
from webapp.db import db, site_now
from webapp.policies import signed_in
from webapp.sessions import COOKIE

TRIAL = """{% extends 'shell.html' %}{% block main %}<h1>Trial</h1>
<section id="count" data-live><p id="n">{{ n }}</p><input id="typed" name="typed" value="">
<details><summary>More</summary><p>inside</p></details></section>{% endblock %}"""

CHART = """{% extends 'shell.html' %}{% import 'macros/chart.html' as c %}
{% block head %}{{ c.assets() }}{% endblock %}
{% block main %}<h1>Chart</h1>{{ c.evidence(data, 'A year', 'Crack') }}{% endblock %}"""
DAY = 86_400
# Ten days with one reading each, two of silence with one alone between, a day of minutes.
COARSE = [(day * DAY, day / 10) for day in range(11)]
SPARSE = [(11 * DAY, None), (12 * DAY, 2.0), (13 * DAY, None)]
# How many pixels of the line's colour each fiftieth of the chart has.
INK = """() => {
    const host = document.querySelector('.chart-host'), canvas = host.querySelector('canvas');
    const over = host.querySelector('.u-over').getBoundingClientRect();
    const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
    const colour = getComputedStyle(document.documentElement).getPropertyValue('--c-line').trim();
    const [r, g, b] = colour.match(/[0-9a-f]{2}/gi).map((one) => parseInt(one, 16));
    const wide = over.width * ratio / 50, left = (over.left - box.left) * ratio;
    const top = (over.top - box.top) * ratio, paint = canvas.getContext('2d');
    return Array.from({length: 50}, (_, i) => {
        const data = paint.getImageData(left + i * wide, top, wide, over.height * ratio).data;
        let found = 0;
        for (let at = 0; at < data.length; at += 4) {
            const off = [data[at] - r, data[at + 1] - g, data[at + 2] - b].map(Math.abs);
            if (data[at + 3] > 128 && Math.max(...off) < 40) found += 1;
        }
        return found;
    });
}"""
MINUTES = [(14 * DAY + minute * 60, 1.0) for minute in range(1, 1441)]


@pytest.fixture
def app(sqlite_store: Store) -> Flask:
    """An application of the test's own, to which pages are added."""
    return app_on(sqlite_store)


@pytest.fixture
def origin(app: Flask, cast: Cast) -> Iterator[str]:
    """The address of the application. Ask for it before a browser: that then closes first."""
    pages = Blueprint("trial", __name__)

    @pages.get("/trial")
    @signed_in
    def trial() -> str:
        return render_template_string(TRIAL, n=db.session.query(Organisation).count())

    @pages.get("/trial/chart")
    @signed_in
    def chart() -> str:
        at, values = zip(*COARSE, *SPARSE, *MINUTES, strict=True)
        rain = [[day * DAY, 4.0] for day in (2.5, 11.5, 12.5, 13.5)]
        return render_template_string(CHART, data={"t": at, "v": values, "rain": rain})

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
def test_every_component_is_accessible_and_fits(origin, people, cast, device, theme):
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


def test_what_happens_shows_on_an_open_page_within_two_seconds(origin, page, cast):
    let_in(page, cast, origin)
    page.goto(f"{origin}/trial")
    expect(page.locator("#n")).to_have_text("3")

    something_happens(cast, "new")

    expect(page.locator("#n")).to_have_text("4", timeout=2000)


def test_a_refresh_keeps_what_is_being_typed_and_what_was_opened(origin, page, cast):
    let_in(page, cast, origin)
    page.goto(f"{origin}/trial")
    page.locator("summary").click()
    page.locator("#typed").press_sequentially("walls wet")

    something_happens(cast, "new")

    expect(page.locator("#n")).to_have_text("4", timeout=4000)
    expect(page.locator("#typed")).to_have_value("walls wet")
    expect(page.locator("#typed")).to_be_focused()
    expect(page.locator("details p")).to_be_visible()


def test_a_lost_connection_is_told_loudly_and_heals(origin, people, cast):
    page = people.page()
    let_in(page, cast, origin)
    page.goto(f"{origin}/trial")
    expect(page.locator("#live-lost")).to_be_hidden()

    page.context.set_offline(True)
    expect(page.locator("#live-lost")).to_be_visible(timeout=15_000)
    page.context.set_offline(False)

    expect(page.locator("#live-lost")).to_be_hidden(timeout=15_000)
    people.complaints = [one for one in people.complaints if "ERR_INTERNET_DISCON" not in one]


def test_the_theme_changes_at_once_and_stays(origin, page, cast):
    page.goto(f"{origin}/login")

    page.locator("[data-theme-toggle]").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_chart_can_be_moved_with_keys_alone(origin, page, cast):
    let_in(page, cast, origin)
    page.goto(f"{origin}/about/style")
    handle = page.get_by_role("slider", name="起")
    before = handle.get_attribute("aria-valuetext")

    handle.focus()
    handle.press("PageDown")

    assert handle.get_attribute("aria-valuetext") != before
    expect(page.locator(".readout")).to_contain_text("mm")


def test_the_overview_is_placed_by_time_and_its_gaps_are_gaps(origin, page, cast):
    let_in(page, cast, origin)
    page.goto(f"{origin}/trial/chart")
    drawn = page.locator(".brush svg path").get_attribute("d")
    pieces = [
        [[float(number) for number in point.split()] for point in piece.split("L")]
        for piece in drawn.split("M")[1:]
    ]
    assert [[point[0] for point in piece] for piece in pieces] == [
        [pytest.approx(at / DAY / 15 * 1000, abs=0.1) for at, _ in part]
        for part in (COARSE, SPARSE[1:2] * 2, MINUTES)
    ]
    highest = min(y for piece in pieces for _, y in piece)
    assert pieces[1][0][1] == highest  # alone, and seen all the same
    assert page.locator(".brush svg path").bounding_box()["height"] > 30


def test_the_line_bridges_no_gap_in_which_it_rained(origin, page, cast):
    let_in(page, cast, origin)
    page.goto(f"{origin}/trial/chart")
    page.locator("[data-days='365']").evaluate("button => { button.hidden = false; }")
    page.locator("[data-days='365']").click()
    ink = page.evaluate(INK)
    drawn = [number * 15.18 / 50 for number, found in enumerate(ink) if found]  # with its margin
    # One reading in it stands alone, as a dot.
    assert {round(day) for day in drawn if 10.1 < day < 13.6} == {12}
    assert len([day for day in drawn if day < 10]) > 30
    assert [day for day in drawn if 14.1 < day < 15] != []


def test_what_was_typed_outlives_a_closed_page(origin, page, cast):
    let_in(page, cast, origin)
    page.goto(f"{origin}/about/style")
    page.locator("#f-style_note").fill("缝口渗水")

    page.goto(f"{origin}/profile")
    page.goto(f"{origin}/about/style")

    expect(page.locator("#f-style_note")).to_have_value("缝口渗水")
    page.get_by_role("button", name="清除").click()
    expect(page.locator("#f-style_note")).to_have_value("")


def test_a_page_works_without_scripts(origin, people, cast):
    page = people.page(java_script_enabled=False)
    cast.user("duty", "ana@example.org")
    let_in(page, cast, origin)

    page.goto(f"{origin}/profile")
    page.locator("#f-name").fill("Ana Wu")
    page.locator("#form-details button").click()

    expect(page.locator(".say.done")).to_be_visible()
