"""The alert page: why, the evidence, and every button of the model, each saying what it did."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import delete

from models.contacts import Contact
from models.event import history
from models.reading import RecentReading
from models.registry import Site
from models.times import to_ms
from tests.webapp.cast import Cast
from tests.webapp.world import NOW, World, counted, make_world

MOST_QUERIES = 34  # open hours are made of readings, for which a page asks a few times


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


def page_of(world: World, code: str, role: str = "duty", language: str = "zh") -> str:
    answer = world.cast.signed_in(role).get(f"/alerts/{code}?lang={language}")
    assert answer.status_code == 200, answer.text[:500]
    return answer.text


def evidence(page: str) -> dict:
    found = re.search(r'class="evidence-data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def actions_of(world: World, code: str) -> list[str]:
    with world.store.reading() as session:
        return [event.action for event in history(session, "alert", world.alert(session, code).id)]


def test_the_page_says_what_happened_why_and_where_in_both_languages(world):
    code = world.raise_alert()

    zh, en = page_of(world, code), page_of(world, code, language="en")

    assert "裂缝宽度较基线变化 2.1 mm，限值 2.0 mm" in zh
    assert "tianning遗址 · 正殿 · 花脊" in zh
    assert "Crack width changed by 2.1 mm, limit 2.0 mm" in en
    assert "Jingang" not in en


def test_the_evidence_has_the_line_the_limits_and_the_rain(world):
    data = evidence(page_of(world, world.raise_alert()))

    assert len(data["t"]) == len(data["v"]) > 90
    assert [one["value"] for one in data["thresholds"]] == [1.7, 2.4, 3.4]
    assert sum(mm for _, mm in data["rain"]) == pytest.approx(24.0)
    assert data["alerts"][-1]["severity"] == "critical"


def test_a_gap_in_the_readings_is_a_gap_in_the_line(world):
    code = world.raise_alert()
    with world.writing() as session:
        sensor = world.sensor(session)
        noon = to_ms(NOW - timedelta(hours=6))
        session.execute(
            delete(RecentReading).where(
                RecentReading.sensor == sensor.key,
                RecentReading.at_ms.between(noon, noon + 2 * 3_600_000),
            )
        )

    data = evidence(page_of(world, code))

    assert None in data["v"][-40:]


def test_an_alert_is_found_by_its_id_as_well(world):
    code = world.raise_alert()
    with world.store.reading() as session:
        number = world.alert(session, code).id

    assert code in page_of(world, str(number))


def test_acknowledging_is_one_tap_and_is_recorded(world):
    code = world.raise_alert()

    answer = world.cast.signed_in("duty").post(f"/alerts/{code}/acknowledge", {"version": "1"})

    assert answer.status_code == 303
    assert actions_of(world, code)[-1] == "acknowledge"
    assert "已确认" in page_of(world, code)


def test_a_form_about_an_older_version_is_refused_and_told(world):
    code = world.raise_alert()

    answer = world.cast.signed_in("duty").post(f"/alerts/{code}/acknowledge", {"version": "7"})

    assert answer.status_code == 412
    assert "acknowledge" not in actions_of(world, code)


def test_the_buttons_are_those_of_the_model(world):
    red, yellow = world.raise_alert("critical"), world.raise_alert("medium", "C-02")

    assert "/dismiss" not in page_of(world, red)
    assert "/shelve" not in page_of(world, red)
    assert "/dismiss" in page_of(world, yellow)
    assert "/shelve" in page_of(world, yellow)
    assert "/acknowledge" not in page_of(world, yellow, "viewer")


def test_a_viewer_may_look_and_nothing_else(world):
    code = world.raise_alert()

    assert world.cast.signed_in("viewer").post(f"/alerts/{code}/acknowledge").status_code == 403


def test_dismissing_asks_for_a_reason_and_labels_false(world):
    code = world.raise_alert("medium")
    duty = world.cast.signed_in("duty")

    empty = {"kind": "animal", "note": " ", "_form": "dismiss"}
    refused = duty.post(f"/alerts/{code}/dismiss", empty)
    assert refused.status_code == 422
    assert "请填写此项" in refused.text

    duty.post(f"/alerts/{code}/dismiss", {"kind": "animal", "note": "松鼠碰到传感器"})
    with world.store.reading() as session:
        alert = world.alert(session, code)
        assert (alert.label, alert.state(NOW)) == ("false", "shelved")
        assert "松鼠" in alert.label_note


def test_the_confirm_page_of_a_red_alert_says_why_it_can_not_be_dismissed(world):
    code = world.raise_alert("critical")

    page = world.cast.signed_in("duty").get(f"/alerts/{code}/dismiss").text

    assert "红色告警不能搁置或排除" in page
    assert "<textarea" not in page


def test_sending_somebody_names_him_on_the_page(world):
    code, keeper = world.raise_alert(), world.cast.user("keeper")
    duty = world.cast.signed_in("duty")

    assert duty.post(f"/alerts/{code}/assign", {"person": "nobody"}).status_code == 422
    assert duty.post(f"/alerts/{code}/assign", {"person": str(keeper.id)}).status_code == 303

    with world.store.reading() as session:
        assert world.alert(session, code).assignee_id == keeper.id
    assert "Ana keeper" in page_of(world, code, "viewer")


def test_shelving_needs_a_reason_and_ends_by_itself(world):
    code = world.raise_alert("low")
    duty = world.cast.signed_in("duty")

    assert duty.post(f"/alerts/{code}/shelve", {"hours": "2", "why": ""}).status_code == 422
    assert duty.post(f"/alerts/{code}/shelve", {"hours": "99", "why": "x"}).status_code == 422
    duty.post(f"/alerts/{code}/shelve", {"hours": "2", "why": "现场在施工"})

    with world.store.reading() as session:
        assert world.alert(session, code).shelved_until == NOW + timedelta(hours=2)
    assert "已搁置" in world.cast.signed_in("duty").get("/").text


def test_an_episode_that_is_over_is_labelled_with_its_reason(world):
    code = world.raise_alert("high")
    duty = world.cast.signed_in("duty")
    early = duty.post(f"/alerts/{code}/close", {"label": "real", "label_note": "x"})
    assert early.status_code == 409

    world.clear(code)
    duty.post(f"/alerts/{code}/acknowledge")
    duty.post(f"/alerts/{code}/close", {"label": "real", "label_note": "花脊开裂属实"})

    with world.store.reading() as session:
        assert world.alert(session, code).label == "real"


def test_a_latch_is_let_go_only_with_what_an_inspection_found(world):
    code = world.raise_alert("high")
    with world.writing() as session:
        alert = world.alert(session, code)
        alert.active, alert.latched, alert.acknowledged = False, True, True
    duty = world.cast.signed_in("duty")

    assert duty.post(f"/alerts/{code}/reset", {"inspection": ""}).status_code == 422
    duty.post(f"/alerts/{code}/reset", {"inspection": "脊未松动"})

    with world.store.reading() as session:
        assert not world.alert(session, code).live


def test_the_zone_can_be_closed_in_one_tap_with_the_radius_proposed(world):
    code = world.raise_alert()

    page = page_of(world, code)
    assert "建议警戒半径 9.2" in page
    zone = re.search(r'name="zone" value="([^"]+)"', page)
    assert zone
    answer = world.cast.signed_in("duty").post(
        "/closures/close", {"zone": zone[1], "alert": _id_in(page, "alert")}
    )

    assert answer.status_code == 303
    assert "已封闭" in page_of(world, code)


def _id_in(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found
    return found[1]


def test_those_on_the_call_list_can_be_dialled_and_what_came_of_it_is_kept(world):
    code = world.raise_alert()
    with world.writing() as session:
        site = session.get_one(Site, world.cast.site_id)
        contact = Contact(
            site_id=site.id, name="张主任", role={"zh": "值班局长", "en": "Bureau"}, phone="+86 1"
        )
        session.add(contact)
        session.flush()
        key = str(contact.id)

    assert 'href="tel:+861"' in page_of(world, code)
    duty = world.cast.signed_in("duty")
    duty.post(f"/alerts/{code}/call", {"contact": key, "outcome": "reached"})

    assert actions_of(world, code)[-1] == "call"


def test_a_silent_sensor_is_shown_as_unknown_never_normal(world):
    code = world.raise_alert()
    world.silence()
    with world.writing() as session:
        world.alert(session, code).unknown = True

    page = page_of(world, code, language="en")

    assert "sensor unknown" in page
    assert "unknown: nothing heard" in page


def test_the_list_filters_by_the_address_and_pages(world):
    codes = [world.raise_alert("low", "C-01", rule=f"RULE-{number:02d}") for number in range(53)]
    world.raise_alert("critical", "C-02")
    duty = world.cast.signed_in("duty")

    first = duty.get("/alerts/?severity=low").text
    assert "critical" not in re.sub(r"<select.*?</select>", "", first[first.index("<tbody") :])
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = duty.get(following[1].replace("&amp;", "&")).text

    shown = [code for code in codes if f"/alerts/{code}" in first]
    assert len(shown) == 50
    assert sum(f"/alerts/{code}" in second for code in codes) == 3


def test_an_alert_of_a_site_that_is_not_mine_is_not_there(world):
    code = world.raise_alert()

    assert world.cast.signed_in("contractor").get(f"/alerts/{code}").status_code in (403, 404)


def test_an_alert_page_takes_few_queries(cast):
    world = make_world(cast, sensors_each=20, days=3)
    code = world.raise_alert()
    world.cast.signed_in("duty").post(
        f"/alerts/{code}/assign", {"person": str(world.cast.user("keeper").id)}
    )
    browser = world.cast.signed_in("duty")

    with counted(world.store) as sent:
        assert browser.get(f"/alerts/{code}").status_code == 200

    assert len(sent) <= MOST_QUERIES, "\n".join(sent)


def test_the_series_has_an_etag_and_is_for_those_who_see_the_sensor(world):
    duty = world.cast.signed_in("duty")

    answer = duty.get("/series/tianning/C-01.json?since=2022-03-20T05:00:00Z")
    again = duty.get(
        "/series/tianning/C-01.json?since=2022-03-20T05:00:00Z",
        headers={"If-None-Match": answer.headers["ETag"]},
    )

    assert len(answer.json["t"]) == 96
    assert again.status_code == 304
    assert world.cast.signed_in("contractor").get("/series/tianning/C-01.json").status_code == 404
    bad = duty.get(
        "/series/tianning/C-01.json?since=yesterday", headers={"Accept": "application/json"}
    )
    assert bad.status_code == 422


def test_what_stands_is_listed_worst_first_page_by_page(world, monkeypatch):
    monkeypatch.setattr("webapp.alerts.PER_PAGE", 2)
    monkeypatch.setattr("webapp.listing.next_page.__defaults__", (2,))
    ages = {"low": 1, "critical": 30, "medium": 2, "high": 20}
    for severity, minutes in ages.items():
        world.raise_alert(severity, rule=f"X-{severity}", at=NOW - timedelta(minutes=minutes))
    duty, path, seen = world.cast.signed_in("duty"), "/alerts/", []

    for _ in range(2):
        page = duty.get(path).text
        seen += re.findall(r'href="/alerts/X-(\w+)-tianning-C-01-1"', page)
        following = re.search(r'href="(/alerts/\?[^"]*before=[^"]+)"', page)
        path = unescape(following[1]) if following else path

    assert list(dict.fromkeys(seen)) == ["critical", "high", "medium", "low"]


def test_a_form_that_names_no_version_is_refused(world):
    code = world.raise_alert()

    answer = world.cast.signed_in("duty").post(f"/alerts/{code}/acknowledge", {"version": ""})

    assert answer.status_code == 412
    assert "acknowledge" not in actions_of(world, code)
