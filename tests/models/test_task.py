"""Tasks: why they may not start, who claims, who accepts, and what a hidden defect does."""

import uuid

import pytest
from sqlalchemy import select

from models.errors import BadInput, Forbidden, Refusal
from models.finding import Finding
from models.hold import hold_for_rain
from models.licence import grade_number, needed_grade
from models.note import notes_of, write_note
from models.permit import issue_permit
from models.project import PROJECT, Project, propose_project
from models.task import TASK, Task
from models.workflow import actions_from
from tests.models.house import ANSWERS, NOW, House, after, says
from tests.models.test_scaffold import standing


def started(house: House, **more: object) -> Task:
    """Return a task of the contractor in progress."""
    task = house.task(house.project(), **more)
    task.move("permit", by=house.manager, now=NOW)
    task.move("start", by=house.foreman, now=NOW)
    return task


def why_not(task: Task, house: House) -> list[str]:
    """Return the codes of everything that keeps a task from starting."""
    with pytest.raises(Refusal) as no:
        task.move("start", by=house.foreman, now=NOW)
    assert all(says(one.reason) and one.href for one in no.value.blockers)
    return [one.reason.code for one in no.value.blockers]


@pytest.mark.parametrize(
    ("state", "actions"),
    {
        "planned": ("permit", "cancel"),
        "permit_ok": ("start", "cancel"),
        "in_progress": ("claim", "pause", "stop_hidden_defect", "hold", "cancel"),
        "paused": ("resume", "cancel"),
        "done_claimed": ("inspect", "send_back"),
        "inspected": ("accept", "send_back"),
        "rework": ("start", "cancel"),
        "accepted": (),
        "cancelled": (),
    }.items(),
)
def test_each_state_offers_exactly_its_actions(state: str, actions: tuple[str, ...]) -> None:
    assert actions_from(TASK, state) == actions


@pytest.mark.parametrize(
    ("state", "actions"),
    {
        "proposed": ("approve",),
        "approved": ("start",),
        "in_progress": ("suspend", "accept_stage", "self_check"),
        "suspended": ("resume",),
        "stage_accepted": ("resume", "self_check"),
        "self_check": ("four_party",),
        "four_party": ("preliminary", "rectify"),
        "preliminary": ("accept", "rectify"),
        "rectify": ("self_check",),
        "accepted": ("archive",),
        "archived": (),
    }.items(),
)
def test_each_state_of_a_project_offers_exactly_its_actions(
    state: str, actions: tuple[str, ...]
) -> None:
    assert actions_from(PROJECT, state) == actions


def test_a_contractor_starts_and_claims_a_supervisor_inspects_and_accepts(house: House) -> None:
    task = started(house)

    assert set(task.actions(house.foreman, NOW)) == {"claim", "pause", "stop_hidden_defect"}
    task.move("claim", by=house.foreman, now=after(days=1))
    assert task.actions(house.foreman, NOW) == ()
    assert set(task.actions(house.supervisor, NOW)) == {"inspect", "send_back"}
    task.move("inspect", by=house.supervisor, now=after(days=1))
    with pytest.raises(Refusal) as token:
        task.move("accept", by=house.token, now=after(days=1))
    task.move("accept", by=house.supervisor, now=after(days=2))

    assert token.value.reason.code == "signature.person_only"
    assert (task.state, task.accepted_by) == ("accepted", house.supervisor.id)


def test_staff_do_not_start_or_claim_for_the_company(house: House) -> None:
    task = house.task(house.project())
    task.move("permit", by=house.manager, now=NOW)

    for actor in (house.manager, house.supervisor, house.duty, house.stranger):
        with pytest.raises(Forbidden):
            task.move("start", by=actor, now=NOW)


def test_the_staff_do_their_own_tasks(house: House) -> None:
    task = house.task(None, company=None)
    task.move("permit", by=house.manager, now=NOW)

    task.move("start", by=house.keeper, now=NOW)

    assert task.state == "in_progress"


def test_work_sent_back_is_done_again(house: House) -> None:
    task = started(house)
    task.move("claim", by=house.foreman, now=NOW)
    with pytest.raises(BadInput):
        task.move("send_back", by=house.supervisor, now=NOW)

    task.move("send_back", note="two tiles loose", by=house.supervisor, now=NOW)
    task.move("start", by=house.foreman, now=NOW)

    assert (task.state, task.claimed_at) == ("in_progress", None)


def test_a_red_scaffold_and_a_missing_photo_are_both_told(house: House) -> None:
    project = house.project()
    scaffold = house.scaffold(project)
    task = house.task(project, scaffold=scaffold, needs_photos=True)
    task.move("permit", by=house.manager, now=NOW)

    assert why_not(task, house) == ["task.scaffold_not_green", "task.before_photo_missing"]
    step = task.steps(house.foreman, NOW)[0]
    assert step.why_not is not None and step.why_not.code == "task.scaffold_not_green"


def test_an_amber_tag_begins_nothing_new_but_stops_nothing(house: House) -> None:
    scaffold = standing(house)
    running = house.task(scaffold.project, scaffold=scaffold)
    waiting = house.task(scaffold.project, scaffold=scaffold)
    for task in (running, waiting):
        task.move("permit", by=house.manager, now=NOW)
    running.move("start", by=house.foreman, now=NOW)

    amber = after(days=6, hours=1)

    assert scaffold.tag(amber).colour == "amber"
    assert "start" not in waiting.actions(house.foreman, amber)
    assert running.state == "in_progress"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"licence_grade": ""}, "licence.none"),
        ({"licence_grade": "三级"}, "licence.grade_too_low"),
        ({"licence_scope": "壁画"}, "licence.scope_lacks"),
        ({"licence_until": NOW}, "licence.expired"),
    ],
)
def test_a_company_without_the_licence_does_not_start(
    house: House, change: dict[str, object], code: str
) -> None:
    task = house.task(house.project())
    task.move("permit", by=house.manager, now=NOW)
    for name, value in change.items():
        setattr(house.builder, name, value)

    assert why_not(task, house) == [code]


def test_restoration_of_a_national_site_needs_grade_one() -> None:
    assert needed_grade("national", "restoration") == 1
    assert needed_grade("national", "emergency") == 2
    assert [grade_number(one) for one in ("二级", "grade 2", "1", "")] == [2, 2, 1, None]


def test_a_company_that_is_no_party_does_not_start(house: House) -> None:
    project = house.project()
    task = house.task(project, company=house.rival)
    task.move("permit", by=house.manager, now=NOW)

    with pytest.raises(Refusal) as no:
        task.move("start", by=house.stranger, now=NOW)

    assert no.value.reason.code == "task.company_no_party"


def test_emergency_works_start_when_justified_others_when_approved(house: House) -> None:
    urgent, slow = (
        propose_project(
            house.session,
            house.site,
            works_class=works_class,
            title={"zh": "修", "en": "Mend"},
            by=house.manager,
            now=NOW,
        )
        for works_class in ("emergency", "maintenance")
    )

    with pytest.raises(Refusal) as no:
        urgent.move("approve", by=house.manager, now=NOW)
    urgent.justify(ANSWERS, reversible=True, how="props", by=house.manager, now=NOW)
    slow.move("approve", note="no. 12", by=house.manager, now=NOW)

    assert no.value.reason.values["fields"] == [*ANSWERS, "reversible"]
    assert (urgent.may_work, slow.may_work) == (True, True)
    assert slow.approval_number == "no. 12"
    with pytest.raises(Refusal) as builder:
        slow.move("start", by=house.manager, now=NOW)
    assert builder.value.reason.code == "project.no_builder"


def test_a_suspended_permit_keeps_the_task_waiting(house: House) -> None:
    scaffold = standing(house)
    task = house.task(scaffold.project, scaffold=None)
    task.move("permit", by=house.manager, now=NOW)
    permit = issue_permit(
        house.session,
        house.site,
        persons=["Luo"],
        purpose="ridge",
        since=NOW,
        until=after(days=9),
        task=task,
        by=house.manager,
        now=NOW,
    )
    rain = house.rain(NOW, None, h12=16.0)
    hold_for_rain(house.session, house.site, rain, rain.sums, NOW)

    assert why_not(task, house) == ["task.permit_suspended"]
    permit.move("reinstate", by=house.manager, now=NOW)
    task.move("start", by=house.foreman, now=NOW)


def test_done_is_what_a_photo_shows(house: House) -> None:
    task = house.task(house.project(), needs_photos=True)
    task.move("permit", by=house.manager, now=NOW)
    house.photo(task, "before", house.foreman)
    task.move("start", by=house.foreman, now=NOW)

    with pytest.raises(Refusal) as no:
        task.move("claim", by=house.foreman, now=NOW)

    assert no.value.reason.code == "task.after_photo_missing"


def test_a_hidden_defect_stops_work_and_opens_a_finding(house: House) -> None:
    task = started(house)
    with pytest.raises(Refusal):
        task.move("stop_hidden_defect", note="rot", by=house.foreman, now=NOW)

    finding = task.stop_hidden_defect(
        element_code="TF-PUR", damage="ROT", note="purlin soft", by=house.foreman, now=NOW
    )
    house.session.expire(task, ["defects"])
    with pytest.raises(Refusal) as no:
        task.move("resume", by=house.foreman, now=NOW)
    finding.make_safe("propped", by=house.engineer, now=NOW)
    task.move("resume", by=house.foreman, now=after(days=1))

    assert (finding.safety, finding.zone_id) == (True, house.zone.id)
    assert no.value.reason.code == "task.defect_not_safe"
    assert (task.state, task.paused_why) == ("in_progress", None)


def test_a_refused_stop_leaves_no_finding(house: House) -> None:
    task = house.task(house.project())

    with pytest.raises(Refusal):
        task.stop_hidden_defect(
            element_code="TF-PUR", damage="ROT", note="soft", by=house.foreman, now=NOW
        )

    assert house.session.scalars(select(Finding)).all() == []


def test_a_leak_repair_is_accepted_by_the_next_moderate_rain(house: House) -> None:
    probe = house.sensor("M-01", "moisture_content")
    task = started(house, verify_by_weather=True)
    task.move("claim", by=house.foreman, now=after(days=1))
    task.move("inspect", by=house.supervisor, now=after(days=1))

    def why() -> str | None:
        step = next(s for s in task.steps(house.supervisor, NOW) if s.action == "accept")
        assert step.why_not is None or says(step.why_not)
        return step.why_not.code if step.why_not else None

    house.rain(after(hours=1), after(hours=9), h24=40.0)  # before it was called done
    house.rain(after(days=2), after(days=2, hours=3), h12=4.9, h24=9.9)  # light
    rain = house.rain(after(days=3), None, h12=5.0)
    assert why() == "task.rain_awaited"  # it still rains
    rain.ended_ms = rain.began_ms + 3_600_000
    assert why() == "task.sensor_not_heard_since_rain"
    house.hears(probe, after(days=4), 20.0)
    assert why() == "task.still_wet"
    house.hears(probe, after(days=5), 19.9)
    assert why() is None


def test_notes_from_a_phone_that_tries_again_are_one_note(house: House) -> None:
    task = started(house)
    key = str(uuid.uuid4())

    for _ in range(3):
        write_note(
            house.session, task, "tiles off", kind="log", client_key=key, by=house.foreman, now=NOW
        )
    with pytest.raises(Refusal):
        write_note(house.session, task, "other", client_key=key, by=house.foreman, now=NOW)

    assert [note.text for note in notes_of(house.session, task)] == ["tiles off"]
    assert [one.action for one in house.events(task)].count("log") == 1


def test_a_company_sees_its_own_tasks_and_projects_only(house: House) -> None:
    project = house.project()
    house.task(project)
    house.task(project, company=house.rival)
    house.session.flush()
    tasks, projects = house.session.query(Task).where, house.session.query(Project).where

    assert tasks(Task.visible_to(house.foreman)).count() == 1
    assert tasks(Task.visible_to(house.stranger)).count() == 0  # named in a task, not as a party
    assert tasks(Task.visible_to(house.viewer)).count() == 2
    assert projects(Project.visible_to(house.foreman)).count() == 1
    assert projects(Project.visible_to(house.stranger)).count() == 0


def test_a_task_for_a_company_belongs_to_a_project(house: House) -> None:
    with pytest.raises(Refusal) as no:
        house.task(None)

    assert no.value.reason.code == "task.company_needs_project"
