"""The Tianning story through the verbs alone: from the crack to the reopened door."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from models.amendment import complete, missing
from models.base import bilingual
from models.clearing import confirm_clear, places
from models.closing import close_zone
from models.contacts import Contact, call_list, record_call
from models.deadline import due
from models.errors import Refusal
from models.event import Event
from models.finding import record_finding
from models.gate import blockers
from models.hold import hold_for_rain
from models.inspection import hand_over, inspect, move, sign_erected
from models.lifting import countersign, lift, post, rectify, request_lift, state_sensor
from models.public_notice import public_notice
from models.reasons import Reason
from models.report import draft_report
from models.retirement import retire_sensor
from models.store import Store, begin_write
from models.storm import open_or_join
from models.words.render import catalogue
from tests.models.house import ITEMS, NOW, House, after, says

FIVE = dict.fromkeys(("scene", "course", "cause", "measures", "other"), "as seen")


@pytest.fixture
def house(store: Store) -> Iterator[House]:
    """The story runs on both databases."""
    with store.sessions() as session:
        begin_write(session)
        yield House(session)
        session.rollback()


def test_the_temple_closes_in_time_and_reopens_without_an_override(house: House) -> None:
    session = house.session
    gauge, damp = house.sensor("C-07"), house.sensor("M-01", "moisture_content")
    alert = house.alert(gauge, severity="critical")

    # The red alert: acknowledged, and the zone shut with one tap.
    alert.acknowledge(by=house.duty, now=after(minutes=3))
    closure = close_zone(session, house.zone, alert=alert, by=house.duty, now=after(minutes=4))
    assert (closure.state, closure.radius_m) == ("issued", 9.2)
    assert public_notice(session, closure.token, after(minutes=5)).standing == "in_force"
    for place in places(session, house.zone):
        confirm_clear(session, closure, house.zone, place.key, by=house.duty, now=after(minutes=9))
    session.add(
        Contact(site_id=house.site.id, name="Wu", role=bilingual("住持", "abbot"), phone="555-0101")
    )
    session.flush()
    abbot = call_list(session, house.site.id)[0]
    record_call(abbot, alert, "agreed", note="he locks the gate", by=house.duty, now=NOW)
    countersign(closure, by=house.manager, now=after(minutes=50))

    # The case, and the report within two hours.
    incident = open_or_join(session, [alert], by=house.duty, now=after(minutes=10))
    closure.incident = incident
    incident.move("verify", by=house.duty, now=after(minutes=20))
    incident.move("respond", by=house.duty, now=after(minutes=21))
    assert any(one.what == "report" for one in due(session, house.duty, after(minutes=30)))
    first = draft_report(session, incident, "first", fields=FIVE, by=house.duty, now=after(hours=1))
    first.send(channel="phone", by=house.duty, now=after(hours=1))
    assert first.late is False

    # 16:00: the ridge falls, and the gauge with it. Silence heals nothing.
    house.silences(gauge, after(hours=3))
    finding = record_finding(
        session,
        house.site,
        element_code="RF-RDG-F",
        damage="COLLAPSE",
        orientation="C",
        grades=[{"scheme": "EN16096-CC", "grade": "CC3"}],
        element=house.ridge,
        incident=incident,
        by=house.engineer,
        now=after(days=1),
    )
    photo = house.photo(closure, "posting", house.keeper, now=after(hours=4))
    assert photo.reused_of is None
    post(closure, by=house.keeper, now=after(hours=4))
    complete(
        closure,
        {
            "closed_parts": bilingual("金刚殿", "Jingang Hall"),
            "permitted_entry": bilingual("持证人员", "permit holders"),
            "alternative_route": bilingual("走西侧", "by the west side"),
        },
        by=house.manager,
        now=after(hours=5),
    )
    assert missing(closure) == []

    # The works: a scaffold, handed over by two people, and a task that needs it green.
    project = house.project()
    scaffold = house.scaffold(project)
    task = house.task(project, scaffold=scaffold, safety=True, needs_photos=True)
    move(scaffold, "begin_erecting", by=house.foreman, now=after(days=2))
    task.move("permit", by=house.manager, now=after(days=2))
    house.photo(task, "before", house.foreman)
    with pytest.raises(Refusal) as red:
        task.move("start", by=house.foreman, now=after(days=2))
    assert red.value.reason.code == "task.scaffold_not_green"
    sign_erected(
        scaffold, load_class=4, items=ITEMS, card="C-1", by=house.foreman, now=after(days=3)
    )
    hand_over(scaffold, by=house.supervisor, now=after(days=3))
    task.move("start", by=house.foreman, now=after(days=3, hours=1))

    # 28 mm of rain turn it red by themselves; an inspection turns it green again.
    rain = house.rain(after(days=4), after(days=4, hours=20), h12=14.0, h24=28.0)
    assert hold_for_rain(session, house.site, rain, rain.sums, after(days=5)) == [scaffold]
    assert hold_for_rain(session, house.site, rain, rain.sums, after(days=5)) == []
    assert (scaffold.state, task.state, task.paused_why) == ("event_hold", "paused", "weather")
    inspect(scaffold, ITEMS, by=house.supervisor, now=after(days=5, hours=4))
    task.move("resume", by=house.foreman, now=after(days=5, hours=5))

    # The gate lists what is in the way, the second signature among it.
    before = {one.reason.code for one in blockers(session, closure, None, after(days=6))}
    assert before == {
        "gate.task_open",
        "gate.finding_not_safe",
        "gate.alert_active",
        "gate.sensor_silent",
        "gate.reassessment_missing",
        "gate.rectification_missing",
        "gate.first_signature",
        "gate.second_signature",
    }
    finding.make_safe("netted and propped", by=house.engineer, now=after(days=6))
    house.photo(task, "after", house.foreman)
    task.move("claim", by=house.foreman, now=after(days=7))
    task.move("inspect", by=house.supervisor, now=after(days=7))
    task.move("accept", by=house.supervisor, now=after(days=7))
    move(scaffold, "dismantle", by=house.foreman, now=after(days=8))
    move(scaffold, "strike", by=house.foreman, now=after(days=8))

    # The fallen gauge: retired with its reason, and an engineer's word in its place.
    withdrawn = retire_sensor(
        session, gauge, "destroyed", "fell with the ridge", by=house.engineer, now=after(days=8)
    )
    assert withdrawn == [alert] and not alert.live
    house.hears(damp, after(days=8), 17.0)
    left = [one.reason.code for one in blockers(session, closure, None, after(days=8))]
    assert left[0] == "gate.sensor_retired"
    state_sensor(closure, gauge, "the ridge is gone", by=house.engineer, now=after(days=8))
    rectify(closure, bilingual("已加固", "It is reinforced"), by=house.manager, now=after(days=8))
    house.hears(damp, after(days=9), 16.0)

    # Two people open the door, and the notice says since when.
    request_lift(
        closure, "safe to open", reassessment="sound", by=house.engineer, now=after(days=9)
    )
    with pytest.raises(Refusal) as same:
        lift(closure, by=house.token, now=after(days=9))
    assert [one.reason.code for one in same.value.blockers] == ["gate.second_signature"]
    house.hears(damp, after(days=9, hours=1), 16.0)
    lift(closure, by=house.manager, now=after(days=9, hours=1))

    notice = public_notice(session, closure.token, after(days=30))
    assert (closure.state, closure.override) == ("reopened", None)
    assert (notice.standing, notice.ended_at) == ("lifted", after(days=9, hours=1))
    assert notice.rectification is not None and "reinforced" in says(notice.rectification)[1]
    final = draft_report(session, incident, "final", by=house.manager, now=after(days=10))
    final.send(channel="system", by=house.manager, now=after(days=10))
    for action in ("stabilise", "close"):
        incident.move(action, note="done", by=house.manager, now=after(days=11))
    assert incident.state == "closed"
    assert due(session, house.duty, after(days=11) - timedelta(seconds=1)) == []


def test_every_event_of_the_story_can_be_said(house: House) -> None:
    test_the_temple_closes_in_time_and_reopens_without_an_override(house)

    told = house.session.scalars(select(Event)).all()
    reasons = [Reason.from_json(one.reason) for one in told if one.reason]

    assert len(told) > 40
    for why in reasons:
        if why.code in catalogue("en"):
            says(why)
    ours = {"incident", "report", "finding", "closure", "project", "scaffold", "task", "photo"}
    actions = {f"{one.kind}.action.{one.action}" for one in told if one.kind in ours}
    assert actions - set(catalogue("zh")) == set()
