"""What visitors read behind the QR code, with no cookie, no script, and no word too much."""

import gzip
import re
from datetime import timedelta

import pytest

from models.base import bilingual
from models.clock import machine_now
from models.closing import close_zone
from models.closure import Closure
from models.lifting import override
from models.registry import Zone
from tests.webapp.response_world import counted, make_world
from webapp.poster import public_address, qr_code


@pytest.fixture
def world(cast):
    return make_world(cast)


def test_a_notice_says_what_why_since_and_whom_to_ask(world):
    closure = world.closure()

    page = world.cast.browser().get(f"/n/{closure.token}?lang=en")

    assert page.status_code == 200
    for said in (
        "Jingang Hall, north is closed",
        "Closed. Please do not enter.",
        "within 9.2",
        "Danger was seen on the spot",
        "further notice",
        "Where to go instead",
        "national key protected site",
        'href="tel:05135550188"',
        closure.code,
        "Updated",
        "Office",
    ):
        assert said in page.text, said


def test_it_speaks_the_visitors_language_and_says_which(world):
    closure = world.closure()
    visitor = world.cast.browser()

    zh = visitor.get(f"/n/{closure.token}", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    en = visitor.get(f"/n/{closure.token}", headers={"Accept-Language": "en-GB"}).text

    assert '<html lang="zh-Hans-CN"' in zh and "金刚殿北侧暂停开放" in zh
    assert '<html lang="en"' in en and "Jingang Hall, north is closed" in en


def test_it_is_light_needs_no_cookie_and_may_be_kept_for_a_minute(world):
    closure = world.closure()

    page = world.cast.browser().get(f"/n/{closure.token}")

    css = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
    visitor = world.cast.browser()
    sent = len(gzip.compress(page.data)) + sum(
        len(visitor.get(one, headers={"Accept-Encoding": "gzip"}).data) for one in css
    )
    assert page.headers["Cache-Control"] == "public, max-age=60"
    assert "Set-Cookie" not in page.headers
    assert "<script" not in page.text and "<form" not in page.text
    assert len(css) == 3 and sent <= 30_000


def test_someone_signed_in_is_handed_no_cookie_in_an_answer_for_all(world):
    closure = world.closure()

    page = world.browser("duty").get(f"/n/{closure.token}")

    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_shows_no_level_no_sensor_and_no_alert(world, language):
    alert = world.alert("critical")
    with world.writing() as session:
        zone = session.get_one(Zone, world.zone_id)
        row = session.get_one(type(alert), alert.id)
        act = {"by": world.actor("duty"), "now": machine_now()}
        token = close_zone(session, zone, alert=row, **act).token

    page = world.cast.browser().get(f"/n/{token}?lang={language}").text

    for secret in ("C-07", "C3", "红色", "Red", "critical", "2.1", "lv-"):
        assert secret not in page, secret


def test_after_the_reopening_the_same_code_says_since_when(world):
    closure = world.closure(ago=timedelta(days=2))
    with world.writing() as session:
        row = session.get_one(Closure, closure.id)
        row.rectification = bilingual("花脊已加固", "The ridge is reinforced")
        override(row, "dry and propped", by=world.actor("manager"), now=machine_now())

    page = world.cast.browser().get(f"/n/{closure.token}?lang=en").text

    assert "is open again" in page and "Lifted on" in page
    assert "The ridge is reinforced" in page and "dry and propped" in page
    assert "Please do not enter" not in page


def test_a_superseded_notice_leads_to_the_newer_one(world):
    closure = world.closure()
    with world.writing() as session:
        old, zone = session.get_one(Closure, closure.id), session.get_one(Zone, world.zone_id)
        act = {"by": world.actor("duty"), "now": machine_now()}
        new = close_zone(session, zone, supersedes=old, **act)

    page = world.cast.browser().get(f"/n/{closure.token}").text

    assert "本公告已由新公告取代" in page
    assert f'href="/n/{new.token}?lang=zh"' in page


def test_past_its_end_it_is_not_called_open(world):
    closure = world.closure()
    with world.writing() as session:
        row = session.get_one(Closure, closure.id)
        row.until_at = machine_now() - timedelta(hours=1)

    page = world.cast.browser().get(f"/n/{closure.token}").text

    assert "期限已过，尚未恢复开放" in page and "暂停开放" in page


def test_a_code_that_was_never_issued_is_not_found(world):
    with world.writing() as session:
        zone = session.get_one(Zone, world.zone_id)
        act = {"by": world.actor("duty"), "now": machine_now()}
        draft = close_zone(session, zone, draft=True, **act)

    visitor = world.cast.browser()

    assert visitor.get("/n/never-issued").status_code == 404
    assert visitor.get(f"/n/{draft.token}").status_code == 404


def test_the_list_of_today_names_what_is_shut_and_nothing_else(world):
    visitor = world.cast.browser()
    empty = visitor.get("/n")
    closure = world.closure()

    with counted(world.cast) as sent:
        page = visitor.get("/n").text

    assert "今日没有封闭区域" in empty.text
    assert "金刚殿北侧" in page and f"/n/{closure.token}" in page
    assert len(sent) <= 6


def test_typed_words_are_shown_as_text(world):
    closure = world.closure()
    with world.writing() as session:
        row = session.get_one(Closure, closure.id)
        row.hazard = bilingual("<script>alert(1)</script>", "x")

    page = world.cast.browser().get(f"/n/{closure.token}").text

    assert "<script>alert(1)" not in page and "&lt;script&gt;" in page


def test_the_qr_code_holds_the_public_address(world):
    closure = world.closure()
    sheet = world.browser("duty").get(f"/closures/{closure.code}/print").text

    with world.cast.app.app_context():
        address = public_address(closure.token)
        drawn = qr_code(address)

    assert address == f"https://ridgewatch.example/n/{closure.token}"
    assert str(drawn) in sheet and address in sheet
    assert "金刚殿北侧暂停开放" in sheet and "Jingang Hall, north is closed" in sheet
