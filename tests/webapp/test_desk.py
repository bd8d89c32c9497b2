"""The desk says what needs somebody now, and never looks calm without fresh data."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.heartbeat import Heartbeat
from models.notice import Notice
from models.people import Membership
from models.reading import SensorState
from models.reasons import reason
from tests.webapp.cast import Cast
from tests.webapp.world import NOW, World, counted, make_world

MOST_QUERIES = 25


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


def desk(world: World, role: str = "duty", language: str = "zh") -> str:
    page = world.cast.signed_in(role).get(f"/?lang={language}")
    assert page.status_code == 200
    return page.text


def test_a_calm_desk_says_so(world):
    assert "没有待处置的告警" in desk(world)
    assert "Nothing needs action" in desk(world, language="en")


def test_the_heading_counts_what_waits_by_level(world):
    world.raise_alert("critical", "C-01")
    world.raise_alert("high", "C-02")

    assert "<h1>1条红色、1条橙色告警等待处置</h1>" in desk(world)
    assert "<h1>1 red, 1 orange alerts need action</h1>" in desk(world, language="en")


def test_the_worst_comes_first_and_has_the_one_primary_button(world):
    low, worst = world.raise_alert("low", "C-02"), world.raise_alert("critical", "C-01")

    page = desk(world)

    table = page[page.index('id="triage"') : page.index('id="desk-sites"')]
    assert table.index(worst) < table.index(low)
    assert table.count("btn sm primary") == 1


def test_an_acknowledged_alert_stays_on_the_desk_in_hand(world):
    code = world.raise_alert("high")
    world.cast.signed_in("duty").post(f"/alerts/{code}/acknowledge", {"next": "/"})

    page = desk(world)

    assert "1条告警处置中" in page
    assert code in page


def test_a_dead_ingester_is_never_calm(world):
    with world.writing() as session:
        session.get_one(Heartbeat, "ingest").beat_at -= timedelta(minutes=5)

    page = desk(world)

    assert "没有待处置的告警" not in page
    assert "数据中断，现状不明" in page
    assert "采集进程已停止" in page
    assert "not-fresh" in page


def test_old_data_are_never_calm_though_the_ingester_lives(world):
    with world.writing() as session:
        for state in session.scalars(select(SensorState)):
            state.heard_ms -= 30 * 60_000

    page = desk(world)

    assert "数据中断，现状不明" in page
    assert "数据过旧" in page


def test_a_silent_sensor_is_counted_as_unknown_and_its_site_is_not_normal(world):
    world.silence()

    page = desk(world)

    assert "1个传感器无数据" in page
    tile = page[page.index("/sites/tianning") :]
    assert "lv-unknown" in tile[: tile.index("</a>")]


def test_a_sensor_that_is_late_or_tells_only_of_long_ago_is_not_among_those_with_data(world):
    with world.writing() as session:
        state = session.get_one(SensorState, world.sensor(session).key)
        state.at_ms -= 6 * 3_600_000  # it speaks, but its clock is wrong

    page = desk(world)

    assert "1个传感器数据过时" in page and "全部有数据" not in page


def test_rain_of_the_last_day_is_told_for_each_site(world):
    assert desk(world).count("20.0") >= 3


def test_what_waits_besides_alerts_is_counted(world):
    world.hear_channel()
    world.quarantine(b"{")
    with world.writing() as session:
        session.add(
            Notice(
                key="k",
                kind="page",
                channel="email",
                state="failed",
                created_at=NOW,
                next_try_at=NOW,
                reason=reason("any.stale").to_json(),
            )
        )

    page = desk(world)

    for words in ("未认领通道", "隔离报文", "发送失败的通知"):
        assert words in page


def test_a_desk_of_sixty_sensors_takes_few_queries(cast):
    world = make_world(cast, sensors_each=20, days=3)
    for number in range(1, 9):
        world.raise_alert("high", f"C-{number:02d}")
        world.raise_alert("medium", f"C-{number:02d}", "tower")
    browser = world.cast.signed_in("manager")

    with counted(world.store) as sent:
        assert browser.get("/").status_code == 200

    assert len(sent) <= MOST_QUERIES, "\n".join(sent)


def test_a_contractor_is_sent_to_his_own_page(world):
    answer = world.cast.signed_in("contractor").get("/")

    assert answer.status_code == 302
    assert answer.location != "/"


def test_an_alert_of_another_site_is_not_on_the_desk_of_one_who_may_not_see_it(world):
    code = world.raise_alert("critical", site="tower")
    keeper = world.cast.user("keeper")
    with world.writing() as session:
        mine = select(Membership).where(Membership.user_id == keeper.id)
        session.scalars(mine).one().site_ids = [str(world.cast.site_id)]

    page = desk(world, "keeper")

    assert code not in page
    assert "tower遗址" not in page
