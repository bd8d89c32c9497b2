"""The maintenance list: whose job, by when, what was done; desk, sensor and alert lead there."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.maintenance import Maintenance, open_maintenance
from models.people import machine
from models.reasons import reason
from models.times import iso
from tests.webapp.cast import Cast
from tests.webapp.world import NOW, World, counted, make_world


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


def need(world: World, code: str = "C-01", severity: str = "low", site: str = "tianning") -> str:
    """Put a silent sensor on the list."""
    with world.writing() as session:
        sensor = world.sensor(session, code, site)
        since = NOW - timedelta(hours=2)
        why = reason("maintenance.silent", sensor=code, since=iso(since))
        row = open_maintenance(
            session, sensor, "silent", severity, why,
            since=since, by=machine("clock"), now=NOW - timedelta(hours=5),
        )  # fmt: skip
        return row.code


def row(world: World, code: str) -> Maintenance:
    with world.store.reading() as session:
        return session.scalars(select(Maintenance).where(Maintenance.code == code)).one()


def version(world: World, code: str) -> str:
    return str(row(world, code).version)


def test_the_list_tells_what_is_late_and_the_desk_counts_it(world):
    need(world, "C-01", "high")
    need(world, "C-02")
    browser = world.cast.signed_in("duty")

    page = browser.get("/maintenance/?lang=en").text
    assert "2 to mend, 1 of them late" in page
    assert page.index("C-01") < page.index("C-02")  # due first
    assert "2, 1 late" in browser.get("/?lang=en").text


def test_a_duty_officer_gives_the_work_to_a_keeper_who_mends_it(world):
    code = need(world)
    keeper = world.cast.user("keeper")
    duty = world.cast.signed_in("duty")

    duty.post(f"/maintenance/{code}/assign", {"person": str(keeper.id), "due": "2022-03-22T09:00"})
    assert (row(world, code).state, row(world, code).owner_id) == ("assigned", keeper.id)
    seen = {"version": version(world, code)}
    answer = duty.post(f"/maintenance/{code}/mend", {"work": "cleaned", "note": "x", **seen})
    assert answer.status_code == 403
    answer = world.cast.signed_in("keeper").post(
        f"/maintenance/{code}/mend", {"work": "battery_changed", "note": "two new cells", **seen}
    )

    assert answer.status_code == 303
    done = row(world, code)
    assert (done.state, done.work, done.note) == ("done", "battery_changed", "two new cells")
    with world.writing() as session:
        epoch = world.sensor(session).epochs[-1]
        assert (epoch.kind, epoch.continues, epoch.note) == ("maintain", True, "two new cells")
    page = world.cast.signed_in("viewer").get(f"/maintenance/{code}?lang=en").text
    assert "Battery changed: two new cells" in page and "Ana keeper" in page


def test_a_form_that_lacks_something_keeps_what_was_typed(world):
    code = need(world)
    keeper = world.cast.signed_in("keeper")

    answer = keeper.post(
        f"/maintenance/{code}/mend",
        {"work": "re_zeroed", "note": "new zero", "_form": "mend", "version": version(world, code)},
    )

    assert answer.status_code == 422
    assert "new zero" in answer.text
    assert row(world, code).state == "open"


def test_a_form_about_an_older_state_is_refused(world):
    code, someone = need(world), world.cast.user("keeper")
    with world.writing() as session:
        mine = select(Maintenance).where(Maintenance.code == code)
        session.scalars(mine).one().assign(someone.id, by=machine("system"), now=NOW)

    answer = world.cast.signed_in("engineer").post(
        f"/maintenance/{code}/drop", {"why": "no", "version": "1-1"}
    )

    assert answer.status_code == 412


def test_the_pages_of_sensor_and_alert_lead_to_the_work(world):
    alert, code = world.raise_alert(), need(world)
    browser = world.cast.signed_in("viewer")

    assert f"/maintenance/{code}" in browser.get("/sensors/tianning/C-01").text
    assert f"/maintenance/{code}" in browser.get(f"/alerts/{alert}").text


def test_a_sensor_that_speaks_again_is_told_and_stays_on_the_list(world):
    code = need(world)

    page = world.cast.signed_in("keeper").get(f"/maintenance/{code}?lang=en").text

    assert "Heard again" in page and row(world, code).state == "open"


def test_a_clock_that_is_off_was_heard_all_the_time_and_is_set(world):
    with world.writing() as session:
        since = NOW - timedelta(hours=5)
        why = reason("maintenance.clock_off", sensor="C-01", since=iso(since))
        sensor, clock = world.sensor(session, "C-01", "tianning"), machine("clock")
        how = {"since": since, "by": clock, "now": NOW}
        code = open_maintenance(session, sensor, "clock_off", "low", why, **how).code

    page = world.cast.signed_in("keeper").get(f"/maintenance/{code}?lang=en").text

    assert "Clock off" in page and "Heard again" not in page
    assert '<option value="clock_set" selected>Clock set' in page


def test_the_work_of_another_site_is_not_found(world):
    code = need(world, site="tower")
    browser = world.cast.of_site("engineer", world.cast.site_id)

    assert browser.get(f"/maintenance/{code}").status_code == 404
    assert browser.post(f"/maintenance/{code}/drop", {"why": "x"}).status_code == 404
    assert code not in browser.get("/maintenance/").text


def test_a_long_list_asks_the_database_no_more_than_a_short_one(world):
    browser = world.cast.signed_in("duty")
    counts = []
    for codes in (("C-01",), ("C-02", "R-01")):
        for code in codes:
            need(world, code)
        with counted(world.store) as sent:
            browser.get("/maintenance/")
        counts.append(len(sent))

    assert counts[0] == counts[1]
