"""Heavy rain and unknown weather stop scaffolds, their tasks and the permits, once per occasion."""

import pytest
from sqlalchemy import select

from models.event import Event
from models.hold import (
    gauges_silent_since,
    has_standing_scaffold,
    hold_for_rain,
    hold_for_unknown_weather,
    is_heavy,
)
from models.inspection import inspect, move
from models.notice import Notice
from models.permit import PERMIT, issue_permit
from models.reasons import Reason
from models.scaffold import Scaffold
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
