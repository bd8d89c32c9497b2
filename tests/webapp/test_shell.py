"""The frame of every page: language, theme, errors, static files, the clock, live refreshes."""

import base64
import gzip
import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Blueprint, Flask, abort, render_template_string, request

from models.clock import SiteClock, machine_now
from models.errors import BadInput, Blocker, Fault, Missing, Refusal, Stale
from models.pulse import bump
from models.reasons import reason
from models.store import Store
from tests.webapp.conftest import app_on
from webapp.assets import STATIC
from webapp.db import begin_write, commit, db
from webapp.filters import Sparkline, sparkline
from webapp.forms import again
from webapp.live import POLLED_FOR_S, shared
from webapp.policies import public, signed_in

ROOT = STATIC.parent


@pytest.fixture
def app(sqlite_store: Store) -> Flask:
    """An application of the test's own, to which pages are added."""
    return app_on(sqlite_store)


@pytest.fixture
def trial(app: Flask) -> Flask:
    """The application with a few pages that fail in every way."""
    pages = Blueprint("trial", __name__, url_prefix="/trial")

    @pages.get("/form")
    @signed_in
    def form() -> str:
        return render_template_string(
            "{% extends 'shell.html' %}{% block main %}<h1>Trial</h1>"
            "{{ f.open('/trial/refuse', 'lift') }}{{ f.text('why', 'Why', form='lift') }}</form>"
            "{% endblock %}"
        )

    @pages.post("/refuse")
    @signed_in
    @again(form)
    def refuse() -> str:
        begin_write()
        if request.form.get("stale"):
            raise Stale("closure", "C-1", 3)
        blocker = Blocker(reason("user.no_name"), "/profile")
        raise Refusal(reason("user.cannot_disable_self"), [blocker])

    @pages.get("/thing/<key>")
    @signed_in
    def thing(key: str) -> str:
        raise Missing("thing", key)

    @pages.post("/thing/<key>")
    @signed_in
    @again(thing)
    def change_thing(key: str) -> str:
        raise BadInput([Fault("why", reason("user.no_name"))])

    @pages.get("/broken")
    @signed_in
    def broken() -> str:
        raise ZeroDivisionError("the pipe burst")

    @pages.post("/lone")
    @signed_in
    def lone() -> str:
        raise Refusal(reason("user.cannot_disable_self"))

    @pages.get("/status/<int:code>")
    @public
    def status(code: int) -> str:
        abort(code)

    @pages.get("/shared")
    @signed_in
    @shared
    def shared_page() -> str:
        app.config["DRAWN"] = app.config.get("DRAWN", 0) + 1
        return render_template_string(
            "{% extends 'shell.html' %}{% block main %}<form>{{ f.csrf() }}</form>{% endblock %}"
        )

    @pages.post("/commit")
    @signed_in
    def write() -> str:
        begin_write()
        bump(db.session())
        commit()
        return "ok"

    app.register_blueprint(pages)
    return app


def test_chinese_comes_first_and_the_browser_may_wish_otherwise(cast):
    browser = cast.browser()

    assert 'lang="zh-Hans-CN"' in browser.get("/login").text
    for wish, word in (("en-GB,en;q=0.9", "Sign in"), ("fr", "登录"), ("zh-TW,en", "登录")):
        assert word in browser.get("/login", headers={"Accept-Language": wish}).text


def test_a_link_may_ask_for_a_language(cast):
    page = cast.browser().get("/login?lang=en", headers={"Accept-Language": "zh"})

    assert 'lang="en"' in page.text and "Sign in" in page.text


def test_a_choice_of_language_stays_with_the_person(cast):
    browser = cast.signed_in("duty")

    answer = browser.post("/reader", {"language": "en", "next": "/profile"})

    assert answer.location == "/profile"
    assert "My account" in browser.get("/profile").text
    assert "My account" in cast.signed_in("duty").get("/profile").text  # on another device


def test_a_theme_is_kept_in_a_cookie_and_needs_no_script(cast):
    browser = cast.browser()
    browser.post("/reader", {"theme": "dark", "next": "/login"})

    assert 'data-theme="dark"' in browser.get("/login").text


def test_a_refused_form_is_shown_again_with_the_reason_and_what_was_typed(trial, cast):
    browser = cast.signed_in("duty")

    page = browser.post("/trial/refuse", {"_form": "lift", "why": "<it is dry>"})

    assert page.status_code == 409
    assert "不能停用自己的账号" in page.text and "请填写姓名" in page.text
    assert 'href="/profile"' in page.text
    assert 'value="&lt;it is dry&gt;"' in page.text


def test_a_change_meanwhile_is_told_with_what_was_typed(trial, cast):
    page = cast.signed_in("duty").post("/trial/refuse", {"_form": "lift", "why": "x", "stale": "1"})

    assert page.status_code == 412
    assert "C-1" in page.text and 'value="x"' in page.text


def test_a_refusal_without_a_page_of_its_own_still_keeps_what_was_typed(trial, cast):
    page = cast.signed_in("duty").post("/trial/lone", {"note": "walls wet to 2 m"})

    assert page.status_code == 409
    assert "walls wet to 2 m" in page.text


def test_a_bad_form_for_a_thing_that_is_not_there_is_not_found(trial, cast):
    page = cast.signed_in("duty").post("/trial/thing/7", {"why": "x"})

    assert page.status_code == 404


def test_after_a_refusal_others_can_write(trial, cast):
    browser = cast.signed_in("duty")
    browser.post("/trial/refuse", {"why": "x"})

    assert browser.post("/trial/commit").status_code == 200


def test_a_fault_is_told_by_number_and_nothing_of_its_inside(trial, cast, caplog):
    page = cast.signed_in("duty").get("/trial/broken")

    assert page.status_code == 500
    assert "pipe burst" not in page.text and "Traceback" not in page.text
    reference = page.text.partition('class="ref">')[2].partition("<")[0]
    assert reference and f"request={reference}" in caplog.text


@pytest.mark.parametrize("code", [400, 403, 404, 405, 413, 429, 500, 503, 418])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_error_has_a_page_in_both_languages(trial, cast, code, language):
    page = cast.browser().get(f"/trial/status/{code}?lang={language}")

    assert page.status_code == code
    assert page.text.count("<h1>") == 1 and "error." not in page.text


def test_a_form_that_is_too_large_is_refused_with_a_sentence(cast):
    cast.app.config["MAX_CONTENT_LENGTH"] = 1000
    browser = cast.signed_in("duty")

    page = browser.post("/profile", {"name": "x" * 5000})

    assert page.status_code == 413
    assert "太大" in page.text


def test_a_program_gets_a_problem_in_its_language(trial, cast):
    browser = cast.signed_in("duty")
    headers = {"Accept": "application/json", "Accept-Language": "en"}

    answer = browser.post("/trial/refuse", {"why": "x"}, headers=headers)

    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] == "user.cannot_disable_self"
    assert answer.json["blockers"][0]["href"] == "/profile"
    assert answer.json["blockers"][0]["text"] == "请填写姓名。"  # the person's own setting wins


def test_an_unknown_api_address_is_a_problem_not_a_page(cast):
    answer = cast.browser().get("/api/v1/nothing")

    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json" and answer.json["status"] == 404


def test_pages_are_compressed_and_their_tokens_never_twice_the_same(cast):
    browser = cast.signed_in("duty")

    page = browser.get("/profile", headers={"Accept-Encoding": "gzip"})

    assert page.headers["Content-Encoding"] == "gzip"
    assert "我的账号" in gzip.decompress(page.data).decode()
    assert browser.token() != browser.token()


def test_the_demo_clock_shows_only_where_time_is_not_real(cast):
    browser = cast.signed_in("duty")
    real = browser.get("/profile").text
    with cast.store.writing() as session:
        at = datetime(2022, 3, 20, 22, tzinfo=UTC)
        clock = SiteClock(id=1, mode="running", site_at=at, since=machine_now(), speed=60)
        session.add(clock)

    demo = browser.get("/profile").text

    assert "clockbar" not in real
    assert "2022年3月21日 06:0" in demo and 'data-speed="60.0"' in demo


def test_an_open_page_polls_one_version_and_gets_304_until_something_changes(trial, cast):
    browser = cast.signed_in("duty")
    first = browser.get("/live/version")
    etag = {"If-None-Match": first.headers["ETag"]}

    same = browser.get("/live/version", headers=etag)
    browser.post("/trial/commit")
    time.sleep(POLLED_FOR_S)  # machine time, in which polls live, is nobody's to move
    other = browser.get("/live/version", headers=etag)

    assert (same.status_code, same.data) == (304, b"")
    assert other.status_code == 200 and other.text != first.text


def test_many_open_desks_share_one_rendering_but_not_their_form_tokens(trial, cast):
    ana, ben = cast.signed_in("duty", "ana@x.cn"), cast.signed_in("duty", "ben@x.cn")

    pages = [who.get("/trial/shared", headers={"X-Live": "1"}).text for who in (ana, ben)]
    tokens = [page.partition('name="csrf" value="')[2].partition('"')[0] for page in pages]
    taken = [
        who.client.post("/trial/commit", data={"csrf": token}).status_code
        for who, token in zip((ana, ben), tokens, strict=True)
    ]

    assert trial.config["DRAWN"] == 1
    assert taken == [200, 200]
    assert cast.signed_in("viewer").get("/trial/shared", headers={"X-Live": "1"}).status_code == 200
    assert trial.config["DRAWN"] == 2  # other rights, another rendering


def test_static_files_are_kept_for_ever_under_their_hash_only(cast):
    browser = cast.browser()
    url = cast.app.extensions["assets"].url("css/app.css")

    file = browser.get(url, headers={"Accept-Encoding": "gzip"})
    other = browser.get(url.replace(cast.app.extensions["assets"].digest, "0" * 16))

    assert "immutable" in file.headers["Cache-Control"]
    assert gzip.decompress(file.data) == (STATIC / "css" / "app.css").read_bytes()
    assert other.headers["Cache-Control"] == "no-cache"
    assert browser.get("/static/0/../../webapp/app.py").status_code == 404
    assert browser.get("/static/0/%2e%2e/%2e%2e/webapp/app.py").status_code == 404


def test_vendored_files_are_what_their_lock_says():
    lock = json.loads((STATIC / "vendor" / "vendor.lock.json").read_text())

    for entry in lock:
        body = (ROOT / entry["file"]).read_bytes()
        digest = "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()
        assert (len(body), digest) == (entry["bytes"], entry["sha384"]), entry["file"]
    vendored = {str(path.relative_to(ROOT)) for path in (STATIC / "vendor").rglob("*.js")}
    assert vendored <= {entry["file"] for entry in lock}


def test_every_icon_that_a_page_names_is_in_the_sprite():
    sprite = (STATIC / "icons" / "sprite.svg").read_text()
    names = set()
    for path in (ROOT / "webapp" / "templates").rglob("*.html"):
        names |= set(_icons(path))

    assert sorted(name for name in names if f'id="i-{name}"' not in sprite) == []


def _icons(path: Path) -> list[str]:
    return [part.partition('"')[0] for part in path.read_text().split('icon("')[1:]]


def test_styles_stay_within_what_old_phones_understand():
    for path in (STATIC / "css").glob("*.css"):
        css = path.read_text().partition("*/")[2]
        for word in ("@layer", "color-mix(", "oklch(", "light-dark(", ":has("):
            assert word not in css, (path.name, word)


def test_a_sparkline_does_not_bridge_a_gap():
    assert sparkline([1, 2, None, 2, 1], 1.5).path.count("M") == 2
    assert sparkline([None, None]) == Sparkline("", None, None)
    assert sparkline([3.0, 3.0]).path == "M0.0 15.0L96.0 15.0"


def test_relative_times_count_in_site_time(cast):
    with cast.store.writing() as session:
        at = datetime(2022, 3, 20, 22, tzinfo=UTC)
        session.add(SiteClock(id=1, mode="led", site_at=at, since=machine_now()))
    shown = "{{ at | ago }} {{ at | short_moment }}"

    with cast.app.test_request_context("/login"):
        cast.app.preprocess_request()
        text = render_template_string(shown, at=at - timedelta(minutes=6))

    assert text == "6分钟前 05:54"
