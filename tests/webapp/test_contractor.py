"""What a company sees: its own works, and not one letter of a competitor's."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, select

from models.hold import hold_for_rain
from models.people import Organisation
from models.task import Task
from tests.models.house import NOW
from tests.webapp.cast import CANARY
from tests.webapp.yard import Yard, hours, rivals_works, standing_scaffold

MOST_QUERIES = 25
LIGHTEST_BYTES = 150_000


@pytest.fixture
def yard(app, sqlite_store) -> Yard:
    return Yard(app, sqlite_store)


@contextmanager
def counted(yard) -> Iterator[list[str]]:
    """Collect the SELECTs of what is done inside."""
    seen: list[str] = []

    def hear(connection, cursor, statement, *rest):
        if statement.lstrip().upper().startswith("SELECT"):
            seen.append(statement)

    event.listen(yard.store.engine, "before_cursor_execute", hear)
    yield seen
    event.remove(yard.store.engine, "before_cursor_execute", hear)


def works_of_both(yard):
    """Return our task and scaffold, beside the competitor's."""
    with yard.working() as house:
        theirs = rivals_works(house)
        project = house.project()
        scaffold = standing_scaffold(house, project)
        task = house.task(project, scaffold=scaffold, needs_photos=True)
        task.move("permit", by=house.manager, now=NOW)
        house.photo(task, "before", house.manager)
        house.photo(theirs[2], "before", house.manager, caption=CANARY)
        return task, scaffold, project, theirs


def test_a_company_sees_its_own_works_and_no_letter_of_anothers(yard):
    task, scaffold, project, (their_project, their_scaffold, their_task) = works_of_both(yard)
    foreman = yard.browser(yard.house.foreman)

    own = [
        "/t",
        "/scaffolds",
        "/projects/",
        f"/tasks/{task.code}",
        f"/scaffolds/{scaffold.code}",
        f"/projects/{project.code}",
        f"/photos/add/task/{task.code}",
    ]
    for path in own:
        page = foreman.get(path)
        assert page.status_code == 200, path
        for foreign in (CANARY, their_task.code, their_scaffold.code, their_project.code):
            assert foreign not in page.text, (path, foreign)
    for path in (
        f"/tasks/{their_task.code}",
        f"/tasks/{their_task.id}",
        f"/scaffolds/{their_scaffold.code}",
        f"/scaffolds/{their_scaffold.code}/tag",
        f"/projects/{their_project.code}",
    ):
        assert foreman.get(path).status_code == 404, path


def test_lists_and_pages_answer_on_both_databases(app_of, store):
    yard = Yard(app_of(store), store)
    task, scaffold, project, _ = works_of_both(yard)
    paths = ["/tasks", "/tasks?show=late", "/scaffolds", "/projects/", f"/tasks/{task.code}"]
    paths += [f"/scaffolds/{scaffold.code}", f"/projects/{project.code}", "/tasks/new"]

    told = {path: yard.browser(yard.house.manager).get(path).status_code for path in paths}
    mine = yard.browser(yard.house.foreman).get("/t")

    assert set(told.values()) == {200}, told
    assert mine.status_code == 200 and CANARY not in mine.text


def test_counts_are_of_ones_own_works(yard):
    works_of_both(yard)

    page = yard.browser(yard.house.foreman).get("/t").text

    assert "One task today" in page
    assert re.search(r'href="/tasks".*?class="count">1<', page, re.S)


def test_another_company_in_the_same_project_stays_unnamed(yard):
    task, _, project, _ = works_of_both(yard)
    with yard.working() as house:
        mine = house.session.merge(project)
        rival = house.session.get_one(Organisation, house.rival.id)
        mine.add_party(rival, "construction", by=house.manager, now=NOW)
    foreman = yard.browser(yard.house.foreman)

    for path in (f"/projects/{project.code}", "/projects/", f"/tasks/{task.code}"):
        assert CANARY not in foreman.get(path).text, path


def test_no_step_of_a_competitors_task_can_be_taken(yard):
    _, _, _, (_, their_scaffold, their_task) = works_of_both(yard)
    foreman = yard.browser(yard.house.foreman)

    for path, data in (
        (f"/tasks/{their_task.code}/step", {"action": "start"}),
        (f"/tasks/{their_task.code}/step/pause", {"note": "x"}),
        (f"/tasks/{their_task.code}/stop", {"note": "x"}),
        (f"/tasks/{their_task.code}/notes", {"text": "x", "idempotency_key": "k"}),
        (f"/scaffolds/{their_scaffold.code}/step", {"action": "dismantle"}),
        (f"/scaffolds/{their_scaffold.code}/inspect", {"result": "pass"}),
    ):
        answer = foreman.post(path, data)
        assert answer.status_code == 404 and CANARY not in answer.text, path
    with yard.store.reading() as session:
        assert session.get_one(Task, their_task.id).state == "planned"


def test_a_contractor_who_signs_in_lands_at_his_tasks(yard):
    foreman = yard.browser(yard.house.foreman)

    answer = foreman.get("/", follow_redirects=True)

    assert answer.status_code == 200 and answer.request.path == "/t"
    assert "Nothing to do today" in answer.text


def test_a_contractor_is_offered_no_desk_that_would_only_send_him_back(yard):
    page = yard.browser(yard.house.foreman).get("/scaffolds").text

    bar = page[page.index("<nav") : page.index("</nav>")]
    assert "/tasks" in bar and "/scaffolds" in bar
    assert 'href="/"' not in bar


def test_rain_is_told_on_the_first_page_with_its_millimetres(yard):
    works_of_both(yard)
    with yard.working() as house:
        hold_for_rain(house.session, house.site, house.rain(NOW, None), {"12": 62.4}, NOW)

    page = yard.browser(yard.house.foreman).get("/t").text

    assert "Stopped by the weather: North scaffold" in page
    assert "62.4\N{NO-BREAK SPACE}mm" in page and CANARY not in page


def test_what_is_late_is_for_today_and_says_so(yard):
    with yard.working() as house:
        task = house.task(house.project(), due_at=hours(-2))
        task.move("permit", by=house.manager, now=NOW)

    page = yard.browser(yard.house.foreman).get("/t").text

    assert "One task today" in page and "was due" in page


@pytest.mark.parametrize("path", ["/t", "/scaffolds", "/projects/", "/tasks"])
def test_lists_ask_the_database_a_bounded_number_of_times(yard, path):
    with yard.working() as house:
        project = house.project()
        for _ in range(3):
            house.task(project, scaffold=standing_scaffold(house, project), element=house.ridge)
    person = yard.house.manager if path == "/tasks" else yard.house.foreman
    browser = yard.browser(person)
    with counted(yard) as few:
        browser.get(path)
    with yard.working() as house:
        project = house.session.merge(project)
        for _ in range(9):
            house.task(project, scaffold=standing_scaffold(house, project), element=house.ridge)

    with counted(yard) as many:
        assert browser.get(path).status_code == 200

    assert len(many) == len(few) <= MOST_QUERIES


def test_the_page_of_a_task_asks_a_bounded_number_of_times(yard):
    task, scaffold, project, _ = works_of_both(yard)
    for person in (yard.house.foreman, yard.house.manager):
        for path in (
            f"/tasks/{task.code}",
            f"/scaffolds/{scaffold.code}",
            f"/projects/{project.code}",
        ):
            browser = yard.browser(person)
            with counted(yard) as asked:
                assert browser.get(path).status_code == 200
            assert len(asked) <= MOST_QUERIES, (person.name, path, len(asked))


def test_the_first_load_of_a_task_is_light_enough_for_a_scaffold(yard):
    task, *_ = works_of_both(yard)
    foreman = yard.browser(yard.house.foreman)
    page = foreman.get(f"/tasks/{task.code}").text

    wanted, known = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page)), set()
    total = len(gzip.compress(page.encode()))
    while wanted - known:
        path = (wanted - known).pop()
        known.add(path)
        body = foreman.get(path).data
        total += len(gzip.compress(body))
        if path.endswith(".js"):
            folder = path.rpartition("/")[0]
            found = re.findall(rb"(?:from|import|import\()\s*['\"]\./([\w-]+\.js)", body)
            wanted |= {f"{folder}/{name.decode()}" for name in found}

    assert any(path.endswith("photos.js") for path in known)
    assert total <= LIGHTEST_BYTES, total


def test_a_task_on_anothers_scaffold_shows_the_tag_without_a_way_there(yard):
    with yard.working() as house:
        _, scaffold, _ = rivals_works(house)
        scaffold.name = {"zh": "共用", "en": "Shared scaffold"}
        project = house.project()
        task = house.task(project, scaffold=scaffold)
    foreman = yard.browser(yard.house.foreman)

    page = foreman.get(f"/tasks/{task.code}").text

    assert "Green tag: you may go up" in page and CANARY not in page
    assert f"/scaffolds/{scaffold.code}" not in page
    with yard.store.reading() as session:
        assert session.scalars(select(Task).where(Task.id == task.id)).one()
