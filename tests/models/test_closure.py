"""Closures: one tap, two hours, a history of changes, two people to lift, and the public page."""

import pytest
from sqlalchemy.exc import IntegrityError

from models.amendment import amend, complete, extend, missing, why_small_radius
from models.base import bilingual
from models.closing import close_building, close_for_alert, close_zone, issue, place_to_close
from models.closure import CLOSURE, IN_FORCE, Closure
from models.deadline import due
from models.errors import BadInput, Forbidden, Missing, Refusal
from models.lifting import (
    countersign,
    lift,
    override,
    post,
    rectify,
    refuse_lift,
    request_lift,
    sign_lift,
)
from models.public_notice import public_notice
from models.registry import Zone
from models.workflow import actions_from
from tests.models.house import NOW, House, after, says

_STANDING = {
    "complete",
    "countersign",
    "extend",
    "amend",
    "state_sensor",
    "reassess",
    "rectify",
    "request_lift",
    "override",
    "supersede",
}


def closed(house: House) -> Closure:
    """Return the zone's closure, just tapped."""
    return close_zone(house.session, house.zone, by=house.duty, now=NOW)


def ready(house: House) -> Closure:
    """Return a closure that only lacks the second signature."""
    closure = closed(house)
    rectify(closure, bilingual("已修", "Mended"), by=house.manager, now=NOW)
    request_lift(closure, "safe", reassessment="sound", by=house.engineer, now=NOW)
    return closure


@pytest.mark.parametrize(
    ("state", "actions"),
    {
        "draft": {"complete", "issue", "discard"},
        "issued": _STANDING | {"post"},
        "posted": _STANDING,
        "extended": _STANDING | {"post"},
        "amended": _STANDING | {"post"},
        "lift_requested": {
            "countersign",
            "state_sensor",
            "reassess",
            "rectify",
            "sign_lift",
            "lift",
            "refuse_lift",
            "override",
            "supersede",
        },
        "reopened": set(),
        "superseded": set(),
    }.items(),
)
def test_each_state_offers_exactly_its_actions(state: str, actions: set[str]) -> None:
    assert set(actions_from(CLOSURE, state)) == actions


def test_one_tap_shuts_the_zone_for_the_public_at_once(house: House) -> None:
    alert = house.alert(house.sensor("C-07"))

    closure = close_zone(house.session, house.zone, alert=alert, by=house.duty, now=NOW)
    notice = public_notice(house.session, closure.token, NOW)

    assert (closure.code, closure.state, closure.radius_m) == ("CN-2022-001", "issued", 9.2)
    assert (notice.standing, notice.phone, notice.since) == ("in_force", "0513-555-0188", NOW)
    assert "花脊" in says(notice.why)[0]
    assert "C-07" not in str(notice.why)  # no sensor in public
    assert all(says(text) for text in (notice.hazard, notice.closed_parts, notice.legal_basis))


def test_a_viewer_and_a_contractor_close_nothing(house: House) -> None:
    for actor in (house.viewer, house.foreman):
        with pytest.raises(Forbidden):
            close_zone(house.session, house.zone, by=actor, now=NOW)


def test_a_second_tap_names_the_notice_that_stands(house: House) -> None:
    closure = closed(house)

    with pytest.raises(Refusal) as no:
        close_zone(house.session, house.zone, by=house.manager, now=after(minutes=1))

    assert no.value.reason.values["closure"] == closure.code
    assert no.value.blockers[0].href == f"/closures/{closure.id}"


def test_the_database_itself_has_one_notice_in_force_per_zone(house: House) -> None:
    closure = closed(house)
    other = close_zone(house.session, house.zone, by=house.duty, now=NOW, draft=True)
    house.session.flush()

    other.state = "posted"
    with pytest.raises(IntegrityError):
        house.session.flush()
    assert closure.state in IN_FORCE


def test_a_building_without_zones_is_one_zone(house: House) -> None:
    first = close_building(house.session, house.hall, by=house.duty, now=NOW)

    assert first.zone.building_ids == [str(house.hall.id)]
    assert first.radius_m == 9.2
    with pytest.raises(Refusal):
        close_building(house.session, house.hall, by=house.duty, now=NOW)
    assert house.session.query(Zone).count() == 2


def test_one_tap_on_an_alert_shuts_the_narrowest_place_it_stands_in(house: House) -> None:
    alert = house.alert(house.sensor("C-07"))
    assert place_to_close(house.session, alert) is house.zone
    house.zone.retired = True
    assert place_to_close(house.session, alert) is house.hall

    closure = close_for_alert(house.session, alert, by=house.duty, now=NOW)

    assert closure.zone.building_ids == [str(house.hall.id)]
    assert closure.alert is alert


def test_an_alert_without_a_place_shuts_nothing_by_itself(house: House) -> None:
    alert = house.alert(house.sensor("R-01", "rain_total", building=None, element=None))

    with pytest.raises(Refusal) as no:
        close_for_alert(house.session, alert, by=house.duty, now=NOW)

    assert "R-01" in says(no.value.reason)[0]


def test_a_manager_countersigns_within_two_hours_which_is_a_deadline(house: House) -> None:
    closure = closed(house)
    late = after(hours=2, minutes=1)

    owed = [one for one in due(house.session, house.manager, late) if one.what == "countersign"]
    countersign(closure, by=house.manager, now=late)

    assert (owed[0].at, owed[0].overdue, closure.state) == (after(hours=2), True, "issued")
    assert says(owed[0].reason)
    assert all(one.what != "countersign" for one in due(house.session, house.manager, late))
    with pytest.raises(Refusal):
        countersign(closure, by=house.manager, now=late)


def test_neither_who_shut_it_nor_a_token_countersigns(house: House) -> None:
    closure = close_zone(house.session, house.zone, by=house.manager, now=NOW)

    with pytest.raises(Refusal) as same:
        countersign(closure, by=house.manager, now=NOW)
    with pytest.raises(Refusal) as token:
        countersign(closure, by=house.token, now=NOW)

    assert same.value.reason.code == "signature.second_person"
    assert token.value.reason.code == "signature.person_only"


def test_posted_is_what_a_photo_shows(house: House) -> None:
    closure = closed(house)

    with pytest.raises(Refusal):
        post(closure, by=house.keeper, now=NOW)
    photo = house.photo(closure, "posting", house.keeper)
    post(closure, by=house.keeper, now=NOW)

    assert public_notice(house.session, closure.token, NOW).posted_photos == (photo,)


def test_what_a_notice_said_before_it_was_changed_stays_readable(house: House) -> None:
    closure = closed(house)
    assert "alternative_route" in missing(closure)

    complete(closure, {"phone": "0513-555-0199"}, by=house.duty, now=after(minutes=5))
    amend(closure, {"radius_m": 5.0}, why="west side only", by=house.manager, now=after(hours=1))
    extend(closure, after(days=30), why="not yet safe", by=house.manager, now=after(hours=2))

    assert closure.state == "extended"
    assert [(one.action, one.before) for one in closure.amendments] == [
        ("complete", {"phone": "0513-555-0188"}),
        ("amend", {"radius_m": 9.2}),
        ("extend", {"until_at": None}),
    ]
    warning = why_small_radius(closure)
    assert warning is not None and "9.2" in says(warning)[1]


def test_a_notice_refuses_fields_it_lacks_and_ends_in_the_past(house: House) -> None:
    closure = closed(house)

    with pytest.raises(BadInput):
        amend(closure, {"state": "reopened"}, why="sly", by=house.manager, now=NOW)
    with pytest.raises(BadInput):
        extend(closure, NOW, why="over", by=house.manager, now=NOW)
    with pytest.raises(Refusal):
        amend(closure, {"radius_m": 9.2}, why="nothing", by=house.manager, now=NOW)


def test_a_notice_past_its_end_is_never_called_open(house: House) -> None:
    closure = closed(house)
    extend(closure, after(days=1), why="till then", by=house.manager, now=NOW)

    assert public_notice(house.session, closure.token, after(days=2)).standing == "past_end"


def test_a_draft_is_not_public_until_it_is_issued(house: House) -> None:
    draft = close_zone(house.session, house.zone, by=house.duty, now=NOW, draft=True)

    with pytest.raises(Missing):
        public_notice(house.session, draft.token, NOW)
    issue(draft, by=house.duty, now=after(hours=1))

    assert public_notice(house.session, draft.token, NOW).since == after(hours=1)


def test_a_partial_reopening_is_a_new_notice_that_the_old_one_points_to(house: House) -> None:
    old = closed(house)

    new = close_zone(house.session, house.zone, by=house.duty, now=after(days=1), supersedes=old)
    notice = public_notice(house.session, old.token, after(days=1))

    assert (old.state, new.state, notice.standing) == ("superseded", "issued", "superseded")
    assert notice.superseded_by == new.token


def test_the_engineer_does_not_sign_twice_and_a_token_never(house: House) -> None:
    closure = closed(house)
    both = house.person("ivy", "engineer")
    grants = (*both.grants, *house.manager.grants)
    ivy = type(both)(kind="person", id=both.id, grants=grants)
    rectify(closure, bilingual("已修", "Mended"), by=house.manager, now=NOW)
    request_lift(closure, "safe", reassessment="sound", by=ivy, now=NOW)

    with pytest.raises(Refusal) as same:
        lift(closure, by=ivy, now=NOW)
    with pytest.raises(Refusal):
        sign_lift(closure, by=house.token, now=NOW)

    codes = [one.reason.code for one in same.value.blockers]
    assert codes == ["gate.second_signature_not_yours", "gate.second_signature"]
    assert closure.state == "lift_requested"


def test_a_program_carries_out_what_two_people_signed(house: House) -> None:
    closure = ready(house)

    with pytest.raises(Refusal):
        lift(closure, by=house.token, now=NOW)
    sign_lift(closure, by=house.manager, now=NOW)
    lift(closure, by=house.token, now=after(hours=1))

    assert (closure.state, closure.ended_at) == ("reopened", after(hours=1))


def test_an_engineer_asks_and_a_manager_lifts_with_one_tap(house: House) -> None:
    closure = ready(house)
    assert "lift" not in closure.actions(house.engineer, NOW)
    assert "lift" in closure.actions(house.manager, NOW)

    lift(closure, by=house.manager, now=NOW)

    assert closure.lift_signed_by == house.manager.id


def test_a_refused_lift_voids_the_signatures(house: House) -> None:
    closure = ready(house)

    refuse_lift(closure, "wait for spring", by=house.manager, now=NOW)

    assert (closure.state, closure.lift_requested_by) == ("extended", None)


def test_an_override_needs_a_reason_that_stays_on_the_notice_for_ever(house: House) -> None:
    closure = closed(house)
    with pytest.raises(BadInput):
        override(closure, " ", by=house.manager, now=NOW)
    with pytest.raises(Refusal):
        override(closure, "because", by=house.token, now=NOW)

    override(closure, "procession route", by=house.manager, now=after(days=1))
    notice = public_notice(house.session, closure.token, after(days=900))

    assert closure.override is not None and len(closure.override["blockers"]) == 4
    assert notice.override is not None and "procession route" in says(notice.override)[1]


def test_a_notice_without_a_token_of_ours_is_missing(house: House) -> None:
    with pytest.raises(Missing):
        public_notice(house.session, "guess", NOW)


def test_a_notice_gives_way_only_to_one_that_shuts_as_much(house: House) -> None:
    old = close_zone(house.session, house.zone, by=house.duty, now=NOW)
    smaller = Zone(site=house.site, code="porch", name=bilingual("廊", "porch"))
    house.session.add(smaller)
    house.session.flush()

    with pytest.raises(Refusal) as refused:
        close_zone(house.session, smaller, by=house.duty, now=NOW, supersedes=old)

    assert refused.value.reason.code == "closure.supersede_opens"
    assert old.state == "issued"
