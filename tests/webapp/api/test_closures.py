"""Closures over the API: shut with one call, opened only by what two people have signed."""

import pytest

from models.closing import close_zone
from models.lifting import rectify, request_lift, sign_lift
from tests.models.house import NOW, House
from tests.webapp.api.program import Program, faults

ZONE = {"site": "tianning", "zone": "jingang-north"}


def signed(house: House, until: str = "") -> str:
    """Return a closure with everything done and signed, up to a step."""
    closure = close_zone(house.session, house.zone, by=house.duty, now=NOW)
    house.session.flush()
    text = {"zh": "已加固", "en": "made good"}
    rectify(closure, text, by=house.manager, now=NOW)
    request_lift(closure, "sound", by=house.engineer, now=NOW, reassessment="sound")
    if until != "requested":
        sign_lift(closure, by=house.manager, now=NOW)
    return closure.code


def test_a_zone_is_shut_with_one_call(program_everywhere: Program) -> None:
    notice = {"explanation": {"zh": "屋脊开裂", "en": "the ridge cracked"}, "radius_m": 12}

    answer = program_everywhere.post("/closures", {**ZONE, "notice": notice})

    assert answer.status_code == 201, answer.text
    made = answer.json
    assert answer.headers["Location"] == f"/api/v1/closures/{made['id']}"
    assert (made["state"], made["zone"], made["radius_m"]) == ("issued", "jingang-north", 12)
    assert made["explanation"]["en"] == "the ridge cracked"
    assert made["countersign_due_at"] == "2022-03-21T07:00:00Z"
    assert {"gate.first_signature", "gate.second_signature"} <= {
        one["code"] for one in made["blockers"]
    }
    assert program_everywhere.get(f"/closures/{made['code']}", scope="write").json == made
    assert program_everywhere.client.get(made["notice"]).status_code == 200


def test_a_zone_is_shut_once(program: Program) -> None:
    first = program.post("/closures", ZONE).json

    answer = program.post("/closures", ZONE)

    assert answer.status_code == 409
    assert answer.json["code"] == "closure.already_closed"
    assert answer.json["blockers"][0]["href"] == f"/closures/{first['id']}"


def test_an_alerts_place_is_shut(program: Program) -> None:
    with program.yard.working() as house:
        alert = house.alert(house.sensor("C-07")).code

    made = program.post("/closures", {"alert": alert}).json

    assert (made["zone"], made["alert"]) == ("jingang-north", alert)


def test_a_building_is_shut(program: Program) -> None:
    made = program.post("/closures", {"site": "tianning", "building": "jingang"}).json

    assert made["state"] == "issued", made


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"zone": "input.needed"}),
        ({"zone": "jingang-north"}, {"site": "input.needed"}),
        ({**ZONE, "zone": "moon"}, {"zone": "api.nothing_called"}),
        ({**ZONE, "building": "jingang"}, {"building": "api.zone_or_building"}),
        (
            {"site": "tianning", "building": "jingang", "draft": True},
            {"building": "api.building_in_force"},
        ),
        ({**ZONE, "notice": {"radius_m": -1}}, {"notice.radius_m": "api.too_small"}),
        ({**ZONE, "notice": {"colour": 1}}, {"notice.colour": "api.unknown_field"}),
        ({**ZONE, "draft": "yes"}, {"draft": "api.not_true_or_false"}),
        ({"alert": "none"}, {"alert": "api.nothing_called"}),
    ],
)
def test_a_bad_order_to_close_is_refused_by_field(refused, body, found) -> None:
    assert faults(refused.post("/closures", body)) == found
    assert refused.walk("/closures", 5) == []


def test_a_draft_is_issued_and_extended(program: Program) -> None:
    draft = program.post("/closures", {**ZONE, "draft": True}).json
    issued = program.post(f"/closures/{draft['code']}/issue", version=draft["version"]).json
    extended = program.post(
        f"/closures/{draft['code']}/extend",
        {"until": "2022-04-21T00:00:00Z", "why": "the ridge is open"},
    ).json

    assert (draft["state"], draft["notice"], draft["actions"]) == ("draft", None, ["issue"])
    assert (issued["state"], issued["actions"]) == ("issued", ["extend"])
    assert (extended["state"], extended["until_at"]) == ("extended", "2022-04-21T00:00:00Z")


@pytest.mark.parametrize("action", ["countersign", "request-lift", "override"])
@pytest.mark.parametrize("body", [{}, {"why": "it is safe"}, ["garbage"]])
def test_signatures_and_the_override_are_for_people(program, action, body) -> None:
    code = program.post("/closures", ZONE).json["code"]

    answer = program.post(f"/closures/{code}/{action}", body, scope="admin")

    assert answer.status_code == 409
    assert answer.json["code"] == "signature.person_only"
    assert answer.json["blockers"][0]["href"].startswith("/closures/")
    assert program.get(f"/closures/{code}").json["state"] == "issued"


def test_a_lift_is_refused_with_everything_in_the_way(program: Program) -> None:
    with program.yard.working() as house:
        alert = house.alert(house.sensor("C-07"))
        close_zone(house.session, house.zone, alert=alert, by=house.duty, now=NOW)
    (shut,) = program.walk("/closures", 5)

    answer = program.post(f"/closures/{shut['code']}/lift")

    assert answer.status_code == 409
    codes = {one["code"] for one in answer.json["blockers"]}
    assert {"gate.alert_active", "gate.reassessment_missing", "gate.second_signature"} <= codes
    assert all(one["text"] and one["href"] for one in answer.json["blockers"])
    assert program.get(f"/closures/{shut['code']}").json["state"] == "issued"


def test_one_signature_is_not_enough(program: Program) -> None:
    with program.yard.working() as house:
        code = signed(house, "requested")

    answer = program.post(f"/closures/{code}/lift")

    assert answer.status_code == 409
    assert [one["code"] for one in answer.json["blockers"]] == ["gate.second_signature"]


def test_a_lift_carries_out_what_two_people_signed(program_everywhere: Program) -> None:
    with program_everywhere.yard.working() as house:
        code = signed(house)
    shown = program_everywhere.get(f"/closures/{code}", scope="write").json
    assert (shown["actions"], shown["blockers"]) == (["lift"], [])

    answer = program_everywhere.post(f"/closures/{code}/lift", version=shown["version"])

    assert answer.status_code == 200, answer.text
    assert (answer.json["state"], answer.json["ended_at"]) == ("reopened", "2022-03-21T05:00:00Z")
    again = program_everywhere.post(f"/closures/{code}/lift")
    assert (again.status_code, again.json["code"]) == (409, "closure.no_step_left")
