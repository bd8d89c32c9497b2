"""What stands while the registry changes: nothing is missed, nothing stands for ever."""

import json
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ingest.inbox import Inbox
from ingest.message import Delivery, Message, Receipt
from ingest.pipeline import Pipeline
from ingest.replaying import AT_ONCE
from ingest.worker import CanNotBegin, Worker
from models.alert import Alert
from models.event import Event
from models.people import Actor
from models.reading import Quarantined, SensorState, ZoneState
from models.sensor import Sensor
from models.store import Store
from models.times import to_ms
from tests.ingest.house import CRACK_RULE, NOW, SILENCE_RULE, House, counting, crack, rain, registry

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TOGETHER = {
    "code": "X1",
    "kind": "combination",
    "all": [{"rule": "WIDE", "level": "medium"}],
    "over": "zone",
    "within": "1h",
    "severity": "high",
}
TWO_LEVELS = {
    **{name: value for name, value in TOGETHER.items() if name != "severity"},
    "levels": [{"severity": "high"}, {"severity": "critical", "latch": True}],
}


def file(*rules: Any, zones: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """Return a registry file whose ridge lies in the zone `north`, or where `zones` says."""
    made = registry(rules)
    made["sites"][0]["zones"] = [
        {"code": code, "name": {"zh": code, "en": code}, "elements": elements}
        for code, elements in (zones or {"north": ["hall/ridge"]}).items()
    ]
    return made


def limit(raise_at: float) -> dict[str, Any]:
    rule = deepcopy(CRACK_RULE)
    rule["levels"][0]["raise_at"] = raise_at  # type: ignore[index]
    return rule


def standing(house: House) -> dict[str, str]:
    """Return the severity of what is active, by rule and place."""
    return {
        f"{one.rule_code} {one.subject.rpartition('/')[2]}": one.severity
        for one in house.alerts()
        if one.active
    }


@pytest.fixture
def house(store: Store) -> House:
    house = House(store, [])
    house.load(file(CRACK_RULE, TOGETHER), NOW - HOUR)
    return house


def test_a_combination_with_more_levels_goes_on_with_what_it_has_heard(house: House) -> None:
    house.feed(crack(1.4))
    assert standing(house) == {"WIDE C-01": "medium", "X1 north": "high"}

    house.load(file(CRACK_RULE, TWO_LEVELS), NOW + MINUTE)
    house.feed(crack(1.5, NOW + 15 * MINUTE), now=NOW + 15 * MINUTE)

    assert standing(house) == {"WIDE C-01": "medium", "X1 north": "critical"}
    house.feed(crack(0.7, NOW + 30 * MINUTE), now=NOW + 30 * MINUTE)
    house.tick(NOW + 2 * HOUR)
    assert standing(house) == {}


def test_a_lowered_limit_is_heard_by_the_combination(house: House) -> None:
    house.feed(crack(0.9))
    assert standing(house) == {}

    house.load(file(limit(0.8), TOGETHER), NOW + MINUTE)
    house.tick(NOW + MINUTE)

    assert standing(house) == {"WIDE C-01": "medium", "X1 north": "high"}


def test_a_raised_limit_is_heard_by_the_combination(house: House) -> None:
    house.feed(crack(1.4))

    house.load(file(limit(1.8), TOGETHER), NOW + MINUTE)
    house.tick(NOW + MINUTE)
    house.tick(NOW + 2 * HOUR)  # within an hour it still counts

    assert standing(house) == {}


def test_a_new_combination_hears_what_holds_already(store: Store) -> None:
    house = House(store, [])
    house.load(file(CRACK_RULE), NOW - HOUR)
    house.feed(crack(1.4))

    house.load(file(CRACK_RULE, TOGETHER), NOW + MINUTE)
    house.tick(NOW + MINUTE)

    assert standing(house) == {"WIDE C-01": "medium", "X1 north": "high"}


def test_an_element_takes_what_it_holds_to_its_new_zone(house: House) -> None:
    house.feed(crack(1.4))

    zones = {"north": [], "south": ["hall/ridge"]}
    house.load(file(CRACK_RULE, TOGETHER, zones=zones), NOW + MINUTE)
    house.tick(NOW + MINUTE)
    assert standing(house)["X1 south"] == "high"
    house.tick(NOW + 2 * HOUR)

    assert standing(house) == {"WIDE C-01": "medium", "X1 south": "high"}


def test_a_retired_zone_ends_its_alert_and_stops_nothing(house: House) -> None:
    house.feed(crack(1.4))
    house.feed(crack(0.7, NOW + 15 * MINUTE), now=NOW + 15 * MINUTE)  # X1 runs out in an hour

    retired = file(CRACK_RULE, TOGETHER)
    retired["sites"][0]["zones"][0]["retired"] = True
    house.load(retired, NOW + 20 * MINUTE)
    house.tick(NOW + 2 * HOUR)
    assert standing(house) == {}

    house.load(file(CRACK_RULE, TOGETHER), NOW + 3 * HOUR)
    house.feed(crack(1.4, NOW + 3 * HOUR), now=NOW + 3 * HOUR)
    assert standing(house) == {"WIDE C-01": "medium", "X1 north": "high"}


@pytest.mark.parametrize("how", ["off", "elsewhere"])
def test_what_nobody_judges_any_more_ends_and_comes_back(house: House, how: str) -> None:
    house.feed(crack(1.4))
    changed = deepcopy(CRACK_RULE)
    if how == "off":
        changed["off"] = True
    else:
        changed["where"]["sensors"] = ["hill/R-01"]  # type: ignore[index]

    house.load(file(changed, TOGETHER), NOW + MINUTE)
    house.tick(NOW + MINUTE)
    house.tick(NOW + 2 * HOUR)

    assert standing(house) == {}
    with house.store.reading() as session:
        last = session.scalars(
            select(Event).where(Event.action == "cleared").order_by(Event.number)
        ).first()
        assert last is not None
        assert last.reason is not None
        assert last.reason["code"] == "rule.no_longer_judges"
    house.load(file(CRACK_RULE, TOGETHER), NOW + 3 * HOUR)
    house.feed(crack(1.4, NOW + 3 * HOUR), now=NOW + 3 * HOUR)
    assert standing(house) == {"WIDE C-01": "medium", "X1 north": "high"}


def test_what_would_latch_waits_for_a_person_also_when_its_rule_is_off(house: House) -> None:
    house.feed(crack(2.4))

    house.load(file({**CRACK_RULE, "off": True}), NOW + MINUTE)
    house.tick(NOW + MINUTE)

    (wide,) = (one for one in house.alerts() if one.rule_code == "WIDE")
    assert (wide.active, wide.latched) == (False, True)


@pytest.mark.parametrize("reset", [True, False])
def test_a_reset_latch_is_no_later_episodes(store: Store, *, reset: bool) -> None:
    house = House(store, [CRACK_RULE])
    for number, width in enumerate((2.4, 1.6, 0.9, 0.5)):
        house.feed(crack(width, NOW + number * 15 * MINUTE), now=NOW + number * 15 * MINUTE)
    with store.writing() as session:
        (alert,) = session.scalars(select(Alert))
        assert alert.latched
        alert.acknowledge(by=Actor("person"), now=NOW + 50 * MINUTE)
        if reset:
            alert.reset("looked: nothing moved", by=Actor("person"), now=NOW + 51 * MINUTE)

    for number, width in enumerate((1.2, 0.5), start=4):  # no level that latches
        house.feed(crack(width, NOW + number * 15 * MINUTE), now=NOW + number * 15 * MINUTE)

    last = house.alerts()[-1]
    assert (last.active, last.latched, last.peak) == (
        (False, False, "medium") if reset else (False, True, "high")
    )


def test_an_episode_latches_at_what_it_has_reached_itself(store: Store) -> None:
    levels = [{"severity": "high", "raise_at": 1.0, "latch": True}]
    levels += [{"severity": "critical", "raise_at": 2.0, "latch": True}]
    house = House(store, [{**CRACK_RULE, "levels": levels}])
    for number, width in enumerate((2.4, 1.6, 0.9, 0.5)):
        house.feed(crack(width, NOW + number * 15 * MINUTE), now=NOW + number * 15 * MINUTE)
    with store.writing() as session:
        (alert,) = session.scalars(select(Alert))
        alert.acknowledge(by=Actor("person"), now=NOW + 50 * MINUTE)
        alert.reset("looked: nothing moved", by=Actor("person"), now=NOW + 51 * MINUTE)

    for number, width in enumerate((1.2, 0.5), start=4):
        house.feed(crack(width, NOW + number * 15 * MINUTE), now=NOW + number * 15 * MINUTE)

    with store.reading() as session:
        latched = session.scalars(select(Event).where(Event.action == "latched").order_by(Event.at))
        assert [one.after for one in latched] == ["critical", "high"]
    assert house.alerts()[-1].latched


@pytest.mark.parametrize("hours", [12, 48])
def test_a_new_rule_tells_what_holds_however_long_it_has(store: Store, hours: int) -> None:
    house = House(store, [SILENCE_RULE])
    for hour in range(hours):
        house.feed(crack(1.4, NOW + hour * HOUR), now=NOW + hour * HOUR)
    assert standing(house) == {}

    house.load(registry([SILENCE_RULE, CRACK_RULE]), NOW + hours * HOUR)
    house.tick(NOW + hours * HOUR)

    assert standing(house)["WIDE C-01"] == "medium"


def test_history_alone_pages_nobody_but_the_next_reading_does(store: Store) -> None:
    house = House(store, [SILENCE_RULE])
    for day in range(20, 10, -1):
        house.feed(crack(1.4, NOW - day * DAY, received=NOW), now=NOW)

    house.load(registry([SILENCE_RULE, CRACK_RULE]), NOW + MINUTE)
    house.tick(NOW + MINUTE)
    assert standing(house) == {}
    house.feed(crack(1.4, NOW + HOUR), now=NOW + HOUR)

    assert standing(house) == {"WIDE C-01": "medium"}


def test_what_can_not_be_read_is_no_messages_fault(house: House) -> None:
    house.feed(crack(1.4))
    with house.store.writing() as session:
        session.scalars(select(ZoneState)).one().state = b"\xc1"
    worker = Worker(house.store, Inbox(10), {"receiver": Kept()})

    with pytest.raises(CanNotBegin):
        worker.take([Delivery(one, Receipt(None, 1)) for one in (crack(5.0), rain(3.0))])

    with house.store.reading() as session:
        assert session.scalars(select(Quarantined)).all() == []


class Kept:
    """A source that fails where anything is acknowledged."""

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        raise AssertionError("acknowledged")


def silent(house: House) -> set[str]:
    """Return the sensors of which nothing is known."""
    with house.store.reading() as session:
        of_sensor = SensorState.sensor == Sensor.key
        rows = select(Sensor.code).join(SensorState, of_sensor)
        return set(session.scalars(rows.where(SensorState.silent_since_ms.is_not(None))))


def every(interval_s: int) -> dict[str, Any]:
    """Return the file whose crack meter speaks so often."""
    made = file(CRACK_RULE, SILENCE_RULE)
    made["sites"][0]["buildings"][0]["sensors"][0]["interval_s"] = interval_s
    return made


@pytest.mark.parametrize("restarts", [False, True])
def test_a_sensor_that_is_to_speak_more_often_is_missed_sooner(
    house: House, restarts: bool
) -> None:
    house.load(every(86_400), NOW - MINUTE)
    house.feed(crack(0.5))
    house.load(every(60), NOW + MINUTE)
    if restarts:
        house.pipeline = Pipeline()

    for minute in range(1, 6):
        house.tick(NOW + minute * MINUTE)

    assert standing(house) == {"Q1 C-01": "low"}
    assert silent(house) == {"C-01"}


def test_a_sensor_that_is_to_speak_less_often_is_not_missed_too_soon(house: House) -> None:
    house.load(every(60), NOW - MINUTE)
    house.feed(crack(0.5))
    house.load(every(86_400), NOW + MINUTE)

    house.tick(NOW + HOUR)

    assert (standing(house), silent(house)) == ({}, set())


@pytest.mark.parametrize("restarts", [False, True])
def test_a_goodbye_counts_although_the_registry_changed_or_we_were_away(
    house: House, restarts: bool
) -> None:
    house.load(every(900), NOW - MINUTE)
    house.feed(crack(0.5, client="node-1"))
    house.feed(Message("$ridgewatch/gone/node-1", b"", to_ms(NOW + timedelta(seconds=10))), now=NOW)
    house.load(every(901), NOW + MINUTE)
    if restarts:
        house.pipeline = Pipeline()

    house.tick(NOW + 2 * MINUTE)

    assert standing(house) == {"Q1 C-01": "low"}


CHANGE = {"of": "change", "baseline": {"of": "median", "over": "1h"}}
MANY = 40


def from_(raise_at: float) -> dict[str, Any]:
    return {**CRACK_RULE, "levels": [{"severity": "medium", "raise_at": raise_at}]}


@pytest.mark.parametrize("of", [{}, CHANGE], ids=["value", "change"])
def test_a_new_version_reads_the_past_of_many_sensors_at_once(
    store: Store, of: dict[str, Any]
) -> None:
    house = House(store, [])
    house.load(many_cracks({**from_(5), **of}, {**from_(6), **of, "code": "WIDER"}), NOW - HOUR)
    for place, mm in enumerate((0.5, 0.5, 0.5, 0.5, 0.5, 1.9)):
        house.feed(told_by_all(mm, NOW + place * 15 * MINUTE), now=NOW + place * 15 * MINUTE)
    stricter = {**from_(1.2), **of}, {**from_(1.3), **of, "code": "WIDER"}
    later = NOW + 15 * DAY
    house.feed(told_by_all(1.9, later), now=later)
    house.close_hours(later)
    house.load(many_cracks(*stricter), later)

    with counting(store) as statements:
        house.tick(later)

    reads = sum("reading_hour" in one and "rollup" in one for one in statements)
    assert reads == (3 if of else 1) * MANY / AT_ONCE
    assert len([one for one in house.alerts() if one.active]) == 2 * MANY


def many_cracks(*rules: dict[str, Any]) -> dict[str, Any]:
    """Return a registry file with many crack meters on one node."""
    made = registry(rules)
    hall = made["sites"][0]["buildings"][0]
    (like,) = hall["sensors"]
    hall["sensors"] = [
        {**like, "code": f"C-{n:02}", "source": {"device": "node-1", "channel": f"c{n}"}}
        for n in range(MANY)
    ]
    return made


def told_by_all(mm: float, at: datetime) -> Message:
    pack: list[dict[str, Any]] = [{"bn": "node-1:", "bt": at.timestamp()}]
    pack += [{"n": f"c{n}", "u": "mm", "v": mm} for n in range(MANY)]
    return Message("ridgewatch/hill/node-1/senml", json.dumps(pack).encode(), to_ms(at), qos=1)


def test_a_new_version_knows_the_baseline_that_the_epoch_began_with(store: Store) -> None:
    house = House(store, [])
    house.load(registry([{**from_(5), **CHANGE}]), NOW - 30 * DAY)
    for place, mm in enumerate((0.5, 0.5, 0.5, 0.5, 0.5, 1.4)):
        at = NOW - 20 * DAY + place * 15 * MINUTE
        house.feed(crack(mm, at), now=at)
    house.feed(crack(1.9), now=NOW)

    house.load(registry([{**from_(1.2), **CHANGE}]), NOW + MINUTE)
    house.tick(NOW + MINUTE)

    assert standing(house) == {"WIDE C-01": "medium"}
