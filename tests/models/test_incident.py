"""Incidents: the steps of a case, its alerts, its storm, its notes, calls and people out."""

import pytest

from models.base import bilingual
from models.clearing import clear_checks, confirm_clear, places
from models.closing import close_zone
from models.codes import next_code
from models.contacts import Contact, call_list, calls_about, record_call
from models.errors import BadInput, Forbidden, Refusal
from models.incident import INCIDENT, Incident, open_incident
from models.store import Store, begin_write
from models.storm import join_storm, open_or_join, storm_incident, zones_ranked
from models.workflow import actions_from
from tests.models.house import NOW, House, after, says


@pytest.mark.parametrize(
    ("state", "actions"),
    {
        "reported": ("verify", "dismiss"),
        "verified": ("respond", "dismiss"),
        "responding": ("stabilise",),
        "stabilised": ("respond", "transfer", "close"),
        "transferred_to_restoration": ("respond", "close"),
        "closed": (),
        "false_alarm": (),
    }.items(),
)
def test_each_state_offers_exactly_its_actions(state: str, actions: tuple[str, ...]) -> None:
    assert actions_from(INCIDENT, state) == actions


def test_codes_count_within_the_year_of_the_site_on_both_databases(store: Store) -> None:
    with store.sessions() as session:
        begin_write(session)
        house = House(session)

        numbers = [next_code(session, "incident", house.site, NOW) for _ in range(2)]
        # 23:30 UTC on New Year's Eve is next year at the temple.
        late = NOW.replace(month=12, day=31, hour=23, minute=30)

        assert numbers == ["I-2022-001", "I-2022-002"]
        assert next_code(session, "incident", house.site, late) == "I-2023-001"


def test_an_incident_takes_the_worst_severity_of_its_alerts(house: House) -> None:
    mild, grave = house.alert(house.sensor("C-01"), severity="medium"), None
    incident = open_incident(house.session, [mild], by=house.duty, now=NOW)
    grave = house.alert(house.sensor("C-02"), severity="critical")

    incident.link([grave], by=house.duty, now=NOW)

    assert (incident.code, incident.severity) == ("I-2022-001", "critical")
    assert {mild.incident_id, grave.incident_id} == {incident.id}
    assert [one.action for one in house.events(incident)] == ["open", "link", "link"]
    assert zones_ranked(house.session, incident)[0] == (grave.subject, "critical")


def test_an_incident_without_alerts_needs_a_site_and_a_title(house: House) -> None:
    with pytest.raises(BadInput) as bad:
        open_incident(house.session, [], by=house.duty, now=NOW)

    assert {fault.where for fault in bad.value.faults} == {"site", "title"}


def test_alerts_of_one_storm_are_one_incident(house: House) -> None:
    house.rain(after(hours=-10), after(hours=-1), h24=30.0)
    first = house.alert(house.sensor("C-01"))
    sibling = house.alert(house.sensor("C-02"))
    incident = open_or_join(house.session, [first], by=house.duty, now=NOW)
    later = house.alert(house.sensor("C-03"), severity="critical")

    joined = join_storm(house.session, later, by=house.duty, now=after(hours=2))

    assert joined is incident and incident.severity == "critical"
    assert sibling.incident_id == incident.id
    assert open_or_join(house.session, [later], by=house.duty, now=after(hours=3)) is incident


def test_what_was_shut_for_an_alert_belongs_to_its_incident(house: House) -> None:
    alert = house.alert(house.sensor("C-07"))
    closure = close_zone(house.session, house.zone, by=house.duty, now=NOW, alert=alert)

    incident = open_or_join(house.session, [alert], by=house.duty, now=after(minutes=5))

    assert closure.incident is incident
    with pytest.raises(Refusal):  # a false alarm has nothing shut
        incident.move("dismiss", note="birds", by=house.duty, now=after(minutes=6))
    zh, en = says(incident.heading)
    assert (zh, en) == ("天宁寺花脊：橙色告警", "Tianning Temple, decorated ridge: Orange alert")


def test_three_days_after_the_rain_a_new_alert_is_no_part_of_the_storm(house: House) -> None:
    house.rain(after(hours=-10), after(hours=-1), h24=30.0)
    open_or_join(house.session, [house.alert(house.sensor("C-01"))], by=house.duty, now=NOW)

    assert storm_incident(house.session, house.site.id, after(hours=70)) is not None
    assert storm_incident(house.session, house.site.id, after(hours=72)) is None


def test_a_step_that_the_state_does_not_offer_says_what_would_work(house: House) -> None:
    incident = house.incident()

    with pytest.raises(Refusal) as no:
        incident.move("stabilise", by=house.manager, now=NOW)

    assert incident.state == "reported"
    assert "Verify" in says(no.value.reason)[1] and "核实" in says(no.value.reason)[0]


def test_only_the_roles_of_a_step_may_take_it(house: House) -> None:
    incident = house.incident()

    assert incident.actions(house.viewer, NOW) == ()
    assert incident.actions(house.duty, NOW) == ("verify", "dismiss")
    with pytest.raises(Forbidden):
        incident.move("verify", by=house.viewer, now=NOW)


def test_a_false_alarm_needs_a_note_and_an_open_zone(house: House) -> None:
    incident = house.incident()
    close_zone(house.session, house.zone, incident=incident, by=house.duty, now=NOW)

    with pytest.raises(BadInput):
        incident.move("dismiss", by=house.duty, now=NOW)
    with pytest.raises(Refusal) as no:
        incident.move("dismiss", note="a cat", by=house.duty, now=NOW)
    assert no.value.reason.code == "incident.zone_closed"


def test_a_token_closes_no_incident(house: House) -> None:
    incident = house.incident()
    incident.state = "stabilised"

    step = next(one for one in incident.steps(house.token, NOW) if one.action == "close")

    assert step.why_not is not None and step.why_not.code == "signature.person_only"
    assert "close" not in incident.actions(house.token, NOW)


def test_at_a_national_site_the_final_report_comes_before_the_end(house: House) -> None:
    incident = house.incident()
    incident.state = "stabilised"

    with pytest.raises(Refusal) as no:
        incident.move("close", note="done", by=house.manager, now=NOW)

    assert no.value.reason.code == "incident.final_report_missing"


def test_notes_people_and_names_are_kept_in_the_case(house: House) -> None:
    incident = house.incident()

    incident.note("police informed", by=house.duty, now=NOW)
    incident.assign(house.engineer.id, by=house.duty, now=NOW)
    incident.rename(bilingual("塌脊", "Ridge"), by=house.duty, now=NOW)

    assert [one.action for one in house.events(incident)] == ["open", "note", "assign", "rename"]
    assert (incident.lead_id, says(incident.heading)) == (house.engineer.id, ["塌脊", "Ridge"])


def test_the_call_list_keeps_its_order_and_the_last_outcome(house: House) -> None:
    incident = house.incident()
    for order, name in ((2, "Wu"), (1, "Lin")):
        role = bilingual("值守", "guard")
        house.session.add(
            Contact(site_id=house.site.id, name=name, role=role, phone="1", order=order)
        )
    house.session.flush()
    first, second = call_list(house.session, house.site.id)

    record_call(first, incident, "no_answer", by=house.duty, now=NOW)
    record_call(first, incident, "reached", by=house.duty, now=after(minutes=1))
    with pytest.raises(BadInput):
        record_call(second, incident, "agreed", by=house.duty, now=NOW)  # agreed on what?

    assert (first.name, second.name) == ("Lin", "Wu")
    assert calls_about(house.session, incident)[first.id].after == "reached"
    assert "Lin" not in str(house.events(incident)[-1].reason)  # no name in the lasting record


def test_places_are_ticked_off_once(house: House) -> None:
    incident = house.incident()
    found = places(house.session, house.zone)

    for _ in range(2):
        confirm_clear(house.session, incident, house.zone, found[0].key, by=house.duty, now=NOW)
    with pytest.raises(BadInput):
        confirm_clear(house.session, incident, house.zone, "moon", by=house.duty, now=NOW)

    assert [one.key for one in found] == ["building:jingang", "surroundings"]
    assert list(clear_checks(house.session, [incident])) == ["building:jingang"]
    assert [one.action for one in house.events(incident)] == ["open", "confirm_clear"]


def test_only_staff_of_the_site_see_an_incident(house: House) -> None:
    house.incident()
    count = house.session.query(Incident).where

    assert count(Incident.visible_to(house.viewer)).count() == 1
    assert count(Incident.visible_to(house.foreman)).count() == 0
