"""Who gets in: tokens by scope, nobody else; and what is hidden is not there."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import g

from models.clock import machine_now
from models.people import Actor, ApiToken, Grant
from models.registry import Site
from models.tokens import issue_token
from tests.models.house import NOW
from tests.webapp.api.program import API, Program
from tests.webapp.yard import rivals_works
from webapp import sessions
from webapp.api.openapi import operations

OPEN = {"/healthz"}


def calls(program: Program) -> Iterator[tuple[str, str, str]]:
    """Yield method, address and scope of every operation, with made-up arguments."""
    adapter = program.yard.app.url_map.bind("localhost")
    for rule, operation in operations(program.yard.app):
        values = {name: "none" for name in rule.arguments}
        if "uuid:" in rule.rule:
            values = {name: "6f6d6b1e-2b0f-5f0e-9d55-6b3f4f1c9a10" for name in rule.arguments}
        yield operation.method, adapter.build(rule.endpoint, values), operation.scope


def test_nobody_gets_in_without_a_token(refused: Program) -> None:
    seen = 0
    for method, path, _scope in calls(refused):
        for headers in (
            {},
            {"Authorization": "Bearer rw_nonsense"},
            {"Authorization": "Basic eDp5"},
        ):
            answer = refused.client.open(path, method=method, headers=headers)
            assert answer.status_code == 401, (method, path)
            assert answer.mimetype == "application/problem+json"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        seen += 1
    assert seen > 35


def test_a_person_who_is_signed_in_is_no_program(refused: Program) -> None:
    browser = refused.yard.browser(refused.yard.house.manager)
    token = browser.token()
    for method, path, _scope in calls(refused):
        answer = browser.client.open(path, method=method, headers={"X-CSRF-Token": token})
        assert answer.status_code == 403, (method, path)


def test_scopes_are_walls(refused: Program) -> None:
    order = ("read", "write", "admin")
    for method, path, needed in calls(refused):
        assert (needed == "read") is (method == "GET")
        for scope in order:
            answer = refused.client.open(path, method=method, headers=refused.headers(scope, "en"))
            enough = order.index(scope) >= order.index(needed)
            assert (answer.status_code != 403) is enough, (method, path, scope, answer.text)
            assert answer.status_code < 500


def test_an_expired_or_revoked_token_is_nobodys(program: Program) -> None:
    with program.yard.store.writing() as session:
        old, _ = issue_token(
            session, "old", "read", machine_now(), expires_at=machine_now() - timedelta(seconds=1)
        )
        session.query(ApiToken).filter_by(
            scope="read", name="read"
        ).one().revoked_at = machine_now()

    for text in (old, program.tokens["read"]):
        headers = {"Authorization": f"Bearer {text}"}
        assert program.client.get(f"{API}/sites", headers=headers).status_code == 401


def test_every_answer_is_kept_by_nobody(refused: Program) -> None:
    for path in ("/sites", "/alerts/none", "/openapi.json"):
        answer = refused.get(path)
        assert answer.headers["Cache-Control"].startswith("private")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_unknown_address_or_method_is_a_problem(refused: Program) -> None:
    for answer, status in (
        (refused.get("/nothing"), 404),
        (refused.post("/sites"), 405),
        (refused.client.delete(f"{API}/alerts/x", headers=refused.headers("admin", "en")), 405),
    ):
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


@pytest.fixture
def elsewhere(program: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A program whose token is for another site: everything of the temple is hidden from it."""
    with program.yard.working() as house:
        other = Site(code="other", name={"zh": "别处", "en": "Elsewhere"})
        house.session.add(other)
        house.session.flush()
        rivals_works(house)
        alert = house.alert(house.sensor("C-07"))
        house.incident()
        from models.closing import close_zone

        close_zone(house.session, house.zone, alert=alert, by=house.duty, now=NOW)
        site_id = other.id

    def narrow(token: ApiToken, request_id: str = "") -> Actor:
        roles = ("viewer", "duty", "manager", "admin")
        grants = tuple(Grant(None, role, frozenset({site_id})) for role in roles)
        return Actor("token", token.id, token.name, grants, via="api", request_id=request_id)

    monkeypatch.setattr(sessions, "token_actor", narrow)
    return program


def test_what_is_hidden_is_not_there(elsewhere: Program) -> None:
    assert [one["code"] for one in elsewhere.walk("/sites", 5)] == ["other"]
    for path in ("/sensors", "/alerts", "/incidents", "/closures", "/scaffolds", "/tasks"):
        assert elsewhere.walk(path, 5) == [], path
    for path in ("/quarantine", "/channels"):
        assert elsewhere.walk(path, 5) == [], path
    house = elsewhere.yard.house
    hidden = {
        "/sites": "tianning",
        "/sensors": "tianning/C-07",
        "/alerts": "C3-tianning-C-07-1",
        "/incidents": "I-2022-001",
        "/closures": "CN-2022-001",
        "/scaffolds": "SC-2022-001",
        "/tasks": "T-2022-001",
    }
    for path, code in hidden.items():
        answer = elsewhere.get(f"{path}/{code}", scope="admin")
        assert answer.status_code == 404, (path, answer.text)
    for path in (
        "/alerts/C3-tianning-C-07-1/acknowledge",
        "/closures/CN-2022-001/lift",
        "/closures/CN-2022-001/override",
        "/incidents/I-2022-001/move",
        "/tasks/T-2022-001/move",
    ):
        body = {"action": "cancel"} if path.startswith("/tasks") else {}
        body = {"action": "verify"} if path.startswith("/incidents") else body
        answer = elsewhere.post(path, body, scope="admin")
        assert answer.status_code == 404, (path, answer.text)
        assert house.site.name["en"] not in answer.text


def test_a_hidden_thing_cannot_be_named_in_a_field(elsewhere: Program) -> None:
    title = {"zh": "x", "en": "x"}
    for path, body in (
        ("/incidents", {"site": "tianning", "title": title}),
        ("/incidents", {"alerts": ["C3-tianning-C-07-1"]}),
        ("/closures", {"site": "tianning", "zone": "jingang-north"}),
        ("/tasks", {"site": "tianning", "title": title}),
        ("/tasks", {"site": "other", "title": title, "scaffold": "SC-2022-001"}),
        ("/scaffolds", {"site": "other", "name": title, "project": "P-2022-001"}),
        ("/channels/a/b/claim", {"sensor": "tianning/C-07"}),
    ):
        answer = elsewhere.post(path, body, scope="admin")
        assert answer.status_code in (404, 422), (path, answer.text)


def test_text_from_outside_comes_as_text(program: Program) -> None:
    script = "<script>alert(1)</script>"
    made = program.post("/tasks", {"site": "tianning", "title": {"zh": script, "en": script}})

    assert made.json["title"]["en"] == script
    assert made.mimetype == "application/json"
    with program.yard.app.test_request_context():
        assert g.get("actor") is None
