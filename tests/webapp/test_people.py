"""Signing in and out, invitations, accounts: who gets in, and who does not."""

import re
import time
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, select, update

from models.accounts import INVITATION_LASTS, find_user, prepare_password
from models.clock import machine_now
from models.event import history
from models.passwords import is_password, why_not_password
from models.people import Invitation, LoginAttempt, User, WebSession
from models.signin import FREE_ATTEMPTS, digest
from tests.webapp.cast import Browser, Cast, make_cast, token_in
from tests.webapp.conftest import settings_for
from webapp.app import create_app
from webapp.sessions import COOKIE, DEVICE_COOKIE, IDLE_S, _sign

PASSWORD = "the ridge in the rain"
HASH = prepare_password(PASSWORD, email="")
WRONG = "邮箱或密码不正确"


@pytest.fixture
def ana(cast: Cast) -> User:
    return cast.user("duty", "ana@example.org", HASH)


def sign_in(browser: Browser, password: str = PASSWORD, **fields: str):
    return browser.post("/login", {"email": "ana@example.org", "password": password, **fields})


def cookie_of(browser: Browser) -> str:
    found = browser.client.get_cookie(COOKIE)
    return found.value if found else ""


def test_the_right_password_lets_in_and_goes_where_one_wanted(cast, ana):
    browser = cast.browser()
    asked = browser.get("/profile?x=1")

    answer = sign_in(browser, next="/profile?x=1")

    assert asked.location == "/login?next=/profile?x%3D1"
    assert (answer.status_code, answer.location) == (303, "/profile?x=1")
    assert "Ana duty" in browser.get("/profile").text


def test_sessions_work_on_both_databases(cast_everywhere):
    cast_everywhere.user("duty", "ana@example.org", HASH)
    browser = cast_everywhere.browser()

    assert sign_in(browser).status_code == 303
    assert browser.get("/profile").status_code == 200
    assert browser.post("/logout").status_code == 303
    assert browser.get("/profile").status_code == 302


def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(cast, ana):
    wrong = sign_in(cast.browser(), "not this one at all")
    unknown = sign_in(cast.browser(), email="nobody@example.org")

    assert wrong.status_code == unknown.status_code == 401
    assert WRONG in wrong.text and WRONG in unknown.text
    assert _bare(wrong.text) == _bare(unknown.text)


def _bare(html: str) -> str:
    """Return a page without what differs between any two: tokens and the address typed."""
    return re.sub(r'value="[^"]*"|[0-9a-f]{12}', "", html)


def test_an_unknown_account_takes_as_long_as_a_known_one(ana):
    def took(kept: str | None) -> float:
        started = time.perf_counter()
        is_password(kept, "not this one at all")
        return time.perf_counter() - started

    known, unknown = min(took(HASH) for _ in range(3)), min(took(None) for _ in range(3))

    assert unknown > known / 3  # a quick refusal would be a hundred times faster


def test_the_session_is_kept_by_its_hash_and_changes_at_every_sign_in(cast, ana):
    browser = cast.browser()
    sign_in(browser)
    first = cookie_of(browser)
    browser.post("/logout")
    sign_in(browser)

    second = cookie_of(browser).partition(".")[0]
    with cast.store.reading() as session:
        kept = session.scalars(select(WebSession.token_hash)).all()
    assert first.partition(".")[0] != second
    assert kept == [digest(second)]


def test_a_cookie_from_before_does_not_become_the_session(cast, ana):
    browser = cast.browser()
    browser.client.set_cookie(COOKIE, "chosen-by-someone-else.1.x")

    sign_in(browser)

    assert not cookie_of(browser).startswith("chosen")


@pytest.mark.parametrize("way", ["logout", "disable", "password"])
def test_an_old_cookie_is_worth_nothing_afterwards(cast, ana, way):
    browser, thief, admin = cast.browser(), cast.browser(), cast.signed_in("admin")
    sign_in(browser)
    thief.client.set_cookie(COOKIE, cookie_of(browser))
    assert thief.get("/profile").status_code == thief.get("/live/version").status_code == 200

    if way == "logout":
        browser.post("/logout")
    elif way == "disable":
        assert admin.post(f"/people/{ana.id}/disable").status_code == 303
    else:
        new = {"password": "another long one", "password_again": "another long one"}
        changed = browser.post("/profile/password", {"old_password": PASSWORD, **new})
        assert changed.status_code == 303
        assert browser.get("/profile").status_code == 200  # his own browser stays signed in

    assert thief.get("/profile").status_code == 302
    assert thief.get("/live/version").status_code == 302


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(cast, ana):
    plain = sign_in(cast.browser()).headers.getlist("Set-Cookie")
    browser = cast.browser()
    safe = {"base_url": "https://ridgewatch.example"}
    token = token_in(browser.get("/login", **safe).text)
    fields = {"email": "ana@example.org", "password": PASSWORD, "csrf": token}
    secure = browser.client.post("/login", data=fields, **safe).headers.getlist("Set-Cookie")

    session = next(one for one in plain if one.startswith(f"{COOKIE}="))
    hosted = next(one for one in secure if one.startswith(f"__Host-{COOKIE}="))
    assert "HttpOnly" in session and "SameSite=Lax" in session
    assert all(word in hosted for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in hosted


def test_a_session_that_nobody_used_for_a_day_has_ended(cast, ana):
    browser = cast.browser()
    sign_in(browser)
    token = cookie_of(browser).partition(".")[0]
    used = f"{token}.{int(time.time()) - IDLE_S - 1}"
    with cast.app.app_context():
        browser.client.set_cookie(COOKIE, f"{used}.{_sign(used)}")

    assert browser.get("/profile").status_code == 302


def test_viewing_writes_nothing(cast, ana):
    browser = cast.browser()
    sign_in(browser)
    with cast.store.reading() as session:
        before = session.execute(select(WebSession.seen_at, WebSession.expires_at)).all()

    browser.get("/profile")

    with cast.store.reading() as session:
        assert session.execute(select(WebSession.seen_at, WebSession.expires_at)).all() == before


def test_guessing_slows_down_and_the_wait_grows(cast, ana):
    browser = cast.browser()
    codes = [sign_in(browser, "wrong guess").status_code for _ in range(FREE_ATTEMPTS)]
    first = sign_in(browser, PASSWORD)
    _move_attempts(cast, timedelta(seconds=20))
    again, second = sign_in(browser, "wrong guess"), sign_in(browser)

    assert codes == [401] * FREE_ATTEMPTS
    assert first.status_code == 429 and 0 < int(first.headers["Retry-After"]) <= 15
    assert "秒后再试" in first.text
    assert again.status_code == 401
    assert int(second.headers["Retry-After"]) > 15


def _move_attempts(cast: Cast, earlier: timedelta) -> None:
    with cast.store.writing() as session:
        for row in session.scalars(select(LoginAttempt)):
            session.execute(
                update(LoginAttempt).where(LoginAttempt.id == row.id).values(at=row.at - earlier)
            )


def test_a_browser_that_has_been_here_is_not_kept_out_by_others_guesses(cast, ana):
    known = cast.browser()
    sign_in(known)
    known.post("/logout")
    stranger = cast.browser()
    for _ in range(FREE_ATTEMPTS):
        sign_in(stranger, "wrong guess")

    assert sign_in(stranger).status_code == 429
    assert known.client.get_cookie(DEVICE_COOKIE) is not None
    assert sign_in(known).status_code == 303


def test_attempts_count_before_the_password_is_looked_at(cast, ana):
    """Otherwise two hundred at once would all be checked before the first is counted."""
    sign_in(cast.browser(), "wrong guess")

    with cast.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(LoginAttempt)) == 1


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "/\\evil.example", "https://evil.example", "https:evil", "/a\r\nX: y", "a"],
)
def test_the_way_on_never_leads_to_another_site(cast, ana, wanted):
    assert sign_in(cast.browser(), next=wanted).location == "/"


def test_a_form_sent_after_the_session_ended_is_kept_through_the_sign_in(cast, ana):
    browser = cast.browser()
    sign_in(browser)
    browser.client.delete_cookie(COOKIE)

    ended = browser.post("/profile", {"_form": "details", "name": "Ana Wu", "phone": "<0512>"})
    fields = dict(re.findall(r'name="(again[^"]*)" value="([^"]*)"', ended.text))
    kept = {name: unescape(value) for name, value in fields.items()}
    resumed = sign_in(browser, **kept)
    token = token_in(resumed.text.partition("again-h")[2])
    sent = browser.client.post("/profile", data={"csrf": token, "name": "Ana Wu", "phone": "0"})

    assert ended.status_code == 401
    assert kept["again.name"] == "Ana Wu" and kept["again.phone"] == "<0512>"
    assert "csrf" not in {name.removeprefix("again.") for name in kept}
    assert resumed.status_code == 200 and 'action="/profile"' in resumed.text
    assert "&lt;0512&gt;" in resumed.text
    assert sent.status_code == 303


def test_a_form_from_before_signing_in_again_is_shown_to_be_sent_again(cast, ana):
    browser = cast.browser()
    sign_in(browser)
    old = browser.token()
    sign_in(browser)

    answer = browser.client.post("/profile", data={"csrf": old, "name": "Wu"})

    assert answer.status_code == 403
    assert 'name="name" value="Wu"' in answer.text


def test_a_bad_form_says_what_is_wrong_and_keeps_what_was_typed(cast, ana):
    browser = cast.browser()
    sign_in(browser)

    answer = browser.post("/profile", {"_form": "details", "name": " ", "phone": "123 456"})

    assert answer.status_code == 422
    assert "<title>错误：" in answer.text
    assert 'href="#f-name"' in answer.text and 'aria-invalid="true"' in answer.text
    assert 'value="123 456"' in answer.text


def invite(browser: Browser, cast: Cast, email: str = "new@example.org", role: str = "keeper"):
    fields = {"email": email, "role": role, "organisation": str(cast.office_id)}
    return browser.post("/people/invitations", {"_form": "invite", **fields})


def link_in(html: str) -> str:
    found = re.search(r"https://ridgewatch\.example(/invitations/[\w-]+)", html)
    assert found, html
    return found[1]


JOIN = {"name": "Bo", "password": "a long enough one", "password_again": "a long enough one"}


def test_an_invited_person_joins_once(cast):
    path = link_in(invite(cast.signed_in("admin"), cast).text)
    guest, late = cast.browser(), cast.browser()

    shown = guest.get(path)
    joined = guest.post(path, JOIN)
    again = late.client.post(path, data={**JOIN, "csrf": late.token()})

    assert "new@example.org" in shown.text and shown.status_code == 200
    assert joined.status_code == 303
    assert guest.get("/profile").status_code == 200
    assert again.status_code == 404
    with cast.store.reading() as session:
        user = find_user(session, "new@example.org")
        assert [row.role for row in user.memberships] == ["keeper"]
        assert [event.action for event in history(session, "user", user.id)] == ["add"]


def test_the_link_comes_from_the_settings_and_only_its_hash_is_kept(cast):
    browser = cast.signed_in("admin")
    fields = {"_form": "invite", "email": "a@b.cn", "role": "viewer", "csrf": browser.token()}
    fields["organisation"] = str(cast.office_id)

    answer = browser.client.post(
        "/people/invitations", data=fields, headers={"X-Forwarded-Host": "evil.example"}
    )

    token = link_in(answer.text).rpartition("/")[2]
    assert "evil.example" not in answer.text
    with cast.store.reading() as session:
        assert session.scalar(select(Invitation.token_hash)) == digest(token)


def test_an_old_or_withdrawn_link_lets_nobody_in(cast):
    admin = cast.signed_in("admin")
    old = link_in(invite(admin, cast, "old@example.org").text)
    with cast.store.writing() as session:
        past = machine_now() - INVITATION_LASTS
        session.execute(update(Invitation).values(expires_at=past))
    withdrawn = link_in(invite(admin, cast, "back@example.org").text)
    with cast.store.reading() as session:
        wanted = Invitation.email == "back@example.org"
        invitation_id = session.scalar(select(Invitation.id).where(wanted))
    admin.post(f"/people/invitations/{invitation_id}/withdraw")

    assert cast.browser().get(old).status_code == 404
    assert cast.browser().get(withdrawn).status_code == 404


def test_a_manager_invites_contractors_but_no_admin(cast):
    manager = cast.signed_in("manager")

    refused = invite(manager, cast, role="admin")
    elsewhere = invite(manager, cast, role="contractor")

    assert refused.status_code == 422 and "只有管理员" in refused.text
    assert elsewhere.status_code == 422 and "施工单位" in elsewhere.text
    assert manager.get("/people/").status_code == 403


def test_an_invitation_with_a_poor_password_says_so_and_stays_open(cast):
    path = link_in(invite(cast.signed_in("admin"), cast).text)
    guest = cast.browser()

    short = guest.post(path, {"name": "Bo", "password": "short", "password_again": "other"})

    assert short.status_code == 422
    assert "至少需要 10 个字符" in short.text and "不一致" in short.text
    assert "short" not in short.text.partition("<main")[2]
    assert guest.get(path).status_code == 200


def test_an_admin_cannot_lock_himself_out(cast):
    admin = cast.signed_in("admin")
    me = cast.user("admin")

    answer = admin.post(f"/people/{me.id}/disable")

    assert answer.status_code == 409
    assert "不能停用自己" in answer.text


def test_a_disabled_person_signs_in_again_once_enabled(cast, ana):
    admin = cast.signed_in("admin")
    admin.post(f"/people/{ana.id}/disable")
    locked = sign_in(cast.browser())
    admin.post(f"/people/{ana.id}/enable")

    assert locked.status_code == 401 and WRONG in locked.text
    assert sign_in(cast.browser()).status_code == 303


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password.too_short"),
        ("x" * 300, "password.too_long"),
        ("qwertyuiop", "password.too_common"),
        ("aaaaaaaaaaaa", "password.too_common"),
        ("ana@example.org", "password.too_common"),
        ("四个常用汉字组成的句子", None),
        ("no capitals or digits", None),
    ],
)
def test_a_password_is_judged_by_how_hard_it_is_to_guess(password, code):
    why = why_not_password(password, email="ana@example.org")

    assert (why and why.code) == code


@pytest.mark.parametrize(("proxies", "noted"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_who_asks_is_what_our_own_proxy_says_and_nobody_elses_word(
    sqlite_store, proxies, noted
) -> None:
    settings = replace(settings_for(sqlite_store), trusted_proxies=proxies)
    browser = make_cast(create_app(settings, sqlite_store), sqlite_store).browser()
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}  # the first is only a claim

    browser.post("/login", {"email": "x@example.org", "password": "wrong"}, headers=forwarded)

    with sqlite_store.reading() as session:
        assert session.scalars(select(LoginAttempt.address)).all() == [noted]
    assert browser.get("/metrics", headers=forwarded).status_code != 200
