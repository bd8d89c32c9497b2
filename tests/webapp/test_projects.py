"""Project pages: proposed from an incident, justified, licensed, led on."""

import pytest
from sqlalchemy import select

from models.project import Project
from tests.models.house import ANSWERS, NOW
from tests.webapp.yard import Yard


@pytest.fixture
def yard(app, sqlite_store) -> Yard:
    return Yard(app, sqlite_store)


def the_project(yard) -> Project:
    with yard.store.reading() as session:
        return session.scalars(select(Project)).one()


def test_works_are_proposed_from_an_incident_and_belong_to_it(yard):
    with yard.working() as house:
        incident = house.incident()
    manager, path = yard.browser(yard.house.manager), f"/projects/new?incident={incident.code}"
    data = {
        "title_zh": "抢险",
        "title_en": "Rescue",
        "works_class": "emergency",
        "scope": "ancient_building",
    }

    answer = manager.post(path, data)
    refused = manager.post(path, {**data, "works_class": "folly"})

    assert answer.status_code == 303 and the_project(yard).incident_id == incident.id
    assert refused.status_code == 422 and "Rescue" in refused.text
    assert manager.get(path).status_code == 200


def test_emergency_works_may_begin_once_the_four_questions_are_answered(yard):
    with yard.working() as house:
        project = house.project()
        project.justification = project.reversible = None
    manager, path = yard.browser(yard.house.manager), f"/projects/{project.code}"

    before = manager.get(path).text
    half = manager.post(f"{path}/justify", {"urgent": "it is falling"})
    whole = manager.post(
        f"{path}/justify", {**ANSWERS, "reversible": "yes", "reversible_how": "props come out"}
    )

    assert "5 answers lacking" in before
    assert half.status_code == 422 and "it is falling" in half.text
    assert 'href="#f-minimum"' in half.text
    assert whole.status_code == 303 and the_project(yard).may_work
    assert "props come out" in manager.get(path).text


def test_the_page_says_whether_the_builders_licence_carries_the_works(yard):
    with yard.working() as house:
        project = house.project()
    manager = yard.browser(yard.house.manager)
    licensed = manager.get(f"/projects/{project.code}").text
    with yard.working() as house:
        house.builder.licence_until = NOW

    expired = manager.get(f"/projects/{project.code}").text

    assert "Licensed at grade 2" in licensed and "licence expired on" in expired


def test_a_step_is_refused_with_its_sentence_and_taken_with_its_words(yard):
    with yard.working() as house:
        project = house.project()
    manager, path = yard.browser(yard.house.manager), f"/projects/{project.code}"

    approved = manager.post(f"{path}/step/approve", {"note": "No. 2022-17"})
    started = manager.post(f"{path}/step", {"action": "start"})
    silent = manager.post(f"{path}/step/suspend", {"note": ""})
    odd = manager.post(f"{path}/step", {"action": "archive"})

    assert (approved.status_code, started.status_code) == (303, 303)
    assert the_project(yard).approval_number == "No. 2022-17"
    assert silent.status_code == 422 and odd.status_code == 409
    assert the_project(yard).state == "in_progress"


def test_a_company_is_named_as_a_party_once(yard):
    with yard.working() as house:
        project = house.project()
    manager, path = yard.browser(yard.house.manager), f"/projects/{project.code}/party"
    data = {"company": str(yard.house.rival.id), "capacity": "construction", "person": "Zed"}

    first, again = manager.post(path, data), manager.post(path, data)

    assert manager.get(path).status_code == 200
    assert first.status_code == 303 and again.status_code == 409
    assert "Zed" in manager.get(f"/projects/{project.code}").text
    assert manager.post(path, {"capacity": "friend"}).status_code == 422
