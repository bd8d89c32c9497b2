"""Reports upward: drafted from the data, five fields complete, sent once and never changed."""

from datetime import timedelta

import pytest

from models.incident import Incident
from models.report import Report
from tests.webapp.response_world import FIVE, World, counted, make_world


@pytest.fixture
def world(cast):
    return make_world(cast)


def drafted(world: World, **more: timedelta) -> str:
    """Return the address of a first report that was drafted on the page."""
    incident = world.incident(**more)
    answer = world.browser("duty").post(f"/incidents/{incident.code}/reports/first")
    assert answer.status_code == 303
    return str(answer.location)


def the_report(world: World) -> Report:
    with world.cast.store.reading() as session:
        return session.query(Report).order_by(Report.drafted_at.desc()).first()


SENDING = {**FIVE, "action": "send", "recipient": ["0", "1"], "channel": "phone"}


def test_the_draft_begins_with_what_the_data_knows(world):
    incident, alert = world.incident(), world.alert()
    with world.writing() as session:
        row = session.get_one(Incident, incident.id)
        found = session.get_one(type(alert), alert.id)
        row.link([found], by=world.actor("duty"), now=incident.opened_at)
    world.finding(incident)
    closure = world.closure()
    with world.writing() as session:
        session.get_one(type(closure), closure.id).incident_id = incident.id

    world.browser("duty").post(f"/incidents/{incident.code}/reports/first")

    report = the_report(world)
    assert "天宁寺（全国重点文物保护单位）" in report.scene and "金刚殿北侧" in report.scene
    assert alert.code in report.course and "2.1 mm" in report.course
    assert "现场勘查发现残损1处" in report.course and "EN16096-CC CC3" in report.course
    assert closure.code in report.measures and "9.2" in report.measures
    assert report.other == ""  # only a person can tell


def test_each_of_the_five_parts_is_mandatory_and_named(world):
    path = drafted(world)

    answer = world.browser("duty").post(path, {**SENDING, "course": " ", "other": ""})

    assert answer.status_code == 422
    assert 'href="#f-course"' in answer.text and 'href="#f-other"' in answer.text
    assert the_report(world).state == "draft"
    assert "the ridge fell" not in answer.text and "Tianning Temple, 21 March" in answer.text


def test_sending_records_whom_how_and_when(world):
    path = drafted(world)
    duty = world.browser("duty")

    answer = duty.post(path, {**SENDING, "recipient": ["1"], "other_recipient": "区政府"})

    report = the_report(world)
    assert answer.status_code == 303
    assert (report.state, report.channel, report.late) == ("sent", "phone", False)
    assert [one["name"]["zh"] for one in report.recipients] == ["省文物局", "区政府"]
    page = duty.get(path).text
    assert (
        "<textarea" not in page.split("记录对方确认")[0].split("<article")[1].split("</article")[0]
    )
    assert "Ana duty" in page


def test_what_was_sent_is_never_changed(world):
    path = drafted(world)
    duty = world.browser("duty")
    duty.post(path, SENDING)

    answer = duty.post(path, {"course": "nothing happened"})

    assert answer.status_code == 409
    assert the_report(world).course == FIVE["course"]


def test_a_first_report_after_two_hours_is_marked_late(world):
    path = drafted(world, ago=timedelta(hours=3))

    world.browser("duty").post(path, SENDING)

    assert the_report(world).late
    assert "超过时限" in world.browser("duty").get(path).text


def test_nobody_to_send_to_is_no_sending(world):
    path = drafted(world)

    answer = world.browser("duty").post(path, {**FIVE, "action": "send", "channel": "pigeon"})

    assert answer.status_code == 422
    assert "请选择或填写接收单位" in answer.text and "请选择渠道" in answer.text


def test_a_draft_is_kept_and_only_one_waits_at_a_time(world):
    path = drafted(world)
    duty = world.browser("duty")
    report = the_report(world)

    duty.post(path, {"course": "half a sentence"})
    incident = world.reading(Incident, report.incident_id)
    second = duty.post(f"/incidents/{incident.code}/reports/follow_up")

    assert the_report(world).course == "half a sentence"
    assert the_report(world).scene  # a field that was not sent stays
    assert second.status_code == 409 and report.code in second.text


def test_a_follow_up_starts_from_what_the_last_one_said(world):
    path = drafted(world)
    duty = world.browser("duty")
    duty.post(path, SENDING)
    incident = world.reading(Incident, the_report(world).incident_id)

    duty.post(f"/incidents/{incident.code}/reports/follow_up")

    follow_up = the_report(world)
    assert (follow_up.kind, follow_up.course) == ("follow_up", FIVE["course"])


def test_receipt_is_recorded_once_it_was_sent(world):
    path = drafted(world)
    duty = world.browser("duty")
    early = duty.post(f"{path}/acknowledge", {"note": "Mr Li, city bureau"})
    duty.post(path, SENDING)

    answer = duty.post(f"{path}/acknowledge", {"note": "Mr Li, city bureau"})

    assert (early.status_code, answer.status_code) == (409, 303)
    assert "Mr Li, city bureau" in duty.get(path).text


@pytest.mark.parametrize("role", ["keeper", "engineer", "viewer"])
def test_others_read_and_do_not_write(world, role):
    path = drafted(world)

    reader = world.browser(role)

    assert reader.get(path).status_code == 200
    assert 'name="course"' not in reader.get(path).text
    assert reader.post(path, SENDING).status_code == 403


def test_lists_are_bounded(world):
    for _ in range(5):
        drafted(world)
    duty = world.browser("duty")

    with counted(world.cast) as sent:
        page = duty.get("/reports/").text

    assert page.count("/reports/RP-") == 5
    assert len(sent) <= 25
