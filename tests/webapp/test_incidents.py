"""Case files: opened from an alert or a call, with the law's clock, calls and a timeline."""

from datetime import timedelta

import pytest

from models.incident import Incident
from models.reading import RainEpisode
from models.times import to_ms
from tests.webapp.response_world import World, as_typed, counted, make_world


@pytest.fixture
def world(cast):
    return make_world(cast)


def the_incident(world: World) -> Incident:
    with world.cast.store.reading() as session:
        return session.query(Incident).one()


def test_an_alert_becomes_a_case_with_one_tap(world):
    alert = world.alert()
    duty = world.browser("duty")

    answer = duty.post("/incidents/", {"alert": str(alert.id), "version": "1"})

    incident = the_incident(world)
    assert (answer.status_code, answer.location) == (303, f"/incidents/{incident.code}")
    page = duty.get(answer.location).text
    assert alert.code in page and "红色" in page
    assert "上报时限" in page and "起草首报" in page
    assert "《国家文物局突发事件应急工作管理办法》" in page


def test_a_second_alert_of_the_storm_joins_its_case(world):
    first, second = world.alert(), world.alert(code="C-08")
    with world.writing() as session:
        began = to_ms(first.raised_at - timedelta(hours=3))
        session.add(
            RainEpisode(
                site_id=world.site_id,
                began_ms=began,
                last_rain_ms=to_ms(first.raised_at),
                sums={"24": 30.0},
                grades={},
                gauges=["R-01"],
            )
        )
    duty = world.browser("duty")

    duty.post("/incidents/", {"alert": str(first.id)})
    again = duty.post("/incidents/", {"alert": str(second.id)})

    assert again.status_code == 409  # it came along with the first
    page = duty.get(f"/incidents/{the_incident(world).code}").text
    assert first.code in page and second.code in page


def test_no_alert_no_case(world):
    assert world.browser("duty").post("/incidents/", {}).status_code == 422


def test_a_phone_report_starts_the_clock_when_it_was_received(world):
    duty = world.browser("duty")
    received = world.closure().began_at.replace(second=0, microsecond=0) - timedelta(minutes=20)

    answer = duty.post(
        "/incidents/new",
        {
            "place": f"{world.site_id}/{world.zone_id}",
            "title_zh": "花脊坍塌",
            "severity": "critical",
            "cause": "natural",
            "received_at": as_typed(received),
        },
    )

    incident = the_incident(world)
    assert answer.status_code == 303
    assert (incident.received_at, incident.severity) == (received, "critical")
    assert incident.zone_id == world.zone_id


def test_a_report_without_a_word_keeps_the_rest(world):
    answer = world.browser("duty").post(
        "/incidents/new",
        {"place": f"{world.site_id}/", "severity": "critical", "cause": "human"},
    )

    assert answer.status_code == 422
    assert 'href="#f-title"' in answer.text
    assert 'value="human" selected' in answer.text


def test_a_report_from_the_future_is_refused(world):
    tomorrow = as_typed(world.closure().began_at + timedelta(days=1))

    answer = world.browser("duty").post(
        "/incidents/new",
        {
            "place": f"{world.site_id}/",
            "title_en": "Ridge fell",
            "severity": "high",
            "cause": "natural",
            "received_at": tomorrow,
        },
    )

    assert answer.status_code == 409
    assert "Ridge fell" in answer.text


def test_the_buttons_are_the_models_steps(world):
    incident = world.incident()
    duty, path = world.browser("duty"), f"/incidents/{incident.code}"

    duty.post(f"{path}/step", {"action": "verify"})
    duty.post(f"{path}/step", {"action": "respond"})
    now = world.reading(Incident, incident.id)
    wrong = duty.post(f"{path}/step", {"action": "verify", "version": now.version})

    assert world.reading(Incident, incident.id).state == "responding"
    assert wrong.status_code == 409


def test_a_false_alarm_needs_its_reason_and_nothing_closed(world):
    incident = world.incident()
    duty, path = world.browser("duty"), f"/incidents/{incident.code}"
    assert f'href="{path}/step/dismiss"' in duty.get(path).text

    silent = duty.post(f"{path}/step/dismiss", {"note": ""})
    said = duty.post(f"{path}/step/dismiss", {"note": "a film crew"})

    assert (silent.status_code, said.status_code) == (422, 303)
    assert world.reading(Incident, incident.id).state == "false_alarm"


def test_people_out_calls_notes_and_somebody_sent_are_in_the_timeline(world):
    incident, contact = world.incident(), world.contact()
    duty, path = world.browser("duty"), f"/incidents/{incident.code}"

    duty.post(f"{path}/clear", {"place": "surroundings"})
    duty.post(f"{path}/call", {"contact": str(contact.id), "outcome": "no_answer"})
    duty.post(f"{path}/note", {"note": "visitors have left"})
    sent = duty.post(f"{path}/send", {"person": str(world.actor("keeper").id)})

    assert sent.status_code == 303
    page = duty.get(path).text
    for said in ("警戒范围内", "无人接听", "visitors have left", "Ana keeper"):
        assert said in page
    filtered = duty.get(f"{path}?show=alerts").text
    assert "visitors have left" not in filtered


def test_only_staff_of_the_site_can_be_sent(world):
    incident = world.incident()
    stranger = world.cast.user("contractor")

    answer = world.browser("duty").post(
        f"/incidents/{incident.code}/send", {"person": str(stranger.id)}
    )

    assert answer.status_code == 422
    assert world.reading(Incident, incident.id).lead_id is None


def test_a_viewer_looks_and_has_no_buttons(world):
    incident = world.incident()
    viewer, path = world.browser("viewer"), f"/incidents/{incident.code}"

    page = viewer.get(path).text

    assert f'action="{path}/' not in page
    assert viewer.post(f"{path}/note", {"note": "x"}).status_code == 403


def test_the_loser_of_two_steps_is_told_what_happened(world):
    incident = world.incident()
    duty = world.browser("duty")
    with world.writing() as session:
        row = session.get_one(Incident, incident.id)
        row.move("verify", by=world.actor("engineer"), now=incident.opened_at)

    answer = duty.post(
        f"/incidents/{incident.code}/step",
        {"action": "dismiss", "version": f"{incident.version}-0"},
    )

    assert answer.status_code == 412
    assert "您填写期间发生了" in answer.text


def test_list_and_page_ask_the_database_a_bounded_number_of_times(world):
    incident = world.incident()
    for _ in range(8):
        world.incident()
    for code in ("C-07", "C-08", "C-09"):
        alert = world.alert(code=code)
        with world.writing() as session:
            row = session.get_one(Incident, incident.id)
            found = session.get_one(type(alert), alert.id)
            row.link([found], by=world.actor("duty"), now=incident.opened_at)
    for _ in range(4):
        world.finding(incident)
    duty = world.browser("duty")

    with counted(world.cast) as listed:
        duty.get("/incidents/")
    with counted(world.cast) as shown:
        duty.get(f"/incidents/{incident.code}")

    assert len(listed) <= 25, "\n".join(listed)
    assert len(shown) <= 40, "\n".join(shown)


@pytest.mark.parametrize("page", ["/incidents/", "/incidents/new"])
def test_both_languages_have_the_pages(world, page):
    world.incident()

    answer = world.browser("duty").get(f"{page}?lang=en")

    assert answer.status_code == 200 and "Incident" in answer.text
