"""Alerts over the API: the nine states, what may be done now, and why not."""

from datetime import timedelta
from itertools import product

import pytest

from models.alert import ACTIONS, Alert
from models.times import iso
from tests.models.house import NOW, after
from tests.webapp.api.program import Program, faults
from tests.webapp.api.test_lists import raise_alert


@pytest.fixture
def alert(program: Program) -> str:
    with program.yard.working() as house:
        return house.alert(house.sensor("C-07")).code


@pytest.fixture(scope="module")
def standing(refused: Program) -> str:
    """An alert that nobody changes."""
    with refused.yard.working() as house:
        return house.alert(house.sensor("C-07")).code


def change(program: Program, code: str, **values: object) -> None:
    with program.yard.store.writing() as session:
        row = session.query(Alert).filter_by(code=code).one()
        for name, value in values.items():
            setattr(row, name, value)


def test_an_alert_tells_what_the_contract_says(program: Program, alert: str) -> None:
    found = program.get(f"/alerts/{alert}", scope="write").json

    assert found["code"] == alert
    assert found["state"] == "active_unacknowledged"
    assert found["actions"] == ["acknowledge", "assign", "shelve", "dismiss"]
    assert (found["acknowledged"], found["latched"]) == (False, False)
    assert (found["shelved_until"], found["assignee"]) == (None, None)
    assert (found["rule"], found["rule_version"], found["version"]) == ("C3", 1, 1)
    assert found["subject"] == "sensor:tianning/C-07"
    assert (found["severity"], found["value"]) == ("high", 2.1)
    assert found["raised_at"] == found["observed_at"] == "2022-03-21T05:00:00Z"
    assert set(found["reason"]) == {"code", "values", "text"}
    assert program.get(f"/alerts/{found['id']}").json["code"] == alert


def test_a_reader_may_do_nothing(program: Program, alert: str) -> None:
    assert program.get(f"/alerts/{alert}", scope="read").json["actions"] == []


def test_acknowledging_changes_state_and_is_the_tokens_act(program: Program, alert: str) -> None:
    answer = program.post(f"/alerts/{alert}/acknowledge", {"note": "on the way"})

    assert answer.status_code == 200, answer.text
    assert (answer.json["state"], answer.json["acknowledged"]) == ("active", True)
    assert answer.json["version"] == 2
    assert answer.headers["ETag"] == '"2"'
    with program.yard.store.reading() as session:
        row = session.query(Alert).filter_by(code=alert).one()
        assert row.acknowledged_by is None  # a program is nobody's signature
        from models.event import history

        last = history(session, "alert", row.id)[-1]
    assert (last.action, last.by_kind, last.via) == ("acknowledge", "token", "api")


def test_twice_is_refused_with_what_is_in_the_way(program: Program, alert: str) -> None:
    program.post(f"/alerts/{alert}/acknowledge")

    answer = program.post(f"/alerts/{alert}/acknowledge")

    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] == "alert.no_such_step"
    assert [set(one) for one in answer.json["blockers"]] == [{"code", "values", "text", "href"}]
    assert answer.json["blockers"][0]["text"] == answer.json["detail"]


def test_a_stale_version_gets_the_current_object(program: Program, alert: str) -> None:
    program.post(f"/alerts/{alert}/acknowledge", version='"1"')

    answer = program.post(f"/alerts/{alert}/shelve", shelf(), version=1)

    assert answer.status_code == 412
    assert answer.json["code"] == "any.stale"
    assert answer.json["current"] == program.get(f"/alerts/{alert}", scope="write").json
    assert program.post(f"/alerts/{alert}/shelve", shelf(), version='W/"2"').status_code == 200


def shelf(hours: float = 1) -> dict[str, str]:
    return {"until": iso(after(hours=hours)), "why": "scaffold is being moved"}


@pytest.mark.parametrize("version", ["x", "", "-1", "1.5", "'1'", "9" * 30])
def test_a_version_that_is_none_is_refused(refused: Program, standing: str, version: str) -> None:
    answer = refused.post(f"/alerts/{standing}/acknowledge", version=version)

    assert faults(answer) == {"If-Match": "api.bad_version"}


def test_the_whole_life_of_an_alert(program: Program, alert: str) -> None:
    person = program.yard.house.duty

    sent = program.post(f"/alerts/{alert}/assign", {"person": str(person.id)}).json
    shelved = program.post(f"/alerts/{alert}/shelve", shelf()).json
    back = program.post(f"/alerts/{alert}/unshelve").json
    false = program.post(f"/alerts/{alert}/dismiss", {"why": "a bird"}).json
    assert sent["assignee"] == {"id": str(person.id), "name": person.name}
    assert (shelved["state"], shelved["shelved_until"]) == ("shelved", "2022-03-21T06:00:00Z")
    assert back["state"] == "active_unacknowledged"
    assert (false["state"], false["label"]) == ("shelved", "false")

    change(program, alert, active=False, latched=True, shelved_until=None)
    assert program.get(f"/alerts/{alert}", scope="write").json["actions"] == ["assign", "reset"]
    reset = program.post(f"/alerts/{alert}/reset", {"inspection": "ridge is sound"}).json
    change(program, alert, label=None)
    closed = program.post(f"/alerts/{alert}/close", {"label": "test", "note": "a drill"}).json
    assert reset["state"] == "normal"
    assert (closed["label"], closed["actions"]) == ("test", [])


@pytest.mark.parametrize(
    ("action", "body", "found"),
    [
        ("acknowledge", {"notes": "x"}, {"notes": "api.unknown_field"}),
        ("acknowledge", {"note": 5}, {"note": "api.not_a_text"}),
        ("acknowledge", {"note": "x" * 4001}, {"note": "api.too_long"}),
        ("acknowledge", {"note": "a\u0000b"}, {"note": "api.control_character"}),
        ("acknowledge", [], {"": "api.not_an_object"}),
        ("acknowledge", "x", {"": "api.not_an_object"}),
        ("shelve", {}, {"until": "input.needed", "why": "input.needed"}),
        (
            "shelve",
            {"until": "soon", "why": " "},
            {"until": "api.not_a_moment", "why": "input.needed"},
        ),
        (
            "shelve",
            {"until": "2022-03-21T06:00:00", "why": "x"},
            {"until": "api.moment_without_zone"},
        ),
        (
            "shelve",
            {"until": "0001-01-01T00:00:00+14:00", "why": "x"},
            {"until": "api.not_a_moment"},
        ),
        ("shelve", {"until": 1e300, "why": "x"}, {"until": "api.not_a_moment"}),
        ("assign", {"person": "zed@example.org"}, {"person": "api.nobody_called"}),
        ("assign", {"person": None}, {"person": "api.not_a_text"}),
        ("close", {"label": "bird", "note": "x"}, {"label": "input.not_one_of"}),
        ("reset", {"inspection": ""}, {"inspection": "input.needed"}),
    ],
)
def test_every_fault_of_a_body_is_named(refused, standing, action, body, found) -> None:
    answer = refused.post(f"/alerts/{standing}/{action}", body)

    assert faults(answer) == found
    assert refused.get(f"/alerts/{standing}").json["version"] == 1


@pytest.mark.parametrize(
    "sent", [b"{", b"\xff\xfe", b'{"note": "\\ud800"}', b"[" * 5000, b"nul", b'{"note": NaN}']
)
def test_garbage_is_refused(refused: Program, standing: str, sent: bytes) -> None:
    answer = refused.post(
        f"/alerts/{standing}/acknowledge", data=sent, content_type="application/json"
    )

    assert answer.status_code == 422, answer.text


def test_another_kind_of_content_is_refused(refused: Program, standing: str) -> None:
    answer = refused.post(f"/alerts/{standing}/acknowledge", data={"note": "x"})

    assert faults(answer) == {"Content-Type": "api.send_json"}


def test_too_much_json_is_refused(refused: Program, standing: str) -> None:
    sent = b'{"note": "' + b"x" * 1024 * 1024 + b'"}'
    answer = refused.post(
        f"/alerts/{standing}/acknowledge", data=sent, content_type="application/json"
    )

    assert (answer.status_code, answer.json["code"]) == (413, "api.json_too_large")


@pytest.mark.parametrize("key", ["nothing", "%00", "a%2Fb", "..", "0" * 300, "é"])
def test_what_is_not_there_is_404(refused: Program, key: str) -> None:
    for answer in (refused.get(f"/alerts/{key}"), refused.post(f"/alerts/{key}/acknowledge")):
        assert answer.status_code == 404
        assert answer.mimetype == "application/problem+json"


def test_states_are_found_as_they_are_told(program_everywhere: Program) -> None:
    program = program_everywhere
    flags = list(product([True, False], repeat=4))
    with program.yard.working() as house:
        number = 0
        for active, latched, acknowledged, live in flags:
            for shelf_h, suppressed, out in (
                (None, None, False),
                (1, None, False),
                (-1, None, False),
                (1, "x", False),
                (None, "", False),
                (1, "x", True),
            ):
                alert = raise_alert(house, number)
                number += 1
                alert.active, alert.latched, alert.acknowledged = active, latched, acknowledged
                alert.live = live and (active or latched or not acknowledged)
                alert.shelved_until = None if shelf_h is None else NOW + timedelta(hours=shelf_h)
                alert.suppressed_by, alert.out_of_service = suppressed, out
    every = program.walk("/alerts", 500)

    for state in ACTIONS:
        told = {one["code"] for one in every if one["state"] == state}
        found = {one["code"] for one in program.walk("/alerts", 50, state=state)}
        assert found == told != set(), state
    both = program.walk("/alerts", 500, state="latched,normal")
    assert {one["state"] for one in both} == {"latched", "normal"}


def test_alerts_are_found_by_site_and_severity(program: Program) -> None:
    with program.yard.working() as house:
        raise_alert(house, 1, "low")
        raise_alert(house, 2, "critical")

    assert len(program.walk("/alerts", 5, site="tianning")) == 2
    assert [one["rule"] for one in program.walk("/alerts", 5, severity="low")] == ["R1"]
    critical = program.get("/alerts", scope="write", severity="critical").json["items"][0]
    assert "shelve" not in critical["actions"]
