"""Task pages: what staff see first, and each step with the sentence that refuses it."""

import uuid

import pytest
from sqlalchemy import select

from models.finding import Finding
from models.hold import hold_for_rain
from models.note import TaskNote
from models.task import Task
from tests.models.house import NOW
from tests.webapp.yard import Yard, hours, standing_scaffold


@pytest.fixture
def yard(app, sqlite_store) -> Yard:
    return Yard(app, sqlite_store)


def make(yard, **more) -> Task:
    """Return a permitted task of the contractor."""
    with yard.working() as house:
        task = house.task(house.project(), **more)
        task.move("permit", by=house.manager, now=NOW)
        return task


def now_of(yard, task) -> Task:
    with yard.store.reading() as session:
        return session.get_one(Task, task.id)


def take(yard, person, task, action, **more):
    data = {"action": action, "version": now_of(yard, task).version, **more}
    return yard.browser(person).post(f"/tasks/{task.code}/step", data)


def test_the_list_is_sieved_by_its_address(yard):
    with yard.working() as house:
        project = house.project()
        late = house.task(project, due_at=hours(-3))
        late.title = {"zh": "迟", "en": "LATE-ONE"}
        nobody = house.task(None, company=None)
        nobody.title = {"zh": "无", "en": "NOBODYS"}
    manager = yard.browser(yard.house.manager)

    everything = manager.get("/tasks").text
    only_late = manager.get("/tasks?show=late").text
    unassigned = manager.get("/tasks?show=unassigned").text

    assert "LATE-ONE" in everything and "NOBODYS" in everything
    assert "LATE-ONE" in only_late and "NOBODYS" not in only_late
    assert "NOBODYS" in unassigned and "LATE-ONE" not in unassigned
    assert "2 open tasks, 1 late" in everything
    assert manager.get("/tasks?show=odd&page=x&site=none").status_code == 200


def test_a_task_goes_from_start_to_acceptance_on_its_pages(yard):
    task, house = make(yard), yard.house

    assert take(yard, house.foreman, task, "start").status_code == 303
    assert take(yard, house.foreman, task, "claim").status_code == 303
    assert take(yard, house.supervisor, task, "inspect").status_code == 303
    assert take(yard, house.supervisor, task, "accept").status_code == 303

    assert now_of(yard, task).state == "accepted"
    assert "This task is over." in yard.browser(house.manager).get(f"/tasks/{task.code}").text


def test_a_red_scaffold_locks_the_start_and_says_why(yard):
    with yard.working() as house:
        project = house.project()
        scaffold = standing_scaffold(house, project)
        task = house.task(project, scaffold=scaffold)
        task.move("permit", by=house.manager, now=NOW)
        hold_for_rain(house.session, house.site, house.rain(NOW, None), {"12": 62.4}, NOW)

    answer = take(yard, yard.house.foreman, task, "start")
    page = yard.browser(yard.house.foreman).get(f"/tasks/{task.code}").text

    assert answer.status_code == 409
    assert "has a red tag" in answer.text and f"/scaffolds/{scaffold.id}" in answer.text
    assert "Red tag: do not climb" in page and "62.4" in page
    assert "disabled" in page and now_of(yard, task).state == "permit_ok"


def test_a_green_tag_says_until_when_and_goes_off_by_the_phones_clock(yard):
    with yard.working() as house:
        project = house.project()
        task = house.task(project, scaffold=standing_scaffold(house, project))

    page = yard.browser(yard.house.foreman).get(f"/tasks/{task.code}").text

    assert "Green tag: you may go up" in page and "The tag on the scaffold decides" in page
    assert 'data-due="2022-03-28T05:00:00Z"' in page and "js/tag.js" in page


def test_an_old_page_is_told_that_the_task_has_changed(yard):
    task = make(yard)
    take(yard, yard.house.foreman, task, "start")

    answer = take(yard, yard.house.foreman, task, "claim", version=task.version)

    assert answer.status_code == 412 and "changed while you were looking" in answer.text
    assert now_of(yard, task).state == "in_progress"


@pytest.mark.parametrize("action", ["", "hold", "fly", "cancel"])
def test_a_step_that_no_button_has_is_refused(yard, action):
    task = make(yard)

    assert take(yard, yard.house.manager, task, action).status_code == 422


def test_a_pause_needs_its_reason_and_keeps_what_was_typed(yard):
    task = make(yard)
    take(yard, yard.house.foreman, task, "start")
    foreman = yard.browser(yard.house.foreman)
    path = f"/tasks/{task.code}/step/pause"

    empty = foreman.post(path, {"note": "  "})
    told = foreman.post(path, {"note": "the crane is late"})

    assert foreman.get(path).status_code == 200
    assert empty.status_code == 422 and 'href="#f-note"' in empty.text
    assert told.status_code == 303 and now_of(yard, task).state == "paused"


def stop(yard, task, **more):
    data = {
        "element_code": "RF-RDG-F",
        "damage": "CRACK",
        "note": "the bedding is hollow",
        "version": now_of(yard, task).version,
        **more,
    }
    return yard.browser(yard.house.foreman).post(f"/tasks/{task.code}/stop", data)


def test_a_hidden_defect_stops_the_work_and_opens_one_finding(yard):
    task, wanted = make(yard), str(uuid.uuid4())
    take(yard, yard.house.foreman, task, "start")

    first = stop(yard, task, id=wanted)
    again = stop(yard, task, id=wanted)

    with yard.store.reading() as session:
        findings = list(session.scalars(select(Finding)))
    assert first.status_code == again.status_code == 303
    assert [(one.note, one.safety) for one in findings] == [("the bedding is hollow", True)]
    assert (now_of(yard, task).state, now_of(yard, task).paused_why) == ("paused", "hidden_defect")


def test_a_hidden_defect_without_words_is_asked_for_them(yard):
    task = make(yard)
    take(yard, yard.house.foreman, task, "start")

    answer = stop(yard, task, damage="", note="")

    assert answer.status_code == 422 and now_of(yard, task).state == "in_progress"


def test_a_company_is_shown_no_way_to_the_authoritys_findings(yard):
    task = make(yard)
    take(yard, yard.house.foreman, task, "start")
    stop(yard, task)

    refused = take(yard, yard.house.foreman, task, "resume")

    assert refused.status_code == 409 and "is not made safe yet" in refused.text
    assert "/findings/" not in refused.text


def test_a_note_sent_twice_is_written_once(yard):
    task = make(yard)
    data = {"text": "ridge tiles numbered 1 to 62", "kind": "log", "idempotency_key": "n-1"}
    foreman = yard.browser(yard.house.foreman)

    answers = [foreman.post(f"/tasks/{task.code}/notes", data).status_code for _ in range(2)]

    with yard.store.reading() as session:
        notes = list(session.scalars(select(TaskNote)))
    assert answers == [303, 303] and [(one.kind, one.text) for one in notes] == [
        ("log", "ridge tiles numbered 1 to 62")
    ]
    assert "ridge tiles numbered" in foreman.get(f"/tasks/{task.code}").text


def order(yard, **more):
    with yard.working() as house:
        project = house.project()
    data = {
        "title_zh": "清理瓦件",
        "title_en": "Clear the tiles",
        "place": f"zone:{house.zone.id}",
        "project": str(project.id),
        "company": str(house.builder.id),
        "due_at": "2022-03-22T18:00",
        "safety": "1",
        "verify_by_weather": "1",
        "reversible": "yes",
        "reversible_how": "tiles go back",
        **more,
    }
    return yard.browser(house.manager).post("/tasks/new", data)


def test_an_order_reaches_the_company_as_it_was_given(yard):
    answer = order(yard)

    with yard.store.reading() as session:
        task = session.scalars(select(Task)).one()
    assert answer.status_code == 303
    assert (task.safety, task.verify_by_weather, task.needs_photos) == (True, True, False)
    assert task.due_at.isoformat() == "2022-03-22T10:00:00+00:00"  # 18:00 on the site's clock
    assert "Clear the tiles" in yard.browser(yard.house.foreman).get("/t").text


def test_an_order_sent_twice_is_one_task(yard):
    wanted = str(uuid.uuid4())
    order(yard, id=wanted)
    order(yard, id=wanted)

    with yard.store.reading() as session:
        assert len(list(session.scalars(select(Task)))) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title_zh", ""),
        ("project", ""),
        ("company", "00000000-0000-4000-8000-000000000000"),
        ("place", "zone:somewhere"),
        ("due_at", "tomorrow"),
    ],
)
def test_a_bad_order_keeps_what_was_typed_and_orders_nothing(yard, field, value):
    more = {field: value} if field != "title_zh" else {"title_zh": "", "title_en": ""}

    answer = order(yard, **more)

    assert answer.status_code == 422 and "tiles go back" in answer.text
    with yard.store.reading() as session:
        assert list(session.scalars(select(Task))) == []


def test_a_permit_names_people_and_can_be_closed_out(yard):
    task, manager = make(yard), yard.browser(yard.house.manager)
    data = {"persons": "Luo\nMei", "purpose": "tiles", "until": "2022-03-21T18:00"}

    issued = manager.post(f"/permits/new?task={task.code}", data)
    page = manager.get(issued.location).text
    without_end = manager.post(f"/permits/new?task={task.code}", {**data, "until": ""})

    assert issued.status_code == 303 and "Luo" in page and "active" in page
    assert without_end.status_code == 422 and "Mei" in without_end.text
    assert manager.post(f"{issued.location}/step", {"action": "close_out"}).status_code == 303
    assert manager.post(f"{issued.location}/step", {"action": "close_out"}).status_code == 412
