"""Survey findings: element × damage × orientation × grade by its scheme; safe, mended, checked."""

import uuid

import pytest

from models.finding import Finding
from models.registry import Site
from models.task import plan_task
from tests.webapp.response_world import World, counted, make_world


@pytest.fixture
def world(cast):
    return make_world(cast)


def survey(**more: str) -> dict[str, str]:
    """Return the form of a finding as a surveyor fills it in."""
    return {
        "id": str(uuid.uuid4()),
        "element_code": "RF-RDG-F",
        "damage": "COLLAPSE",
        "orientation": "NS",
        "grade-EN16096-CC": "CC3",
        "grade-EN16096-UC": "UC3",
        "extent": "6 m",
        "note": "most of it lies on the north slope",
        "safety": "1",
        **more,
    }


def all_findings(world: World) -> list[Finding]:
    with world.cast.store.reading() as session:
        return session.query(Finding).all()


def test_a_damage_is_coded_and_graded_by_scheme(world):
    incident = world.incident()
    engineer = world.browser("engineer")

    answer = engineer.post(
        "/findings/new", survey(incident=incident.code, element=str(world.element_id))
    )

    (finding,) = all_findings(world)
    assert answer.location == f"/findings/{finding.code}"
    assert finding.grades == [
        {"scheme": "EN16096-CC", "grade": "CC3"},
        {"scheme": "EN16096-UC", "grade": "UC3"},
    ]
    assert (finding.safety, finding.incident_id) == (True, incident.id)
    assert (finding.element_id, finding.building_id) == (world.element_id, world.building_id)
    page = engineer.get(f"/findings/{finding.code}?lang=en").text
    assert "decorated" in page and "CC3" in page and "north slope" in page


def second_site(world: World) -> None:
    with world.writing() as session:
        first = session.get_one(Site, world.site_id)
        session.add(
            Site(code="second", name={"zh": "乙寺", "en": "Second"}, timezone=first.timezone)
        )


def test_a_survey_of_no_named_site_is_of_the_only_one(world):
    engineer = world.browser("engineer")

    assert engineer.get("/findings/new").status_code == 200
    engineer.post("/findings/new", survey())

    (finding,) = all_findings(world)
    assert finding.site_id == world.site_id


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/findings/new", "engineer"),
        ("/tasks/new", "manager"),
        ("/projects/new", "manager"),
        ("/scaffolds/new", "manager"),
    ],
)
def test_without_a_site_a_form_first_asks_for_it(world, path, role):
    second_site(world)
    browser = world.browser(role)

    page = browser.get(path).text

    assert "先选择遗产点" in page
    assert f'href="{path}?site=second"' in page
    assert browser.get(f"{path}?site=second").status_code == 200


def test_a_survey_that_names_no_site_of_several_is_not_guessed(world):
    second_site(world)

    answer = world.browser("engineer").post("/findings/new", survey())

    assert answer.status_code == 404
    assert all_findings(world) == []


def test_both_languages_offer_the_coded_words(world):
    incident = world.incident()
    engineer = world.browser("engineer")

    zh = engineer.get(f"/findings/new?incident={incident.code}").text
    en = engineer.get(f"/findings/new?incident={incident.code}&lang=en").text

    assert "花脊" in zh and "坍塌" in zh and "北坡" in zh
    assert "collapse" in en.lower() and "north slope" in en.lower()


def test_sent_twice_from_a_bad_line_it_is_one(world):
    incident = world.incident()
    form, engineer = survey(incident=incident.code), world.browser("engineer")

    first = engineer.post("/findings/new", form)
    second = engineer.post("/findings/new", form)

    assert first.location == second.location
    assert len(all_findings(world)) == 1


def test_an_unknown_word_is_refused_and_the_rest_is_kept(world):
    incident = world.incident()

    answer = world.browser("engineer").post(
        "/findings/new", survey(incident=incident.code, damage="WEAR", extent="7 m")
    )

    assert answer.status_code == 422
    assert 'value="7 m"' in answer.text and "most of it lies" in answer.text
    assert all_findings(world) == []


def test_made_safe_says_how(world):
    finding = world.finding()
    engineer, path = world.browser("engineer"), f"/findings/{finding.code}"

    silent = engineer.post(f"{path}/step/make_safe", {"how": ""})
    said = engineer.post(f"{path}/step/make_safe", {"how": "netted and propped"})

    assert (silent.status_code, said.status_code) == (422, 303)
    assert "netted and propped" in engineer.get(path).text


def test_a_repair_is_verified_by_another_person(world):
    finding = world.finding(by="engineer")
    engineer, manager = world.browser("engineer"), world.browser("manager")
    path = f"/findings/{finding.code}"
    engineer.post(f"{path}/step/make_safe", {"how": "netted"})
    engineer.post(f"{path}/step", {"action": "repair"})

    own = engineer.post(f"{path}/step", {"action": "verify"})
    other = manager.post(f"{path}/step", {"action": "verify"})

    assert (own.status_code, other.status_code) == (409, 303)
    assert "须由另一人签字" in own.text
    assert world.reading(Finding, finding.id).verified_by == world.actor("manager").id


def test_a_task_mends_it_and_one_of_another_site_does_not(world):
    finding = world.finding()
    with world.writing() as session:
        row = session.get_one(Finding, finding.id)
        title = {"zh": "清理", "en": "Clear"}
        task = plan_task(
            session, row.site, title=title, by=world.actor("manager"), now=finding.assessed_at
        )
    manager, path = world.browser("manager"), f"/findings/{finding.code}/step/link_task"

    asked = manager.get(path).text
    wrong = manager.post(path, {"task": str(uuid.uuid4())})
    right = manager.post(path, {"task": str(task.id)})

    assert task.code in asked
    assert (wrong.status_code, right.status_code) == (422, 303)
    assert world.reading(Finding, finding.id).state == "task_linked"


def test_a_keeper_records_and_does_not_judge(world):
    finding, keeper = world.finding(), world.browser("keeper")

    answer = keeper.post(f"/findings/{finding.code}/step/make_safe", {"how": "x"})

    assert answer.status_code == 403
    assert keeper.get("/findings/").status_code == 200


def test_the_list_says_what_is_dangerous_first_and_is_bounded(world):
    for _ in range(6):
        world.finding()
    engineer = world.browser("engineer")

    with counted(world.cast) as sent:
        page = engineer.get("/findings/").text

    assert "6处残损有危险，尚未排险" in page
    assert len(sent) <= 25
