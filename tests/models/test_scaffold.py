"""Scaffolds: two signatures, a tag that follows the facts, seven days, and who sees what."""

from datetime import timedelta

import pytest

from models.errors import BadInput, Forbidden, Refusal
from models.inspection import fail, hand_over, inspect, kind_due, move, sign_erected
from models.reasons import Reason
from models.scaffold import SCAFFOLD, Scaffold, ScaffoldFacts, tag_of
from models.workflow import actions_from
from tests.models.house import ITEMS, NOW, House, after, says

WEEK = timedelta(days=7)


def standing(house: House) -> Scaffold:
    """Return a scaffold that was handed over at NOW."""
    scaffold = house.scaffold(house.project())
    move(scaffold, "begin_erecting", by=house.foreman, now=NOW)
    sign_erected(scaffold, load_class=4, items=ITEMS, card="C-1", by=house.foreman, now=NOW)
    hand_over(scaffold, by=house.supervisor, now=NOW)
    return scaffold


_USABLE = ("inspect", "fail", "hold", "alter", "take_out_of_use", "dismantle")


@pytest.mark.parametrize(
    ("state", "actions"),
    {
        "design": {"begin_erecting"},
        "erecting": {"sign_erected", "hand_over", "dismantle"},
        "handed_over": set(_USABLE),
        "inspection_due": set(_USABLE),
        "overdue": set(_USABLE),
        "event_hold": set(_USABLE),
        "out_of_use": {"inspect", "fail", "hold", "alter", "dismantle"},
        "altered": {"inspect", "fail", "hold", "dismantle"},
        "dismantling": {"strike"},
        "struck": set(),
    }.items(),
)
def test_each_state_offers_exactly_its_actions(state: str, actions: set[str]) -> None:
    assert set(actions_from(SCAFFOLD, state)) == actions


@pytest.mark.parametrize(
    ("age", "colour", "state"),
    [
        (timedelta(0), "green", "handed_over"),
        (timedelta(days=6) - timedelta(seconds=1), "green", "handed_over"),
        (timedelta(days=6), "amber", "inspection_due"),
        (WEEK, "amber", "inspection_due"),
        (WEEK + timedelta(seconds=1), "red", "overdue"),
        (timedelta(days=31), "red", "out_of_use"),
    ],
)
def test_a_tag_turns_amber_and_red_by_itself(age: timedelta, colour: str, state: str) -> None:
    facts = ScaffoldFacts("handed_over", NOW + WEEK, NOW)

    tag = tag_of(facts, NOW + age)

    assert (tag.colour, tag.state) == (colour, state)
    assert says(tag.why)


@pytest.mark.parametrize(
    "state", ["erecting", "event_hold", "out_of_use", "altered", "dismantling"]
)
def test_every_other_standing_state_is_red(state: str) -> None:
    tag = tag_of(ScaffoldFacts(state, NOW + WEEK, NOW), NOW)

    assert tag.colour == "red" and says(tag.why)


def test_handover_takes_two_people_and_a_load_class(house: House) -> None:
    scaffold = house.scaffold(house.project())
    move(scaffold, "begin_erecting", by=house.foreman, now=NOW)

    with pytest.raises(Refusal) as unsigned:
        hand_over(scaffold, by=house.supervisor, now=NOW)
    with pytest.raises(BadInput) as bad:
        sign_erected(scaffold, load_class=9, items={}, card="", by=house.foreman, now=NOW)
    sign_erected(scaffold, load_class=4, items=ITEMS, card="C-1", by=house.foreman, now=NOW)
    with pytest.raises(Refusal) as same:
        hand_over(scaffold, by=house.foreman, now=NOW)
    certificate = hand_over(scaffold, by=house.supervisor, now=NOW)

    assert unsigned.value.reason.code == "scaffold.erector_unsigned"
    assert len(bad.value.faults) == 9  # the class, the card, seven items
    assert same.value.reason.code == "signature.second_person"
    assert (certificate.kind, certificate.state) == ("handover", "passed")
    assert scaffold.tag(NOW).colour == "green" and scaffold.next_due_at == NOW + WEEK


def test_a_periodic_inspection_begins_the_seven_days_anew(house: House) -> None:
    scaffold = standing(house)
    late = after(days=8)
    assert scaffold.tag(late).colour == "red"

    inspect(scaffold, ITEMS, by=house.supervisor, now=late)

    assert (scaffold.tag(late).colour, scaffold.next_due_at) == ("green", late + WEEK)


def test_a_failed_inspection_is_red_until_it_is_put_right_and_seen_again(house: House) -> None:
    scaffold = standing(house)

    fail(scaffold, ITEMS, why="tie missing", by=house.supervisor, now=after(days=1))
    red = scaffold.tag(after(days=1))
    asked = kind_due(scaffold, after(days=1))
    inspect(scaffold, ITEMS, by=house.supervisor, now=after(days=2))

    assert red.colour == "red" and "tie missing" in says(red.why)[1]
    assert asked == "after_alteration"
    assert scaffold.tag(after(days=2)).colour == "green"


def test_an_altered_scaffold_is_red_until_inspected(house: House) -> None:
    scaffold = standing(house)

    move(scaffold, "alter", note="lift 5 removed", by=house.foreman, now=after(days=1))

    assert scaffold.tag(after(days=1)).colour == "red"
    inspect(scaffold, ITEMS, by=house.engineer, now=after(days=1))
    assert scaffold.tag(after(days=1)).colour == "green"


def test_nobody_dismantles_what_somebody_works_on(house: House) -> None:
    scaffold = standing(house)
    task = house.task(scaffold.project, scaffold=scaffold)
    task.move("permit", by=house.manager, now=NOW)
    task.move("start", by=house.foreman, now=NOW)

    with pytest.raises(Refusal) as no:
        move(scaffold, "dismantle", by=house.foreman, now=NOW)

    assert no.value.reason.values["tasks"] == [task.code]


def test_a_company_sees_and_moves_its_own_scaffolds_only(house: House) -> None:
    scaffold = house.scaffold(house.project())
    seen = house.session.query(Scaffold).where

    assert seen(Scaffold.visible_to(house.foreman)).count() == 1
    assert seen(Scaffold.visible_to(house.stranger)).count() == 0
    assert scaffold.actions(house.stranger, NOW) == ()
    with pytest.raises(Forbidden):
        move(scaffold, "begin_erecting", by=house.stranger, now=NOW)


def test_without_a_project_that_names_it_a_company_sees_nothing(house: House) -> None:
    house.scaffold(None)

    assert house.session.query(Scaffold).where(Scaffold.visible_to(house.foreman)).count() == 0


def test_a_token_signs_no_inspection(house: House) -> None:
    scaffold = standing(house)

    steps = {step.action: step.why_not for step in scaffold.steps(house.supervisor, NOW)}
    assert steps["inspect"] is None
    with pytest.raises(Forbidden):
        inspect(scaffold, ITEMS, by=house.token, now=NOW)


@pytest.mark.parametrize("turn", ["fail", "hold", "alter", "take_out_of_use"])
def test_a_scaffold_that_turns_red_stops_the_work_on_it(house: House, turn: str) -> None:
    scaffold = standing(house)
    running, waiting = (house.task(scaffold.project, scaffold=scaffold) for _ in range(2))
    for task in (running, waiting):
        task.move("permit", by=house.manager, now=NOW)
    running.move("start", by=house.foreman, now=NOW)

    if turn == "fail":
        fail(scaffold, ITEMS, why="a tie is loose", by=house.supervisor, now=after(hours=1))
    else:
        move(scaffold, turn, note="seen", by=house.supervisor, now=after(hours=1))

    assert (running.state, running.paused_why, waiting.state) == ("paused", "other", "permit_ok")
    assert any(
        scaffold.code in said for said in says(Reason.from_json(house.events(running)[-1].reason))
    )
    with pytest.raises(Refusal) as red:
        running.move("resume", by=house.foreman, now=after(hours=2))
    assert red.value.reason.code == "task.scaffold_not_green"
