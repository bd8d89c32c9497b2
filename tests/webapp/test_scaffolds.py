"""Scaffold pages: two signatures, the eight items, holds with measured values, the public tag."""

import pytest

from models.hold import hold_for_rain
from models.scaffold import Scaffold
from tests.models.house import ITEMS, NOW
from tests.webapp.yard import Yard, hours, standing_scaffold

FORM = {f"items.{name}": text for name, text in ITEMS.items()}


@pytest.fixture
def yard(app, sqlite_store) -> Yard:
    return Yard(app, sqlite_store)


@pytest.fixture
def scaffold(yard) -> Scaffold:
    """A standing scaffold with a green tag."""
    with yard.working() as house:
        return standing_scaffold(house, house.project())


def now_of(yard, scaffold) -> Scaffold:
    with yard.store.reading() as session:
        return session.get_one(Scaffold, scaffold.id)


def rain(yard) -> None:
    with yard.working() as house:
        hold_for_rain(house.session, house.site, house.rain(NOW, None), {"12": 62.4}, NOW)


def test_a_scaffold_turns_green_by_two_signatures_of_two_people(yard):
    with yard.working() as house:
        scaffold = house.scaffold(house.project())
    foreman, worker = yard.browser(yard.house.foreman), yard.browser(yard.house.worker)
    path = f"/scaffolds/{scaffold.code}"

    foreman.post(f"{path}/step", {"action": "begin_erecting"})
    signed = foreman.post(f"{path}/erected", {**FORM, "load_class": "4", "card": "C-1"})
    own = foreman.post(f"{path}/step", {"action": "hand_over"})
    taken = worker.post(f"{path}/step", {"action": "hand_over"})

    page = worker.get(path).text
    assert (signed.status_code, own.status_code, taken.status_code) == (303, 409, 303)
    assert "Green tag: you may go up" in page
    assert "luo" in page and "mei" in page and "class 4" in page


def test_the_erector_must_say_load_class_card_and_every_item(yard):
    with yard.working() as house:
        scaffold = house.scaffold(house.project())
    foreman, path = yard.browser(yard.house.foreman), f"/scaffolds/{scaffold.code}"
    foreman.post(f"{path}/step", {"action": "begin_erecting"})

    answer = foreman.post(f"{path}/erected", {"items.risks": "none seen", "bays": "many"})
    lacking = foreman.post(f"{path}/erected", {"items.risks": "none seen"})

    assert answer.status_code == 422 and 'href="#f-bays"' in answer.text
    assert lacking.status_code == 422 and "none seen" in lacking.text
    assert 'href="#f-card"' in lacking.text and 'href="#f-items.location"' in lacking.text


def test_rain_turns_the_tag_red_with_the_measured_values(yard, scaffold):
    rain(yard)

    page = yard.browser(yard.house.foreman).get(f"/scaffolds/{scaffold.code}").text

    assert "Red tag: do not climb" in page and "62.4\N{NO-BREAK SPACE}mm" in page
    assert "Inspect before anyone goes up" in page


def test_an_inspection_after_rain_makes_it_green_and_keeps_the_seven_days(yard, scaffold):
    rain(yard)
    yard.at(hours(2))
    foreman, path = yard.browser(yard.house.foreman), f"/scaffolds/{scaffold.code}/inspect"

    shown = foreman.get(path).text
    answer = foreman.post(path, {**FORM, "result": "pass"})

    after = now_of(yard, scaffold)
    assert "does not begin the seven days anew" in shown
    assert answer.status_code == 303 and after.state == "handed_over"
    assert after.next_due_at == scaffold.next_due_at


def test_a_failed_inspection_needs_what_is_wrong(yard, scaffold):
    foreman, path = yard.browser(yard.house.foreman), f"/scaffolds/{scaffold.code}/inspect"

    without = foreman.post(path, {**FORM, "result": "fail"})
    told = foreman.post(path, {**FORM, "result": "fail", "why": "a tie is missing"})

    assert without.status_code == 422 and 'href="#f-why"' in without.text
    assert told.status_code == 303 and now_of(yard, scaffold).state == "event_hold"
    assert "a tie is missing" in foreman.get(f"/scaffolds/{scaffold.code}").text


def test_putting_it_on_hold_pauses_the_work_on_it(yard):
    with yard.working() as house:
        project = house.project()
        scaffold = standing_scaffold(house, project)
        task = house.task(project, scaffold=scaffold)
        task.move("permit", by=house.manager, now=NOW)
        task.move("start", by=house.foreman, now=NOW)
    path = f"/scaffolds/{scaffold.code}/step/hold"

    answer = yard.browser(yard.house.manager).post(path, {"note": "wind of force 6"})

    page = yard.browser(yard.house.foreman).get(f"/tasks/{task.code}").text
    assert answer.status_code == 303 and now_of(yard, scaffold).state == "event_hold"
    assert "Red tag: do not climb" in page and "paused" in page


def test_the_list_shows_word_and_shield_and_the_red_ones_first(yard, scaffold):
    with yard.working() as house:
        red = standing_scaffold(house, house.session.merge(scaffold).project)
        red.next_due_at = hours(-1)
        red.name = {"zh": "逾期", "en": "OVERDUE-ONE"}
        house.session.merge(scaffold).name = {"zh": "绿", "en": "GREEN-ONE"}

    page = yard.browser(yard.house.manager).get("/scaffolds").text
    only_red = yard.browser(yard.house.manager).get("/scaffolds?show=red").text

    assert page.index("OVERDUE-ONE") < page.index("GREEN-ONE")
    assert "Red, keep off" in page and "i-shield-x" in page and "Green, may be used" in page
    assert "OVERDUE-ONE" in only_red and "GREEN-ONE" not in only_red


def test_the_printed_tag_has_a_code_and_both_languages(yard, scaffold):
    page = yard.browser(yard.house.foreman).get(f"/scaffolds/{scaffold.code}/tag").text

    assert "绿牌：可以上架" in page and "Green tag: you may go up" in page
    assert "<svg" in page and f"https://ridgewatch.example/s/{scaffold.token}" in page


def test_anyone_at_the_ladder_may_read_the_tag(yard, scaffold):
    visitor = yard.house and yard.app.test_client()

    green = visitor.get(f"/s/{scaffold.token}?lang=en").text
    yard.at(hours(6.5 * 24))
    amber = visitor.get(f"/s/{scaffold.token}?lang=en").text
    yard.at(hours(8 * 24))
    red = visitor.get(f"/s/{scaffold.token}?lang=en").text

    assert "Green tag: you may go up" in green and "The tag on the scaffold decides" in green
    assert "Amber tag" in amber and "Red tag: do not climb" in red
    assert "luo" not in green and "sam" not in green  # people's names are no visitor's business
    assert visitor.get("/s/no-such-tag").status_code == 404


def test_a_scaffold_is_ordered_for_a_party_of_its_project(yard):
    with yard.working() as house:
        project = house.project()
    manager = yard.browser(yard.house.manager)
    data = {
        "name_zh": "西立面",
        "name_en": "West side",
        "kind": "scaffold",
        "project": str(project.id),
        "company": str(yard.house.builder.id),
    }

    ordered = manager.post("/scaffolds/new", data)
    stranger = manager.post("/scaffolds/new", {**data, "project": ""})

    assert manager.get("/scaffolds/new").status_code == 200
    assert ordered.status_code == 303
    assert stranger.status_code == 422 and "West side" in stranger.text
    assert "West side" in yard.browser(yard.house.foreman).get(ordered.location).text
