"""Rain, unknown weather and a tag that ran out stop what is under way, once per occasion."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.errors import Refusal
from models.event import Event
from models.hold import (
    gauges_silent_since,
    has_standing_scaffold,
    hold_for_rain,
    hold_for_unknown_weather,
    is_heavy,
    pause_on_red_tags,
)
from models.inspection import inspect, move
from models.notice import Notice
from models.permit import PERMIT, issue_permit
from models.reasons import Reason
from models.scaffold import INSPECT_EVERY, UNUSED_AFTER, Scaffold
from models.task import Task
from models.workflow import actions_from
from tests.models.house import ITEMS, House, after, says
from tests.models.test_scaffold import NOW, standing


def busy(house: House) -> tuple[Scaffold, Task]:
    """Return a green scaffold with work in progress on it."""
    scaffold = standing(house)
    task = house.task(scaffold.project, scaffold=scaffold)
    task.move("permit", by=house.manager, now=NOW)
    task.move("start", by=house.foreman, now=NOW)
    return scaffold, task


@pytest.mark.parametrize(
    ("state", "actions"),
    {
        "active": ("suspend", "close_out"),
        "suspended": ("reinstate", "close_out"),
        "closed_out": (),
    }.items(),
)
def test_each_state_of_a_permit_offers_exactly_its_actions(
    state: str, actions: tuple[str, ...]
) -> None:
    assert actions_from(PERMIT, state) == actions


@pytest.mark.parametrize(
    ("sums", "hours"),
    [
        ({"12": 15.0, "24": 15.0}, "12"),
        ({"12": 14.9, "24": 25.0}, "24"),
        ({"12": 14.9, "24": 24.9}, None),
        ({}, None),
        ({"12": None, "24": 30.0}, "24"),
    ],
)
def test_the_limits_of_heavy_rain_are_met_exactly(
    sums: dict[str, float | None], hours: str | None
) -> None:
    assert is_heavy(sums) == hours


def test_heavy_rain_stops_scaffold_task_and_permit_and_tells_the_company(house: House) -> None:
    scaffold, task = busy(house)
    permit = issue_permit(
        house.session,
        house.site,
        persons=["Luo"],
        purpose="ridge",
        since=NOW,
        until=after(days=1),
        task=task,
        by=house.manager,
        now=NOW,
    )
    rain = house.rain(NOW, None, h12=16.0)

    held = hold_for_rain(house.session, house.site, rain, rain.sums, after(hours=5))

    assert held == [scaffold]
    assert (scaffold.tag(after(hours=5)).colour, task.state) == ("red", "paused")
    assert (task.paused_why, permit.state) == ("weather", "suspended")
    rows = house.session.scalars(select(Event).where(Event.action == "hold")).all()
    assert [row.subject_code for row in rows] == [scaffold.code, task.code]
    notices = house.session.scalars(select(Notice)).all()
    assert {one.address for one in notices} == {"luo@example.org", "mei@example.org"}
    assert "16.0" in says(Reason.from_json(notices[0].reason))[0]


def test_a_storm_stops_a_scaffold_once_however_often_the_rain_is_added_up(house: House) -> None:
    scaffold, _ = busy(house)
    rain = house.rain(NOW, None, h12=16.0)
    hold_for_rain(house.session, house.site, rain, rain.sums, after(hours=5))
    inspect(scaffold, ITEMS, by=house.supervisor, now=after(hours=6))

    again = hold_for_rain(house.session, house.site, rain, {"12": 40.0}, after(hours=7))
    next_storm = house.rain(after(days=2), None, h24=25.0)
    other = hold_for_rain(house.session, house.site, next_storm, next_storm.sums, after(days=2))

    assert again == [] and other == [scaffold]
    assert [one.kind for one in scaffold.inspections] == [
        "handover",
        "after_weather",
        "after_weather",
    ]


def test_an_inspection_after_rain_never_begins_the_seven_days_anew(house: House) -> None:
    scaffold, task = busy(house)
    due_at = scaffold.next_due_at
    rain = house.rain(NOW, None, h12=16.0)
    hold_for_rain(house.session, house.site, rain, rain.sums, after(days=5))

    inspect(scaffold, ITEMS, by=house.supervisor, now=after(days=5))

    assert scaffold.next_due_at == due_at
    assert scaffold.tag(after(days=5)).colour == "green"
    assert task.state == "paused"  # somebody has to resume it


def test_moderate_rain_stops_nothing(house: House) -> None:
    scaffold, task = busy(house)
    rain = house.rain(NOW, None, h12=14.9, h24=24.9)

    assert hold_for_rain(house.session, house.site, rain, rain.sums, after(hours=5)) == []
    assert (scaffold.state, task.state) == ("handed_over", "in_progress")


def test_a_struck_scaffold_needs_no_inspection(house: House) -> None:
    scaffold = standing(house)
    move(scaffold, "dismantle", by=house.foreman, now=NOW)
    move(scaffold, "strike", by=house.foreman, now=NOW)
    rain = house.rain(NOW, None, h12=16.0)

    assert not has_standing_scaffold(house.session, house.site.id)
    assert hold_for_rain(house.session, house.site, rain, rain.sums, after(hours=5)) == []


def test_an_altered_scaffold_gets_its_inspection_too(house: House) -> None:
    scaffold = standing(house)
    move(scaffold, "alter", note="lift removed", by=house.foreman, now=NOW)
    rain = house.rain(NOW, None, h12=16.0)

    hold_for_rain(house.session, house.site, rain, rain.sums, after(hours=5))
    inspect(scaffold, ITEMS, by=house.supervisor, now=after(hours=6))

    assert [one.state for one in scaffold.inspections] == ["passed", "passed", "passed"]
    assert scaffold.tag(after(hours=6)).colour == "green"


def test_unknown_weather_holds_as_rain_does_and_once(house: House) -> None:
    gauge = house.sensor("R-01", "rain_total", building=None, element=None, serves=["tianning"])
    scaffold, task = busy(house)
    assert gauges_silent_since(house.session, house.site) is None
    house.silences(gauge, after(hours=1))

    held = hold_for_unknown_weather(house.session, house.site, after(hours=2))
    again = hold_for_unknown_weather(house.session, house.site, after(hours=3))

    assert gauges_silent_since(house.session, house.site) == after(hours=1)
    assert (held, again) == ([scaffold], [])
    why = scaffold.tag(after(hours=2)).why
    assert (task.paused_why, why.code) == ("weather", "hold.weather_unknown")


def test_one_gauge_that_reports_is_enough_to_know_the_weather(house: House) -> None:
    silent = house.sensor("R-01", "rain_total")
    house.sensor("R-02", "rain_total")
    house.silences(silent, after(hours=1))

    assert gauges_silent_since(house.session, house.site) is None


# A tag that turns red by time alone.


@pytest.mark.parametrize(
    ("used", "due", "code"),
    [
        (timedelta(0), INSPECT_EVERY, "hold.overdue"),
        (-UNUSED_AFTER, timedelta(days=400), "hold.unused"),
    ],
    ids=["overdue", "unused"],
)
def test_work_stops_with_the_tag_that_ran_out_and_the_company_is_told(
    house: House, used: timedelta, due: timedelta, code: str
) -> None:
    scaffold, task = busy(house)
    scaffold.used_at, scaffold.next_due_at = NOW + used, NOW + due
    ends = min(scaffold.next_due_at, scaffold.used_at + UNUSED_AFTER)
    red = ends + timedelta(seconds=1)

    assert pause_on_red_tags(house.session, NOW) == red
    assert pause_on_red_tags(house.session, ends) == red
    assert task.state == "in_progress"

    for _ in range(2):
        assert pause_on_red_tags(house.session, red) is None
        house.session.flush()

    assert (task.state, task.paused_why) == ("paused", "other")
    assert scaffold.state == "handed_over"  # time alone stores nothing
    mails = house.session.scalars(select(Notice).where(Notice.kind == "hold")).all()
    assert [one.role for one in mails] == ["contractor"] * 2
    for mail in mails:
        assert mail.reason["code"] == code.replace("hold.", "hold.notice_")
        assert all(scaffold.code in told for told in says(Reason.from_json(mail.reason)))


def test_who_inspects_in_time_works_on_and_a_resumed_task_stops_once_more(house: House) -> None:
    scaffold, task = busy(house)
    first = NOW + INSPECT_EVERY
    inspect(scaffold, ITEMS, by=house.supervisor, now=first)
    assert pause_on_red_tags(house.session, first + timedelta(days=1)) is not None
    assert task.state == "in_progress"

    late = first + INSPECT_EVERY + timedelta(minutes=1)
    pause_on_red_tags(house.session, late)
    with pytest.raises(Refusal):
        task.move("resume", by=house.foreman, now=late)
    inspect(scaffold, ITEMS, by=house.supervisor, now=late)
    task.move("resume", by=house.foreman, now=late)
    assert task.state == "in_progress"
    pause_on_red_tags(house.session, late + INSPECT_EVERY + timedelta(minutes=1))

    assert task.state == "paused"
    assert len(house.session.scalars(select(Notice).where(Notice.kind == "hold")).all()) == 4


def test_work_that_needs_no_scaffold_and_green_ones_go_on(house: House) -> None:
    scaffold, task = busy(house)
    ground = house.task(scaffold.project)
    ground.move("permit", by=house.manager, now=NOW)
    ground.move("start", by=house.foreman, now=NOW)

    pause_on_red_tags(house.session, NOW + INSPECT_EVERY + timedelta(minutes=1))

    assert (task.state, ground.state) == ("paused", "in_progress")
