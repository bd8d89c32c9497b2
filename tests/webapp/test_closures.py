"""Closing with one tap, the notice, and the gate that lists what keeps the door shut."""

import re
from datetime import timedelta

import pytest

from models.amendment import complete
from models.base import bilingual
from models.closing import close_zone
from models.closure import Closure
from models.finding import Finding
from models.incident import Incident
from models.lifting import countersign, post, reassess, rectify, request_lift
from models.registry import Zone
from models.retirement import retire_sensor
from models.sensor import Sensor
from tests.webapp.response_world import World, as_typed, counted, make_world


@pytest.fixture
def world(cast):
    return make_world(cast)


def the_closure(world: World) -> Closure:
    with world.cast.store.reading() as session:
        return session.query(Closure).one()


def version_in(html: str) -> str:
    found = re.search(r'name="version" value="([^"]+)"', html)
    assert found
    return found[1]


def test_one_tap_closes_the_zone_and_shows_what_to_do_next(world):
    alert = world.alert()
    duty = world.browser("duty")

    answer = duty.post("/closures/close", {"zone": str(world.zone_id), "alert": str(alert.id)})

    closure = the_closure(world)
    assert (answer.status_code, answer.location) == (303, f"/closures/{closure.code}")
    assert (closure.state, closure.radius_m, closure.alert_id) == ("issued", 9.2, alert.id)
    page = duty.get(answer.location).text
    for next_step in ("人员撤离", "电话通知", "打印A4公告", "剩余复签时限", "已封闭并公告"):
        assert next_step in page


def test_an_alert_that_grew_since_the_tap_does_not_leave_the_door_open(world):
    alert = world.alert()

    answer = world.browser("duty").post(
        "/closures/close",
        {"zone": str(world.zone_id), "alert": str(alert.id), "version": str(alert.version + 7)},
    )

    assert answer.status_code == 303
    assert the_closure(world).in_force


def test_a_whole_building_is_closed_as_one_zone(world):
    world.browser("duty").post("/closures/close", {"zone": f"building:{world.building_id}"})

    zone = world.reading(Zone, the_closure(world).zone_id)
    assert zone.name == bilingual("金刚殿", "Jingang Hall")


def test_without_an_alert_the_duty_officer_says_why(world):
    duty = world.browser("duty")
    assert "金刚殿北侧" in duty.get("/closures/new?site=tianning").text

    duty.post("/closures/close", {"zone": str(world.zone_id), "explanation_zh": "瓦片坠落"})

    assert the_closure(world).explanation == {"zh": "瓦片坠落", "en": ""}


def test_a_form_without_a_zone_keeps_what_was_typed(world):
    answer = world.browser("duty").post("/closures/close", {"explanation_zh": "瓦片坠落"})

    assert answer.status_code == 422
    assert "请选择要封闭的区域" in answer.text
    assert "瓦片坠落" in answer.text


def test_a_second_tap_says_which_notice_stands(world):
    closure = world.closure()

    answer = world.browser("duty").post("/closures/close", {"zone": str(world.zone_id)})

    assert answer.status_code == 409
    assert f"已封闭（公告 {closure.code}）" in answer.text
    assert f'href="/closures/{closure.id}"' in answer.text


@pytest.mark.parametrize("role", ["keeper", "viewer", "engineer", "contractor"])
def test_only_duty_and_managers_close(world, role):
    answer = world.browser(role).post("/closures/close", {"zone": str(world.zone_id)})

    assert answer.status_code == 403
    with world.cast.store.reading() as session:
        assert session.query(Closure).count() == 0


def test_a_manager_countersigns_and_the_closer_himself_does_not(world):
    closure = world.closure(by="manager")

    manager = world.browser("manager")
    page = manager.get(f"/closures/{closure.code}").text
    refused = manager.post(f"/closures/{closure.code}/step", {"action": "countersign"})

    assert refused.status_code == 409
    assert page.count("须由另一人签字") >= 1
    assert "须由另一人签字" in refused.text


def test_the_countersignature_of_another_person_stops_the_clock(world):
    closure = world.closure(ago=timedelta(minutes=30))

    answer = world.browser("manager").post(
        f"/closures/{closure.code}/step", {"action": "countersign"}
    )

    assert answer.status_code == 303
    assert world.reading(Closure, closure.id).countersigned_at is not None
    assert "剩余复签时限" not in world.browser("manager").get(answer.location).text


def test_people_are_ticked_off_and_calls_are_noted_with_one_tap_each(world):
    closure, contact = world.closure(), world.contact()
    duty, path = world.browser("duty"), f"/closures/{closure.code}"

    duty.post(f"{path}/clear", {"place": "building:jingang"})
    duty.post(f"{path}/clear", {"place": "surroundings"})
    duty.post(f"{path}/call", {"contact": str(contact.id), "outcome": "agreed", "note": "锁门"})

    page = duty.get(path).text
    assert "全部确认无人" in page
    assert "已商定" in page and "锁门" in page
    assert 'href="tel:05135550101"' in page


def test_agreed_without_saying_what_is_no_agreement(world):
    closure, contact = world.closure(), world.contact()

    answer = world.browser("duty").post(
        f"/closures/{closure.code}/call", {"contact": str(contact.id), "outcome": "agreed"}
    )

    assert answer.status_code == 422


def test_posted_is_what_a_photo_shows(world):
    closure = world.closure()
    keeper = world.browser("keeper")

    before = keeper.post(f"/closures/{closure.code}/step", {"action": "post"})
    world.posting_photo(closure)
    after = keeper.post(f"/closures/{closure.code}/step", {"action": "post"})

    assert (before.status_code, after.status_code) == (409, 303)
    assert "请先上传现场张贴的照片" in before.text


def test_the_notice_is_completed_in_both_languages(world):
    closure = world.closure()
    manager, path = world.browser("manager"), f"/closures/{closure.code}/notice"

    answer = manager.post(
        path,
        {
            "version": version_in(manager.get(path).text),
            "closed_parts_zh": "金刚殿",
            "closed_parts_en": "Jingang Hall",
            "radius_m": "12,5",
            "phone": "0513-5550188",
        },
    )

    kept = world.reading(Closure, closure.id)
    assert answer.status_code == 303
    assert kept.closed_parts == bilingual("金刚殿", "Jingang Hall")
    assert kept.radius_m == 12.5
    assert kept.issuer == bilingual("文管所", "Office")  # a field that was not sent stays


def test_a_bad_notice_names_every_fault_and_loses_nothing(world):
    closure = world.closure()

    answer = world.browser("manager").post(
        f"/closures/{closure.code}/notice",
        {
            "hazard_zh": "瓦件坠落",
            "radius_m": "far",
            "until_at": "2001-01-01T00:00",
            "next_update_at": "soon",
        },
    )

    assert answer.status_code == 422
    for said in ("不是数字", "这个时间已经过去", "不是日期和时间", "瓦件坠落"):
        assert said in answer.text
    assert 'href="#f-radius_m"' in answer.text
    assert world.reading(Closure, closure.id).hazard is None


def test_what_hangs_at_the_gates_is_amended_with_a_reason_and_the_old_words_stay(world):
    closure = world.closure()
    world.posting_photo(closure)
    with world.writing() as session:
        row = session.get_one(Closure, closure.id)
        act = {"by": world.actor("manager"), "now": closure.began_at}
        complete(row, {"hazard": bilingual("瓦", "tiles")}, **act)
        post(row, **act)
    manager, path = world.browser("manager"), f"/closures/{closure.code}"

    without = manager.post(f"{path}/notice", {"hazard_zh": "砖"})
    manager.post(f"{path}/notice", {"hazard_zh": "砖", "why": "砖也会掉"})

    assert without.status_code == 422
    page = manager.get(path).text
    assert "<del>瓦</del>" in page and "<ins>砖</ins>" in page
    assert world.reading(Closure, closure.id).state == "amended"


def test_the_loser_of_two_changes_reads_what_the_other_did(world):
    closure = world.closure()
    duty = world.browser("duty")
    seen = version_in(duty.get(f"/closures/{closure.code}/notice").text)
    with world.writing() as session:
        row = session.get_one(Closure, closure.id)
        countersign(row, by=world.actor("manager"), now=closure.began_at)

    answer = duty.post(f"/closures/{closure.code}/notice", {"version": seen, "hazard_zh": "我的字"})

    assert answer.status_code == 412
    assert "您填写期间发生了" in answer.text and "复签" in answer.text
    assert "我的字" in answer.text


def ready(world: World) -> Closure:
    """Return a closure for which only the second signature is missing."""
    closure = world.closure()
    engineer, manager = world.actor("engineer"), world.actor("manager")
    with world.writing() as session:
        row = session.get_one(Closure, closure.id)
        reassess(row, "sound", by=engineer, now=closure.began_at)
        rectify(row, bilingual("已加固", "reinforced"), by=manager, now=closure.began_at)
        request_lift(row, "safe", by=engineer, now=closure.began_at)
    return closure


def test_everything_in_the_way_is_listed_with_its_page(world):
    alert, finding, closure = world.alert(), world.finding(), world.closure()

    page = world.browser("manager").get(f"/closures/{closure.code}").text

    for said in ("自 ", "尚未排险", "不可信", "尚未重新评估", "缺工程师签字", "缺第二人签字"):
        assert said in page
    assert f'href="/alerts/{alert.id}"' in page
    assert f'href="/findings/{finding.id}"' in page
    assert re.search(r'value="lift" disabled aria-describedby="why-lift"', page)
    assert "还有 6 项未满足，不能解除封闭" in page


def test_a_lift_that_is_refused_says_the_same_sentences_as_the_page(world):
    closure = world.closure()
    manager, path = world.browser("manager"), f"/closures/{closure.code}"

    blocked = re.findall(r'<ul class="reasons">(.*?)</ul>', manager.get(path).text, re.S)[0]
    refused = manager.post(f"{path}/step", {"action": "lift"})

    assert refused.status_code == 409
    assert world.reading(Closure, closure.id).in_force
    for sentence in re.findall(r"<span>([^<]+)</span>", blocked):
        assert sentence in refused.text


def test_the_engineer_asks_with_reassessment_and_statement(world):
    closure = world.closure()
    engineer, path = world.browser("engineer"), f"/closures/{closure.code}/papers/request_lift"

    empty = engineer.post(path, {})
    answer = engineer.post(path, {"reassessment": "sound", "statement": "safe to open"})

    assert empty.status_code == 422 and 'href="#f-reassessment"' in empty.text
    kept = world.reading(Closure, closure.id)
    assert answer.status_code == 303
    assert (kept.state, kept.reassessment) == ("lift_requested", "sound")


def test_the_second_person_opens_the_door(world):
    closure = ready(world)

    engineer = world.browser("engineer").post(f"/closures/{closure.code}/step", {"action": "lift"})
    manager = world.browser("manager").post(f"/closures/{closure.code}/step", {"action": "lift"})

    assert (engineer.status_code, manager.status_code) == (403, 303)
    assert world.reading(Closure, closure.id).state == "reopened"


def test_a_manager_refuses_and_the_signatures_are_void(world):
    closure = ready(world)

    world.browser("manager").post(
        f"/closures/{closure.code}/papers/refuse_lift", {"why": "props missing"}
    )

    kept = world.reading(Closure, closure.id)
    assert (kept.state, kept.lift_requested_by) == ("extended", None)


def test_the_override_first_shows_what_it_goes_against_and_stays_for_ever(world):
    closure = world.closure()
    manager, path = world.browser("manager"), f"/closures/{closure.code}"

    asked = manager.get(f"{path}/papers/override").text
    silent = manager.post(f"{path}/papers/override", {"why": " "})
    done = manager.post(f"{path}/papers/override", {"why": "the mayor's decision"})

    assert "永久保留" in asked and "缺工程师签字" in asked
    assert (silent.status_code, done.status_code) == (422, 303)
    page = manager.get(path).text
    assert "越权解除" in page and "the mayor&#39;s decision" in page
    assert "the mayor&#39;s decision" in world.cast.browser().get(f"/n/{closure.token}").text


@pytest.mark.parametrize("role", ["duty", "engineer"])
def test_only_a_manager_overrides(world, role):
    closure = world.closure()

    asked = world.browser(role).get(f"/closures/{closure.code}/papers/override")
    done = world.browser(role).post(f"/closures/{closure.code}/papers/override", {"why": "x"})

    assert (asked.status_code, done.status_code) == (403, 403)
    assert world.reading(Closure, closure.id).in_force


def test_a_lost_gauge_is_settled_by_the_engineers_statement(world):
    world.alert()
    closure = world.closure()
    with world.writing() as session:
        gauge = session.query(Sensor).one()
        retire_sensor(
            session, gauge, "destroyed", "fell", by=world.actor("engineer"), now=closure.began_at
        )
    engineer, path = world.browser("engineer"), f"/closures/{closure.code}"

    before = engineer.get(path).text
    engineer.post(f"{path}/sensors/C-07", {"statement": "the ridge is gone"})

    assert f'href="{path}/sensors/C-07"' in before
    after = engineer.get(path).text
    assert "须有替代传感器或工程师说明" not in after
    assert "the ridge is gone" in after


def test_extending_moves_the_end_and_keeps_the_site_clock(world):
    closure = world.closure()
    until = closure.began_at.replace(second=0, microsecond=0) + timedelta(days=3)

    world.browser("duty").post(
        f"/closures/{closure.code}/papers/extend",
        {"until_at": as_typed(until), "why": "not dry yet"},
    )

    kept = world.reading(Closure, closure.id)
    assert (kept.state, kept.until_at) == ("extended", until)


def test_a_closure_of_another_site_is_not_there(world):
    answer = world.browser("viewer").get("/closures/CN-1999-001")

    assert answer.status_code == 404


def test_closing_from_a_case_belongs_to_the_case(world):
    incident = world.incident()

    world.browser("duty").post(
        "/closures/close", {"zone": str(world.zone_id), "incident": incident.code}
    )

    assert the_closure(world).incident_id == world.reading(Incident, incident.id).id


def test_lists_and_page_ask_the_database_a_bounded_number_of_times(world):
    closure = world.closure()
    with world.writing() as session:
        site_zone = session.get_one(Zone, world.zone_id)
        for number in range(12):
            zone = Zone(
                code=f"z{number}",
                name=bilingual(f"Z{number}"),
                building_ids=[],
                element_ids=[],
                parent_ids=[],
                also_affects=[],
            )
            site_zone.site.zones.append(zone)
            session.flush()
            close_zone(session, zone, by=world.actor("duty"), now=closure.began_at)
    for code in ("C-07", "C-08", "C-09", "C-10"):
        world.alert(code=code)
    manager = world.browser("manager")

    with counted(world.cast) as listed:
        manager.get("/closures/")
    with counted(world.cast) as shown:
        manager.get(f"/closures/{closure.code}")

    assert len(listed) <= 25, "\n".join(listed)
    assert len(shown) <= 40, "\n".join(shown)


def test_what_an_engineer_may_fill_in_leads_to_its_page(world):
    closure = world.closure()

    page = world.browser("engineer").get(f"/closures/{closure.code}").text

    assert f'href="/closures/{closure.code}/papers/reassess"' in page
    assert f'href="/closures/{closure.code}/papers/rectify"' not in page


def test_a_finding_made_safe_is_no_longer_in_the_way(world):
    finding, closure = world.finding(), world.closure()

    world.browser("engineer").post(f"/findings/{finding.code}/step/make_safe", {"how": "netted"})

    assert world.reading(Finding, finding.id).state == "made_safe"
    assert "尚未排险" not in world.browser("manager").get(f"/closures/{closure.code}").text
