"""Every address says who may ask, and keeps to it: a walk over the whole URL map."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from models.clock import machine_now
from models.people import ROLES, Actor, Grant
from models.tokens import issue_token
from tests.webapp.cast import CANARY, Browser, Cast
from tests.webapp.conftest import app_on
from tests.webapp.examples import load_examples
from webapp.policies import (
    Policy,
    allow,
    check_every_route,
    policy_of,
    public,
    token_only,
    token_or,
)

SAFE = {"GET", "HEAD", "OPTIONS"}
# Its answer is to end the session in which the walk walks.
ENDS_THE_WALK = {"people.logout"}


def rules_of(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))


def methods_of(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def addresses(cast: Cast) -> Iterator[tuple[Rule, str, str]]:
    """Yield every rule and method with an address of a competitor's object."""
    examples, made = load_examples(), {}
    for rule in rules_of(cast.app):
        make = examples.get(rule.endpoint)
        if rule.arguments and make is not None and make not in made:
            with cast.store.writing() as session:
                made[make] = make(session, cast)
        values = {**_made_up(rule), **made.get(make, {})}
        adapter = cast.app.url_map.bind("localhost")
        for method in methods_of(rule):
            path = adapter.build(rule.endpoint, _only(rule, values), method)
            yield rule, method, path


def _made_up(rule: Rule) -> dict[str, Any]:
    """Return arguments that name nothing."""
    kinds = {"UUIDConverter": uuid.uuid4(), "IntegerConverter": 999_999}
    return {
        name: kinds.get(type(converter).__name__, "no-such")
        for name, converter in rule._converters.items()
    }


def _only(rule: Rule, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in rule.arguments}


def ask(browser: Browser, method: str, path: str, token: str = "") -> TestResponse:
    headers = {"X-CSRF-Token": token} if token else {}
    return browser.client.open(path, method=method, headers=headers)


def test_every_route_says_who_may_ask(app):
    assert [rule.endpoint for rule in rules_of(app) if policy_of(app, rule.endpoint) is None] == []


def test_an_app_with_a_bare_route_does_not_start(sqlite_store):
    app = app_on(sqlite_store)
    bare = Blueprint("bare", __name__)
    bare.get("/bare")(lambda: "")
    app.register_blueprint(bare)

    with pytest.raises(RuntimeError, match="bare"):
        check_every_route(app)


def test_every_address_with_an_argument_has_an_example(app):
    examples = load_examples()
    lacking = {r.endpoint for r in rules_of(app) if r.arguments and r.endpoint not in examples}

    assert sorted(lacking) == [], "register them in tests/webapp/examples_<noun>.py"


def test_nobody_gets_in_without_signing_in(cast):
    browser, seen = cast.browser(), 0
    token = browser.token()
    for rule, method, path in addresses(cast):
        policy = policy_of(cast.app, rule.endpoint)
        answer = ask(browser, method, path, token)
        assert answer.status_code < 500, (method, path)
        if policy.anyone or policy.loopback:
            continue  # what is public there has tests of its own
        assert CANARY not in answer.text, (method, path)
        seen += 1
        if method == "GET" and not path.startswith("/api/"):
            assert answer.status_code == 302, (method, path, answer.status_code)
            assert answer.location.startswith("/login"), path
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)
    assert seen > 5


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_what_its_policy_says_and_no_fault(cast, role):
    browser = cast.signed_in(role)
    token = browser.token()
    for rule, method, path in addresses(cast):
        if rule.endpoint in ENDS_THE_WALK:
            continue
        policy = policy_of(cast.app, rule.endpoint)
        answer = ask(browser, method, path, token)
        assert answer.status_code < 500, (method, path, answer.text[:400])
        if policy.anyone:
            pass  # the sign-in among them, which says 401 to an empty form
        elif policy.admits(_actor(role), None):
            assert answer.status_code != 401, (method, path)
        elif not policy.loopback:
            assert answer.status_code in (403, 404), (method, path, answer.status_code)
        if role == "contractor" and not policy.anyone:
            assert CANARY not in answer.text, (method, path)
            if rule.arguments:
                assert answer.status_code in (403, 404), (method, path, answer.status_code)


def _actor(role: str) -> Actor:
    return Actor("person", grants=(Grant(None, role),))


def test_no_form_is_taken_without_its_token(cast):
    browser = cast.signed_in("admin")
    for _rule, method, path in addresses(cast):
        if method not in SAFE:
            answer = ask(browser, method, path)
            assert answer.status_code in (401, 403), (method, path, answer.status_code)


def test_no_form_of_another_site_is_taken(cast):
    browser = cast.signed_in("admin")
    token = browser.token()
    for _rule, method, path in addresses(cast):
        if method not in SAFE:
            headers = {"X-CSRF-Token": token, "Origin": "https://evil.example"}
            answer = browser.client.open(path, method=method, headers=headers)
            assert answer.status_code in (401, 403), (method, path, answer.status_code)


def test_every_answer_carries_its_headers(cast):
    browser = cast.signed_in("viewer")
    for rule, method, path in addresses(cast):
        if method != "GET":
            continue
        answer = ask(browser, method, path)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
        assert "unsafe" not in answer.headers["Content-Security-Policy"], path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["Referrer-Policy"] == "same-origin", path
        if not policy_of(cast.app, rule.endpoint).anyone:
            kept = answer.headers["Cache-Control"]
            assert kept.startswith("private") and ("no-store" in kept or "no-cache" in kept), path


def test_a_token_reaches_only_what_its_scope_says(cast):
    browser = cast.browser()
    with cast.store.writing() as session:
        texts = {
            scope: issue_token(session, scope, scope, machine_now())[0]
            for scope in ("read", "write")
        }
    for rule, method, path in addresses(cast):
        policy = policy_of(cast.app, rule.endpoint)
        for scope, text in texts.items():
            headers = {"Authorization": f"Bearer {text}"}
            answer = browser.client.open(path, method=method, headers=headers)
            assert answer.status_code < 500, (method, path)
            if not policy.admits(_actor("viewer"), scope):
                assert answer.status_code in (403, 404), (method, path, answer.status_code)


def test_a_token_that_holds_no_longer_is_nobody_even_beside_a_cookie(cast):
    browser = cast.signed_in("admin")

    answer = browser.get("/profile", headers={"Authorization": "Bearer rw_gone"})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("policy", "role", "scope", "admitted"),
    [
        (Policy(anyone=True), None, None, True),
        (Policy(roles=frozenset({"duty"})), None, None, False),
        (Policy(roles=frozenset({"duty"})), "duty", None, True),
        (Policy(roles=frozenset({"duty"})), "keeper", None, False),
        (Policy(roles=frozenset({"duty"})), "duty", "admin", False),
        (Policy(scope="write"), "viewer", "read", False),
        (Policy(scope="write"), "viewer", "admin", True),
        (Policy(scope="read"), "admin", None, False),
    ],
)
def test_a_policy_admits_by_role_or_by_scope(policy, role, scope, admitted):
    actor = _actor(role) if role else None

    assert policy.admits(actor, scope) is admitted


def test_an_admin_may_do_what_a_manager_may():
    assert "admin" in allow("manager")(lambda: "").policy.roles
    assert "admin" in token_or("read", "manager")(lambda: "").policy.roles


def test_a_misspelt_role_or_scope_is_found_at_start():
    with pytest.raises(ValueError, match="manger"):
        allow("manger")
    with pytest.raises(ValueError, match="raed"):
        token_only("raed")


def test_public_lets_anyone_in():
    assert public(lambda: "").policy.admits(None, None)
