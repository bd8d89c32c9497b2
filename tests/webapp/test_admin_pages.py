"""Rules, quarantine, channels, registry, events and outbox: for engineers and administrators."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from models.job import Job
from models.notice import Notice
from models.reasons import reason
from models.registry import Site
from models.sensor import Sensor
from models.times import to_ms
from models.turned_away import TurnedAway
from tests.webapp.cast import Cast
from tests.webapp.world import NOW, World, make_world


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


def text_of(world: World, role: str, path: str) -> str:
    answer = world.cast.signed_in(role).get(path)
    assert answer.status_code == 200, answer.text[:300]
    return answer.text


def test_a_rule_is_said_in_both_languages_whoever_reads(world):
    page = text_of(world, "engineer", "/rules/CRACK")

    assert "当裂缝宽度相对基线的变化达到" in page
    assert "Crack width, change from its baseline" in page


def test_all_rules_can_be_read(world):
    page = text_of(world, "engineer", "/rules/?lang=en")

    for code in ("CRACK", "CRACK-RATE", "R1", "X1"):
        assert f"/rules/{code}" in page
        assert world.cast.signed_in("viewer").get(f"/rules/{code}").status_code == 200


def test_a_backtest_tells_what_a_rule_would_have_said(world):
    page = text_of(world, "engineer", "/rules/R1?sensor=tianning/R-01&days=7&lang=en")

    assert "It would have raised 1 alert" in page


def test_a_backtest_of_a_calm_crack_finds_nothing(world):
    page = text_of(world, "engineer", "/rules/CRACK?sensor=tianning/C-01&days=7&lang=en")

    assert "It would have raised 0 alerts" in page


def test_a_payload_is_shown_as_text_and_does_nothing(world):
    number = world.quarantine(b'{"bn":"<script>alert(1)</script>"')

    page = text_of(world, "engineer", f"/quarantine/{number}")

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "x/&lt;b&gt;/senml" in page


def test_a_payload_that_is_no_text_is_shown_in_hexadecimal(world):
    number = world.quarantine(b"\x00\xff\xfe hello")

    page = text_of(world, "engineer", f"/quarantine/{number}")

    assert "000000  00 ff fe 20 68 65 6c 6c 6f" in page


def test_reading_again_is_asked_of_the_ingester(world):
    number = world.quarantine(b"{")
    engineer = world.cast.signed_in("engineer")

    assert engineer.post(f"/quarantine/{number}/again").status_code == 303
    assert engineer.post("/quarantine/again").status_code == 303

    with world.store.reading() as session:
        asked = [(job.kind, job.arguments["ids"]) for job in session.scalars(select(Job))]
    assert asked == [("decode-again", [number])] * 2
    assert world.cast.signed_in("duty").post(f"/quarantine/{number}/again").status_code == 403


NEW = {
    "device": "node-9", "channel": "crack", "sensor": "", "site": "tianning", "code": "C-03",
    "quantity": "crack_width", "unit": "mm", "interval_s": "900",
}  # fmt: skip


def test_a_channel_is_claimed_as_a_new_sensor_with_what_is_proposed(world):
    world.hear_channel(device="tianning-node-9")
    engineer = world.cast.signed_in("engineer")
    assert "Claim as new sensor C-03" in engineer.get("/channels/?lang=en").text

    answer = engineer.post("/channels/claim", {**NEW, "device": "tianning-node-9"})

    assert answer.status_code == 303
    with world.store.reading() as session:
        added = world.sensor(session, "C-03")
        assert (added.quantity, added.interval_s) == ("crack_width", 900)
        assert (added.epochs[-1].device, added.epochs[-1].channel) == ("tianning-node-9", "crack")
    assert engineer.get("/sensors/tianning/C-03").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"code": "C-01"},
        {"code": "no good"},
        {"quantity": ""},
        {"unit": "V"},
        {"site": "elsewhere"},
        {"interval_s": "0"},
    ],
)
def test_a_new_sensor_that_can_not_be_is_refused(world, change):
    world.hear_channel()

    name = {"_form": "node-9/crack"}
    answer = world.cast.signed_in("engineer").post("/channels/claim", {**NEW, **name, **change})

    assert answer.status_code == 422
    for field, typed in change.items():
        assert 'class="claim-fields"><p class="error"' in answer.text
        if field in ("code", "unit"):
            assert f'id="f-{field}" value="{typed}"' in answer.text
    with world.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Sensor)) == 9


def test_a_refused_claim_leads_back_to_the_page_that_it_came_from(world):
    world.hear_channel()
    engineer = world.cast.signed_in("engineer")

    refused = engineer.post("/channels/claim", {**NEW, "code": "no good"}).text
    came = {"Referer": "http://localhost/channels/?claimed=no"}
    from_page = engineer.post("/channels/claim", {**NEW, "code": "no good"}, headers=came).text

    assert 'name="next" value="/channels/"' in refused
    assert 'data-live-from="/channels/"' in refused
    assert 'name="next" value="/channels/?claimed=no"' in from_page


def test_who_installs_but_does_not_claim_is_led_to_the_installing(world):
    world.hear_channel()

    keeper = world.cast.signed_in("keeper").get("/channels/").text
    viewer = world.cast.signed_in("viewer").get("/channels/").text

    assert "/install/channel?device=node-9" in keeper and "/channels/claim" not in keeper
    assert "/install/channel" not in viewer


def test_an_unclaimed_channel_proposes_sensors_that_fit_and_is_claimed(world):
    world.hear_channel()
    with world.writing() as session:
        sensor = world.sensor(session)
        spare = Sensor(
            key=999, site_id=sensor.site_id, code="C-09", quantity="crack_width", unit="mm"
        )
        session.add(spare)
        session.flush()
        key = str(spare.id)
    engineer = world.cast.signed_in("engineer")

    page = engineer.get("/channels/").text
    choices = page[page.index('<select name="sensor"') :]
    assert choices.index("C-09") < choices.index("C-01")
    assert "R-01" not in choices[: choices.index("</select>")]

    fields = {"device": "node-9", "channel": "crack", "sensor": key}
    answer = engineer.post("/channels/claim", fields)
    assert answer.status_code == 303
    assert "没有未认领的通道" in engineer.get("/channels/").text


def test_claiming_for_a_sensor_that_is_not_there_is_told(world):
    world.hear_channel()
    engineer = world.cast.signed_in("engineer")

    fields = {"device": "node-9", "channel": "crack", "sensor": "x"}
    assert engineer.post("/channels/claim", fields).status_code == 422


def test_the_registry_is_taken_away_and_loaded_again_without_a_change(world):
    admin = world.cast.signed_in("admin")

    content = admin.get("/registry/registry.json").text
    answer = admin.post("/registry/load", {"text": content})

    assert len(json.loads(content)["sites"]) == 3
    assert answer.status_code == 200
    assert "没有改动" in answer.text


def test_a_faulty_registry_file_is_told_line_by_line_and_changes_nothing(world):
    text = '{"sites": [\n {"code": "new", "name": {"zh": "新"}, "timezone": "Mars/Base"}\n]}'

    answer = world.cast.signed_in("admin").post("/registry/load", {"text": text})

    assert answer.status_code == 422
    assert "sites[0].timezone" in answer.text
    assert "Mars/Base" in answer.text
    with world.store.reading() as session:
        assert session.scalars(select(Site).where(Site.code == "new")).first() is None


def test_a_registry_file_adds_a_site(world):
    text = '{"sites": [{"code": "new", "name": {"zh": "新址", "en": "New"}}]}'

    answer = world.cast.signed_in("admin").post("/registry/load", {"text": text})

    assert "site:new" in answer.text
    assert world.cast.signed_in("admin").post("/registry/load", {}).status_code == 422
    assert world.cast.signed_in("manager").post("/registry/load").status_code == 403


def test_events_tell_who_did_what(world):
    code = world.raise_alert()
    world.cast.signed_in("duty").post(f"/alerts/{code}/acknowledge", {"note": "已看到"})

    page = text_of(world, "manager", f"/events/?kind=alert&code={code}")

    assert "Ana duty" in page
    assert "已看到" in page
    assert world.cast.signed_in("duty").get("/events/").status_code == 403


def test_a_notice_that_failed_says_why(world):
    code = world.raise_alert()
    with world.writing() as session:
        alert = world.alert(session, code)
        session.add(
            Notice(
                key="k", kind="page", channel="email", role="duty", state="failed", attempts=5,
                created_at=NOW, next_try_at=NOW, site_id=alert.site_id, alert_id=alert.id,
                severity="critical", reason=reason("alert.linked", incident="I-1").to_json(),
                failure=reason("notice.of_older_version").to_json(),
            )
        )  # fmt: skip

    page = text_of(world, "duty", "/notices/?state=failed")

    assert "发送失败" in page
    assert "并入事件 I-1" in page
    assert "notice.of_older_version" in page
    assert f"/alerts/{code}" in page


@pytest.mark.parametrize(
    "path",
    ["/rules/", "/quarantine/", "/channels/", "/events/", "/notices/", "/sensors/", "/registry/"],
)
def test_contractors_are_kept_out(world, path):
    assert world.cast.signed_in("contractor").get(path).status_code == 403


@pytest.mark.parametrize(("days", "told"), [(0, True), (1, True), (2, False)])
def test_names_that_were_turned_away_are_told_where_channels_are_listed(world, days, told):
    with world.writing() as session:
        day_ms = to_ms(NOW.replace(hour=0, minute=0, second=0) - timedelta(days=days))
        session.add(TurnedAway(day_ms=day_ms, names=41, readings=97, device="ghost", channel="x"))

    page = world.cast.signed_in("engineer").get("/channels/?lang=en").text

    assert ("41 names were turned away, with 97 readings" in page) == told
