"""The gate at its edges: what must keep a zone shut though it hangs, or happened, elsewhere."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from models.base import bilingual
from models.closing import close_zone
from models.closure import Closure
from models.finding import record_finding
from models.gate import blockers
from models.lifting import rectify, refuse_lift, request_lift, sign_lift
from models.reading import SensorState
from models.registry import Zone
from models.retirement import retire_sensor
from models.times import to_ms
from models.zoning import zone_of_building
from tests.models.house import NOW, House, after
from tests.models.test_gate import codes, signed


def overlapping(house: House) -> Zone:
    """Return a zone that shares the ridge, though neither contains the other by name."""
    zone = Zone(
        site=house.site,
        code="ridge-walk",
        name=bilingual("脊下通道"),
        building_ids=[],
        element_ids=[str(house.ridge.id)],
        parent_ids=[],
        also_affects=[],
    )
    house.session.add(zone)
    house.session.flush()
    return zone


def test_trouble_of_a_zone_that_shares_an_element_is_the_zones_own(house: House) -> None:
    closure = signed(house)

    house.task(house.project(), safety=True, zone=overlapping(house))

    assert codes(house, closure) == ["gate.task_open"]


def test_a_whole_building_answers_for_zones_of_its_elements(house: House) -> None:
    whole = zone_of_building(house.session, house.hall)
    closure = close_zone(house.session, whole, by=house.duty, now=NOW)

    house.task(house.project(), safety=True, zone=house.zone)

    assert "gate.task_open" in codes(house, closure)


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


def _silent(house: House) -> None:
    house.silences(house.sensor("C-07"), NOW)


def _alert(house: House) -> None:
    house.alert(house.sensor("C-07"))


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (_finding, "gate.finding_not_safe"),
        (_silent, "gate.sensor_silent"),
        (_alert, "gate.alert_active"),
    ],
)
def test_an_element_taken_off_the_registry_takes_no_trouble_with_it(
    house: House, trouble: Callable[[House], None], code: str
) -> None:
    closure = signed(house)
    trouble(house)

    house.ridge.retired = True
    house.session.flush()

    assert codes(house, closure) == [code]


def test_a_lost_sensor_is_asked_for_however_long_an_earlier_notice_ran(house: House) -> None:
    first = close_zone(house.session, house.zone, by=house.duty, now=NOW)
    sensor = house.sensor("C-07")
    retire_sensor(house.session, sensor, "destroyed", "fell", by=house.engineer, now=after(hours=1))

    later = after(days=20)
    second = close_zone(house.session, house.zone, by=house.duty, now=later, supersedes=first)

    assert "gate.sensor_retired" in codes(house, second, later)


def test_a_sensor_not_heard_for_long_is_silent_though_nobody_wrote_it_down(house: House) -> None:
    """The ingester that would write it may be the one that has died."""
    closure = signed(house)
    sensor = house.sensor("C-07")
    late = after(seconds=3 * sensor.interval_s + 60)

    assert codes(house, closure, late - timedelta(seconds=1)) == []
    assert codes(house, closure, late) == ["gate.sensor_silent"]


def test_a_sensor_that_speaks_but_only_of_long_ago_is_no_evidence(house: House) -> None:
    """A logger that empties its memory, or whose clock is wrong, is heard and tells nothing."""
    closure = signed(house)
    sensor = house.sensor("C-07")
    later = after(hours=30)

    house.hears(sensor, later)
    assert codes(house, closure, later) == []
    _tells(house, sensor, heard=later, measured=NOW)
    assert codes(house, closure, later) == ["gate.sensor_silent"]


def _tells(house: House, sensor: Any, *, heard: Any, measured: Any) -> None:
    house.hears(sensor, measured)
    house.session.get_one(SensorState, sensor.key).heard_ms = to_ms(heard)


def requested(house: House, at: Any) -> Closure:
    closure = close_zone(house.session, house.zone, by=house.duty, now=NOW)
    rectify(closure, bilingual("已修", "Mended"), by=house.manager, now=at)
    request_lift(closure, "safe", reassessment="sound", by=house.engineer, now=at)
    return closure


def test_a_signature_from_before_a_serious_alert_opens_nothing(house: House) -> None:
    closure = requested(house, after(hours=1))
    sign_lift(closure, by=house.manager, now=after(hours=1))
    alert = house.alert(house.sensor("C-07"))
    alert.risen_at = after(hours=2)
    alert.active, alert.live, alert.acknowledged = False, False, True

    assert codes(house, closure) == ["gate.signed_before_alert"]

    refuse_lift(closure, "judge again", by=house.manager, now=after(hours=3))
    request_lift(closure, "safe", by=house.engineer, now=after(hours=3))
    assert codes(house, closure) == ["gate.second_signature"]


def test_an_alert_from_before_the_signatures_or_a_light_one_voids_none(house: House) -> None:
    closure = requested(house, after(hours=1))
    for severity, hours in (("high", 0), ("medium", 2)):
        alert = house.alert(house.sensor(f"C-{severity}"), severity=severity)
        alert.risen_at = after(hours=hours)
        alert.active, alert.live, alert.acknowledged = False, False, True

    assert "gate.signed_before_alert" not in codes(house, closure)
    assert blockers(house.session, closure, house.engineer, NOW)
