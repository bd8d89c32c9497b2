"""The gate: each thing in the way is listed, alone, and goes when it is dealt with."""

from collections.abc import Callable
from typing import Any

import pytest

from models.alert import Alert, Subject, Verdict, take
from models.base import bilingual
from models.closing import close_zone
from models.closure import Closure
from models.errors import Refusal
from models.finding import record_finding
from models.gate import blockers
from models.inspection import move
from models.lifting import rectify, request_lift, sign_lift, state_sensor
from models.people import machine
from models.reading import SensorState
from models.reasons import reason
from models.registry import Building, Element, Zone
from models.retirement import replace_sensor, retire_sensor
from models.zoning import proposed_radius_m, zone_scope, zones_with
from tests.models.house import NOW, House, after, says
from tests.models.test_scaffold import standing


def signed(house: House) -> Closure:
    """Return a closure with all its papers and both signatures."""
    closure = close_zone(house.session, house.zone, by=house.duty, now=NOW)
    rectify(closure, bilingual("已修", "Mended"), by=house.manager, now=NOW)
    request_lift(closure, "safe", reassessment="sound", by=house.engineer, now=NOW)
    sign_lift(closure, by=house.manager, now=NOW)
    return closure


def codes(house: House, closure: Closure, now: Any = NOW) -> list[str]:
    """Return the gate's list; every reason can be said, every one has its page."""
    found = blockers(house.session, closure, None, now)
    assert all(says(one.reason) and one.href.startswith("/") for one in found)
    return [one.reason.code for one in found]


def test_with_everything_done_nothing_is_in_the_way(house: House) -> None:
    assert codes(house, signed(house)) == []


def _task(house: House) -> None:
    house.task(house.project(), safety=True)


def _finding(house: House) -> None:
    record_finding(
        house.session,
        house.site,
        element_code="RF-RDG-F",
        damage="CRACK",
        grades=[{"scheme": "GB50165-92", "grade": "Ⅳ"}],
        element=house.ridge,
        by=house.engineer,
        now=NOW,
    )


def _alert(house: House) -> None:
    house.alert(house.sensor("C-07"))


def _latched(house: House) -> None:
    alert = house.alert(house.sensor("C-07"))
    alert.active, alert.latched = False, True


def _unknown(house: House) -> None:
    alert = house.alert(house.sensor("C-07"))
    alert.become_unknown(by=machine("rule"), now=NOW, why=reason("rule.any"))


def _unbelievable(house: House) -> None:
    house.hears(house.sensor("C-07"), NOW, value=None)


def _silent(house: House) -> None:
    house.silences(house.sensor("C-07"), NOW)


def _never_heard(house: House) -> None:
    sensor = house.sensor("C-07")
    house.session.delete(house.session.get_one(SensorState, sensor.key))
    house.session.flush()


def _serving_gauge(house: House) -> None:
    gauge = house.sensor("R-01", "rain_total", building=None, element=None, serves=["tianning"])
    house.silences(gauge, NOW)


def _retired(house: House) -> None:
    sensor = house.sensor("C-07")
    retire_sensor(house.session, sensor, "destroyed", "fell", by=house.engineer, now=NOW)


def _red_scaffold(house: House) -> None:
    move(house.scaffold(house.project()), "begin_erecting", by=house.foreman, now=NOW)


def _zone_alert(house: House) -> None:
    _raise(house, f"zone:tianning/{house.zone.code}", zone_id=house.zone.id)


def _site_alert(house: House) -> None:
    _raise(house, "site:tianning")


def _system_alert(house: House) -> None:
    _raise(house, "system:ingest", site_id=None)


def _raise(house: House, subject: str, **more: Any) -> Alert | None:
    told = Subject(subject, **({"site_id": house.site.id} | more))
    verdict = Verdict("X1", 1, "raised", "high", NOW, None, None, reason("rule.any"))
    return take(house.session, None, told, verdict, NOW, machine("rule"))[0]


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (_task, "gate.task_open"),
        (_finding, "gate.finding_not_safe"),
        (_alert, "gate.alert_active"),
        (_latched, "gate.alert_latched"),
        (_unknown, "gate.alert_unknown"),
        (_zone_alert, "gate.alert_active"),
        (_site_alert, "gate.alert_active"),
        (_system_alert, "gate.alert_active"),
        (_silent, "gate.sensor_silent"),
        (_unbelievable, "gate.sensor_not_believable"),
        (_never_heard, "gate.sensor_never_heard"),
        (_serving_gauge, "gate.sensor_silent"),
        (_retired, "gate.sensor_retired"),
        (_red_scaffold, "gate.scaffold_not_green"),
    ],
)
def test_each_trouble_in_the_zone_is_listed(
    house: House, trouble: Callable[[House], None], code: str
) -> None:
    closure = signed(house)

    trouble(house)

    assert codes(house, closure) == [code]
    with pytest.raises(Refusal) as no:
        closure.require("lift", house.manager, NOW)
    assert [one.reason.code for one in no.value.blockers] == [code]


def test_papers_and_signatures_are_on_the_list(house: House) -> None:
    closure = close_zone(house.session, house.zone, by=house.duty, now=NOW)

    assert codes(house, closure) == [
        "gate.reassessment_missing",
        "gate.rectification_missing",
        "gate.first_signature",
        "gate.second_signature",
    ]


def test_trouble_elsewhere_on_the_site_is_none_of_the_zones(house: House) -> None:
    closure = signed(house)
    tower = Building(code="tower", name=bilingual("塔"), site=house.site)
    top = Element(code="top", name=bilingual("顶"), building=tower)
    house.session.add(tower)
    house.session.flush()

    house.silences(house.sensor("C-99", building=tower, element=top), NOW)
    house.alert(house.sensor("C-98", building=tower, element=top))
    house.task(house.project(), safety=True, zone=None, building=tower)

    assert codes(house, closure) == []


def test_a_zone_answers_for_its_parts_its_wholes_and_what_also_affects_it(house: House) -> None:
    def zone(code: str, **more: Any) -> Zone:
        values = {"building_ids": [], "element_ids": [], "parent_ids": [], "also_affects": []}
        made = Zone(site=house.site, code=code, name=bilingual(code), **(values | more))
        house.session.add(made)
        house.session.flush()
        return made

    whole = zone("temple")
    house.zone.parent_ids = [str(whole.id)]
    part = zone("ridge-east", parent_ids=[str(house.zone.id)])
    uphill = zone("uphill", also_affects=[str(house.zone.id)])
    stranger = zone("gate")

    scope = zone_scope(house.session, house.zone)

    assert all(scope.covers(zone_id=one.id) for one in (house.zone, part, whole, uphill))
    assert not scope.covers(zone_id=stranger.id)
    assert scope.covers(building_id=house.hall.id)  # a thing on the hall as a whole
    assert scope.covers()  # a thing on the site as a whole
    assert zones_with(house.session, house.site.id, element_id=house.ridge.id) == [house.zone]


def test_the_radius_is_the_height_of_the_highest_element(house: House) -> None:
    house.hall.elements.append(Element(code="spire", name=bilingual("刹"), height_m=14.0))
    house.session.flush()

    assert proposed_radius_m(house.session, house.zone) == 9.2
    house.zone.building_ids = [str(house.hall.id)]
    assert proposed_radius_m(house.session, house.zone) == 14.0


def test_a_statement_or_a_replacement_answers_for_a_lost_sensor(house: House) -> None:
    closure = signed(house)
    lost = [house.sensor("C-07"), house.sensor("C-08")]
    with pytest.raises(Refusal):  # still in service
        state_sensor(closure, lost[0], "not needed", by=house.engineer, now=NOW)
    for sensor in lost:
        retire_sensor(house.session, sensor, "destroyed", "fell", by=house.engineer, now=NOW)

    state_sensor(closure, lost[0], "the ridge is gone", by=house.engineer, now=NOW)
    replace_sensor(lost[1], house.sensor("C-09"), by=house.engineer, now=NOW)

    assert codes(house, closure) == []


def test_a_sensor_elsewhere_or_of_another_quantity_replaces_nothing(house: House) -> None:
    lost = house.sensor("C-07")
    retire_sensor(house.session, lost, "destroyed", "fell", by=house.engineer, now=NOW)

    for other in (house.sensor("C-09", element=None), house.sensor("M-09", "moisture_content")):
        with pytest.raises(Refusal):
            replace_sensor(lost, other, by=house.engineer, now=NOW)


def test_a_sensor_retired_long_before_the_closure_asks_nothing(house: House) -> None:
    sensor = house.sensor("C-07")
    retire_sensor(house.session, sensor, "worn_out", "old", by=house.engineer, now=after(days=-8))

    assert codes(house, signed(house)) == []


def test_a_green_scaffold_is_no_blocker_but_an_overdue_one_is(house: House) -> None:
    closure = signed(house)
    standing(house)

    assert codes(house, closure) == []
    assert codes(house, closure, after(days=8)) == ["gate.scaffold_not_green"]


def test_a_sensor_that_people_read_by_hand_has_no_silence(house: House) -> None:
    closure = signed(house)
    sensor = house.sensor("C-07")
    sensor.epochs[-1].device = None
    house.silences(sensor, NOW)

    assert codes(house, closure) == []


def test_retiring_a_sensor_withdraws_its_alerts_and_needs_a_reason(house: House) -> None:
    sensor = house.sensor("C-07")
    alert = house.alert(sensor)
    other = house.alert(house.sensor("C-08"))

    withdrawn = retire_sensor(
        house.session, sensor, "destroyed", "fell", by=house.engineer, now=NOW
    )

    assert withdrawn == [alert] and not alert.live and other.live
    assert house.events(alert)[-1].action == "withdraw"
    with pytest.raises(Refusal):
        retire_sensor(house.session, sensor, "destroyed", "again", by=house.engineer, now=NOW)
