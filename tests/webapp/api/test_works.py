"""Incidents, scaffolds, tasks and photos over the API."""

import io
import uuid

import pytest

from tests.models.house import NOW
from tests.webapp.api.program import Program, faults
from tests.webapp.pictures import jpeg, marked_jpeg
from tests.webapp.yard import standing_scaffold

TITLE = {"zh": "清理瓦件", "en": "Clear tiles"}


@pytest.fixture(scope="module")
def unphotographed(refused: Program) -> str:
    """A task that no photo reaches."""
    with refused.yard.working() as house:
        return house.task(house.project()).code


def test_an_incident_is_opened_from_what_somebody_saw(program_everywhere: Program) -> None:
    body = {"site": "tianning", "title": TITLE, "cause": "natural", "zone": "jingang-north"}

    answer = program_everywhere.post("/incidents", body)

    assert answer.status_code == 201, answer.text
    made = answer.json
    assert (made["state"], made["cause"], made["zone"]) == ("reported", "natural", "jingang-north")
    assert made["title"]["text"] == "Clear tiles"
    assert made["actions"] == ["verify", "dismiss"]
    moved = program_everywhere.post(
        f"/incidents/{made['code']}/move", {"action": "verify"}, version=made["version"]
    ).json
    assert (moved["state"], moved["verified_at"]) == ("verified", "2022-03-21T05:00:00Z")
    assert program_everywhere.walk("/incidents", 1, site="tianning", state="verified") == [
        program_everywhere.get(f"/incidents/{made['id']}").json
    ]


def test_an_incident_is_opened_from_alerts_and_joined_in_a_storm(program: Program) -> None:
    with program.yard.working() as house:
        house.rain(NOW, None, h12=16.0)
        first = house.alert(house.sensor("C-07")).code
    made = program.post("/incidents", {"alerts": [first]})
    with program.yard.working() as house:
        second = house.alert(house.sensor("C-08")).code

    joined = program.post("/incidents", {"alerts": [second]})

    assert (made.status_code, made.json["alerts"]) == (201, [first])
    assert (joined.status_code, joined.json["code"]) == (200, made.json["code"])
    assert joined.json["alerts"] == [first, second]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"site": "input.needed"}),
        ({"site": "tianning"}, {"title": "input.needed"}),
        ({"site": "tianning", "title": {"zh": " "}}, {"title": "input.needed"}),
        ({"site": "tianning", "title": {"fr": "x"}}, {"title.fr": "api.unknown_field"}),
        ({"site": "tianning", "title": TITLE, "cause": "war"}, {"cause": "input.not_one_of"}),
        ({"alerts": ["none"]}, {"alerts.0": "api.nothing_called"}),
        ({"alerts": "none"}, {"alerts": "api.not_a_list"}),
    ],
)
def test_a_bad_incident_is_refused_by_field(refused, body, found) -> None:
    assert faults(refused.post("/incidents", body)) == found


def test_an_incident_of_tomorrow_is_refused(program: Program) -> None:
    body = {"site": "tianning", "title": TITLE, "received_at": "2022-03-22T05:00:00Z"}

    answer = program.post("/incidents", body)

    assert (answer.status_code, answer.json["code"]) == (409, "incident.received_in_future")


def test_a_scaffold_is_ordered_and_begun(program_everywhere: Program) -> None:
    body = {"site": "tianning", "name": TITLE, "building": "jingang", "company": "hengji"}

    made = program_everywhere.post("/scaffolds", body)
    begun = program_everywhere.post(
        f"/scaffolds/{made.json['code']}/move", {"action": "begin_erecting"}
    )

    assert made.status_code == 201, made.text
    assert (made.json["state"], made.json["actions"]) == ("design", ["begin_erecting"])
    assert (made.json["tag"]["colour"], made.json["company"]) == ("none", "hengji")
    assert (begun.json["state"], begun.json["tag"]["colour"]) == ("erecting", "red")


def test_a_standing_scaffold_tells_its_tag(program: Program) -> None:
    with program.yard.working() as house:
        code = standing_scaffold(house, house.project()).code

    found = program.get(f"/scaffolds/{code}", scope="write").json

    assert (found["state"], found["tag"]["colour"]) == ("handed_over", "green")
    assert found["next_due_at"] == "2022-03-28T05:00:00Z"
    assert found["actions"] == ["alter", "take_out_of_use", "dismantle"]


def test_a_task_is_ordered_under_an_id_of_ones_own(program_everywhere: Program) -> None:
    chosen = str(uuid.uuid4())
    body = {"id": chosen, "site": "tianning", "title": TITLE, "element": "jingang/ridge"}

    made = program_everywhere.post("/tasks", body)
    again = program_everywhere.post("/tasks", body)

    assert made.status_code == 201, made.text
    assert (made.json["id"], made.json["state"]) == (chosen, "planned")
    assert (made.json["element"], made.json["building"]) == ("ridge", "jingang")
    assert made.json["actions"] == ["permit", "cancel"]
    assert (again.status_code, again.json["code"]) == (409, "api.made_already")


def test_a_task_is_moved_on_and_refused_with_blockers(program: Program) -> None:
    code = program.post("/tasks", {"site": "tianning", "title": TITLE}).json["code"]
    permitted = program.post(f"/tasks/{code}/move", {"action": "permit"}).json

    answer = program.post(f"/tasks/{code}/move", {"action": "start"})

    assert (permitted["state"], permitted["actions"]) == ("permit_ok", ["cancel"])
    assert [one["code"] for one in permitted["blockers"]] == ["task.before_photo_missing"]
    assert answer.status_code == 409
    assert answer.json["blockers"] == permitted["blockers"]
    in_list = program.get("/tasks", scope="write").json["items"]
    assert [one["actions"] for one in in_list] == [["cancel"]]


def test_accepting_is_a_signature(program: Program) -> None:
    with program.yard.working() as house:
        task = house.task(house.project())
        task.state = "inspected"
        code = task.code

    answer = program.post(f"/tasks/{code}/move", {"action": "accept"})

    assert (answer.status_code, answer.json["code"]) == (409, "signature.person_only")


def test_a_contracted_task_is_moved_by_its_company(program: Program) -> None:
    with program.yard.working() as house:
        task = house.task(house.project())
        task.state = "permit_ok"
        code = task.code

    answer = program.post(f"/tasks/{code}/move", {"action": "start"})

    assert (answer.status_code, answer.json["code"]) == (403, "workflow.role_needed")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"title": TITLE}, {"site": "input.needed"}),
        ({"id": "7"}, {"id": "api.not_an_id", "site": "input.needed", "title": "input.needed"}),
        (
            {"site": "tianning", "title": TITLE, "element": "ridge"},
            {"element": "api.nothing_called"},
        ),
        (
            {"site": "tianning", "title": TITLE, "works_class": "x"},
            {"works_class": "input.not_one_of"},
        ),
        ({"site": "tianning", "title": TITLE, "owner": "x"}, {"owner": "api.nobody_called"}),
        ({"site": "tianning", "title": TITLE, "state": "accepted"}, {"state": "api.unknown_field"}),
    ],
)
def test_a_bad_task_is_refused_by_field(refused, body, found) -> None:
    assert faults(refused.post("/tasks", body)) == found


def test_a_photo_is_taken_in_once(program_everywhere: Program) -> None:
    program = program_everywhere
    code = program.post("/tasks", {"site": "tianning", "title": TITLE}).json["code"]
    sent = marked_jpeg()

    first = send(program, code, sent, key="k-1")
    repeat = send(program, code, sent, key="k-1")
    other = send(program, code, jpeg(), key="k-1")

    assert first.status_code == 201, first.text
    assert (first.json["stage"], first.json["subject"]) == ("before", code)
    assert (first.json["bytes"], first.json["reused"]) == (len(sent), False)
    assert repeat.get_data() == first.get_data()
    assert faults(other) == {"Idempotency-Key": "api.key_of_another_call"}
    assert program.get(f"/tasks/{code}").json["blockers"] == []


def test_the_same_bytes_without_a_key_are_the_same_photo(program: Program) -> None:
    code = program.post("/tasks", {"site": "tianning", "title": TITLE}).json["code"]
    sent = jpeg()

    assert send(program, code, sent).json["id"] == send(program, code, sent).json["id"]


@pytest.mark.parametrize(
    ("form", "found"),
    [
        ({}, {"stage": "input.needed"}),
        ({"stage": "before"}, {"photo": "api.one_photo"}),
        ({"stage": "posting", "photo": (io.BytesIO(b"x"), "a.jpg")}, {"stage": "input.not_one_of"}),
        (
            {"stage": "before", "photo": (io.BytesIO(b"x"), "a.jpg")},
            {"photo": "photo.not_a_picture"},
        ),
        ({"stage": "before", "x": "1"}, {"x": "api.unknown_field"}),
        ({"stage": "before", "other": (io.BytesIO(b"x"), "a")}, {"other": "api.unknown_field"}),
    ],
)
def test_a_bad_photo_is_refused_by_field(refused, unphotographed, form, found) -> None:
    path = f"/tasks/{unphotographed}/photos"

    answer = refused.post(path, data=form, content_type="multipart/form-data")

    assert faults(answer) == found


def send(program: Program, code: str, sent: bytes, key: str | None = None):
    form = {"stage": "before", "caption": "north", "photo": (io.BytesIO(sent), "a.jpg")}
    return program.post(
        f"/tasks/{code}/photos", data=form, key=key, content_type="multipart/form-data"
    )
