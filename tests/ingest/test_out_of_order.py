"""Readings that come out of order end in what would have been said of them in order."""

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ingest.message import Message
from ingest.pipeline import Pipeline
from ingest.replaying import AT_ONCE
from models.alert import Condition, rank
from models.people import machine
from models.rules import judge
from models.rules.judge import Sample
from models.rules.parsing import parse_rule
from models.sensor import Sensor
from models.store import Store
from models.times import from_ms, to_ms
from tests.ingest.house import CRACK_RULE, NOW, RAIN_RULE, House, counting, crack, rain, registry

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MOVED = {
    **CRACK_RULE,
    "code": "MOVED",
    "of": "change",
    "baseline": {"of": "median", "over": "24h"},
    "levels": [{"severity": "low", "raise_at": 0.3}],
    "deadband": 0.1,
}
TWICE = {
    **CRACK_RULE,
    "code": "TWICE",
    "levels": [{"severity": "high", "raise_at": 1.0}],
    "on_delay": "2 samples",
}
FAST = {
    "code": "FAST",
    "kind": "rate",
    "where": CRACK_RULE["where"],
    "window": "2h",
    "per": "day",
    "levels": [{"severity": "medium", "raise_at": 10}],
}
LASTING = {**CRACK_RULE, "code": "LASTING", "off_delay": "1h", "on_delay": "10min"}
CLOUDBURST = {
    **RAIN_RULE,
    "code": "BURST",
    "levels": [
        {"severity": "low", "window": "12h", "raise_at": 15},
        {"severity": "high", "window": "1h", "raise_at": 8},
    ],
}
TOGETHER = {
    "code": "X1",
    "kind": "combination",
    "all": [{"rule": "TWICE", "level": "medium"}],
    "over": "zone",
    "within": "1h",
    "severity": "critical",
}


def states(house: House) -> dict[str, tuple[str, bool, bool]]:
    """Return (highest severity, active, latched) of each rule; all alerts stay unacknowledged."""
    return {one.rule_code: (one.peak, one.active, one.latched) for one in house.alerts()}


def late(message: Message, by: timedelta) -> Message:
    message.received_ms += by // timedelta(milliseconds=1)
    return message


def feed_daily(house: House, values: Sequence[float]) -> datetime:
    """Feed a reading every three hours; return the instant of the last."""
    told = [crack(value, NOW + place * 3 * HOUR) for place, value in enumerate(values)]
    at = NOW + (len(values) - 1) * 3 * HOUR
    house.feed(*told, now=at)
    return at


# The baseline of the epoch.


def test_a_late_reading_is_judged_by_the_baseline_of_its_epoch(store: Store) -> None:
    house = House(store, [MOVED])
    at = feed_daily(house, [0.0] * 9 + [0.25] * 80)

    house.feed(late(crack(0.45, at - HOUR), HOUR + MINUTE), now=at + MINUTE)

    (alert,) = house.alerts()
    assert (alert.late, alert.reason["values"]["baseline"]) == (True, 0.0)


def test_a_late_reading_raises_nothing_that_is_no_change_from_the_baseline(store: Store) -> None:
    house = House(store, [MOVED])
    at = feed_daily(house, [0.0] * 12 + [-0.5] * 150 + [round(-0.5 + i / 64, 4) for i in range(32)])

    house.feed(late(crack(-0.25, at - 17 * HOUR), 17 * HOUR), now=at)

    assert house.alerts() == []


@pytest.mark.parametrize("restarts", [False, True])
def test_a_late_reading_of_the_baselines_hours_counts_in_it(store: Store, restarts: bool) -> None:
    house = House(store, [MOVED])
    house.feed(crack(0.4), crack(0.4, NOW + HOUR), crack(0.0, NOW + 25 * HOUR))

    hours = [0.0, 0.0, 0.0, 0.0]
    house.feed(*(late(crack(v, NOW + (4 + i) * HOUR), 20 * HOUR) for i, v in enumerate(hours)))
    if restarts:
        house.pipeline = Pipeline()
    house.feed(crack(0.35, NOW + 26 * HOUR), now=NOW + 26 * HOUR)

    (alert,) = house.alerts()
    assert alert.reason["values"]["baseline"] == 0.0


def test_a_late_reading_of_an_epoch_that_is_over_is_judged_as_of_that_epoch(store: Store) -> None:
    house = House(store)
    house.feed(crack(0.5))
    with store.writing() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == "C-01")).one()
        sensor.begin_epoch("re-zero", by=machine("system"), now=NOW + HOUR, offset=-0.5)
    house.feed(crack(0.5, NOW + 2 * HOUR))

    house.feed(late(crack(2.4, NOW + 30 * MINUTE), 2 * HOUR), now=NOW + 3 * HOUR)

    (alert,) = house.alerts()
    assert (alert.peak, alert.late, alert.active) == ("high", True, False)


# What a late reading shows to hold now.


def test_an_alert_that_a_late_reading_raises_ends_with_the_movement(store: Store) -> None:
    house = House(store, [TWICE])
    house.feed(crack(0.5, NOW - 30 * MINUTE), crack(1.1))

    house.feed(late(crack(1.1, NOW - 10 * MINUTE), 11 * MINUTE), now=NOW + MINUTE)
    assert states(house) == {"TWICE": ("high", True, False)}

    house.pipeline = Pipeline()
    house.feed(crack(0.5, NOW + 15 * MINUTE), now=NOW + 15 * MINUTE)
    assert states(house) == {"TWICE": ("high", False, False)}


def test_what_a_late_reading_shows_to_hold_is_told_to_combinations(store: Store) -> None:
    house = House(store, [TWICE, TOGETHER])
    document = registry([TWICE, TOGETHER])
    document["sites"][0]["zones"] = [
        {"code": "north", "name": {"zh": "北", "en": "north"}, "elements": ["hall/ridge"]}
    ]
    house.load(document, NOW - DAY)
    house.feed(crack(1.1))

    house.feed(late(crack(1.1, NOW - 10 * MINUTE), 11 * MINUTE), now=NOW + MINUTE)
    assert states(house)["X1"] == ("critical", True, False)

    house.feed(crack(0.5, NOW + 15 * MINUTE), now=NOW + 15 * MINUTE)
    house.tick(NOW + 90 * MINUTE)
    assert {active for _, active, _ in states(house).values()} == {False}


def test_a_condition_that_a_late_reading_shows_begins_and_ends(store: Store) -> None:
    house = House(store, [{**TWICE, "condition": True}])
    house.feed(crack(1.1))

    house.feed(late(crack(1.1, NOW - 10 * MINUTE), 11 * MINUTE), now=NOW + MINUTE)
    house.feed(crack(0.5, NOW + 15 * MINUTE), now=NOW + 15 * MINUTE)

    with store.reading() as session:
        (condition,) = session.scalars(select(Condition))
        assert (condition.severity, condition.until) == ("high", NOW + 15 * MINUTE)
    assert house.alerts() == []


def test_what_was_over_too_soon_is_active_again_and_ends_when_it_does(store: Store) -> None:
    house = House(store, [LASTING])
    feed = [(0, 1.1), (10, 1.1), (20, 0.3), (90, 0.3)]
    house.feed(*(crack(value, NOW + minute * MINUTE) for minute, value in feed))
    assert states(house) == {"LASTING": ("medium", False, False)}

    house.feed(late(crack(1.1, NOW + 60 * MINUTE), 31 * MINUTE), now=NOW + 91 * MINUTE)
    assert states(house) == {"LASTING": ("medium", True, False)}

    house.feed(crack(0.3, NOW + 160 * MINUTE), now=NOW + 160 * MINUTE)
    assert states(house) == {"LASTING": ("medium", False, False)}


def test_a_late_reading_lets_go_of_nothing_that_is_held(store: Store) -> None:
    house = House(store, [TWICE])
    house.feed(crack(1.1, NOW - 20 * MINUTE), crack(1.1))

    house.feed(late(crack(0.1, NOW - 10 * MINUTE), 11 * MINUTE), now=NOW + MINUTE)
    assert states(house) == {"TWICE": ("high", True, False)}

    house.feed(crack(0.5, NOW + 15 * MINUTE), now=NOW + 15 * MINUTE)
    assert states(house) == {"TWICE": ("high", False, False)}


def test_windows_that_time_has_emptied_stay_so(store: Store) -> None:
    house = House(store, [CLOUDBURST])
    house.feed(rain(0.0), rain(9.0, NOW + 20 * MINUTE), rain(9.0, NOW + 70 * MINUTE))
    house.tick(NOW + 70 * MINUTE)
    house.feed(late(rain(9.0, NOW + 50 * MINUTE), 65 * MINUTE), now=NOW + 115 * MINUTE)
    house.tick(NOW + 115 * MINUTE)
    before = states(house)

    house.feed(late(rain(5.0, NOW + 10 * MINUTE), 106 * MINUTE), now=NOW + 116 * MINUTE)

    assert before == states(house) == {"BURST": ("high", False, False)}


# Any order.

WIDER = {
    **CRACK_RULE,
    "levels": [
        {"severity": "medium", "raise_at": 1.0},
        {"severity": "high", "raise_at": 1.25, "latch": True},
    ],
}
EXACT = [WIDER, MOVED]  # the others may say more in between: to them a gap looked otherwise
RULES = [*EXACT, TWICE, FAST, LASTING, CLOUDBURST]


def weather(seed: int) -> dict[str, list[tuple[datetime, float]]]:
    """Return two quiet days of crack and gauge with hours of rain and movement in between."""
    dice, total = random.Random(seed), 0.0
    found: dict[str, list[tuple[datetime, float]]] = {"crack_width": [], "rain_total": []}
    for minute in range(10, 60 * 52, 10):
        at, moves = NOW + minute * MINUTE, 36 <= minute / 60 < 42
        total += dice.choice((0.0, 0.0, 0.2, 1.4)) if moves else 0.0
        found["rain_total"].append((at, round(total, 1)))
        width = dice.uniform(0.4, 1.3) if moves else 0.35
        found["crack_width"].append((at, round(width, 2)))
    return found


def in_order(rule: dict[str, Any], readings: dict[str, list[tuple[datetime, float]]]):
    """Return what a rule says of readings in order, as of `states`; None where it is nothing."""
    parsed = parse_rule(rule)
    mine = readings[parsed.quantity or ""]
    samples = [Sample(to_ms(at), value, 1, to_ms(at)) for at, value in mine]
    steps = judge.backtest(parsed, samples)
    if not steps:
        return None
    peak = max((step.severity for step in steps if step.to != "cleared"), key=rank)
    ended = steps[-1].to in ("cleared", "latched")
    return peak, not ended, any(step.to == "latched" for step in steps)


def mixed(
    dice: random.Random, readings: dict[str, list[tuple[datetime, float]]], within: timedelta
):
    """Return the readings as messages in the order in which they come, each up to so late."""
    made = {"crack_width": crack, "rain_total": rain}
    found = [made[of](value, at) for of, some in readings.items() for at, value in some]
    return sorted(
        (late(one, within * dice.random()) for one in found), key=lambda one: one.received_ms
    )


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("within", [10 * MINUTE, 3 * HOUR], ids=["minutes", "hours"])
def test_any_order_ends_in_the_same(store: Store, seed: int, within: timedelta) -> None:
    house, dice, readings = House(store, RULES), random.Random(seed), weather(seed)
    messages = mixed(dice, readings, within)

    while messages:
        size = dice.randint(1, 60)
        house.feed(*messages[:size], now=from_ms(messages[:size][-1].received_ms))
        messages = messages[size:]
        if dice.random() < 0.1:
            house.pipeline = Pipeline()
        if dice.random() < 0.1:
            house.close_hours(from_ms(messages[0].received_ms) if messages else NOW)

    told = states(house)
    for rule in RULES:
        wanted = in_order(rule, readings)
        if rule in EXACT:
            assert told.get(rule["code"]) == wanted
        if wanted is not None:
            peak, active, latched = told[rule["code"]]
            assert rank(peak) >= rank(wanted[0])
            assert (active, latched) == wanted[1:]


# What it costs.


def test_late_readings_that_tell_no_news_are_not_judged_again(store: Store) -> None:
    house = House(store, [CRACK_RULE, MOVED, CLOUDBURST])
    at = feed_daily(house, [0.5] * 12)
    house.feed(rain(5.0, at), rain(5.0, at + HOUR))

    with counting(store) as statements:
        house.feed(late(crack(0.5, at - HOUR), 2 * HOUR), late(rain(5.0, at + MINUTE), HOUR))

    assert not any("reading_hour" in one and "rollup" in one for one in statements)


def test_late_readings_of_many_sensors_are_read_at_once(store: Store) -> None:
    house, document = House(store, [TWICE]), registry([TWICE])
    hall = document["sites"][0]["buildings"][0]
    like = hall["sensors"][0]
    hall["sensors"] = [
        {**like, "code": f"C-{n:02}", "source": {"device": "gateway", "channel": f"c{n}"}}
        for n in range(40)
    ]
    house.load(document, NOW - DAY)

    def told(at: datetime, by: timedelta = MINUTE) -> Message:
        pack = [{"bn": "gateway:", "bt": at.timestamp()}]
        pack += [{"n": f"c{n}", "u": "mm", "v": 1.1} for n in range(40)]
        return late(
            Message("ridgewatch/hill/gateway/senml", json.dumps(pack).encode(), to_ms(at)), by
        )

    house.feed(told(NOW))
    with counting(store) as statements:
        house.feed(told(NOW - 10 * MINUTE, 11 * MINUTE))

    assert sum("reading_hour" in one and "rollup" in one for one in statements) == 40 / AT_ONCE
    assert len(house.alerts()) == 40


def test_a_backlog_is_looked_up_by_the_hour(store: Store) -> None:
    house = House(store)
    house.feed(crack(0.5), crack(0.5, NOW + DAY))
    house.close_hours(NOW + DAY)
    backlog = [crack(0.5, NOW + HOUR + n * MINUTE) for n in range(50)]
    backlog += [crack(0.5), crack(0.6)]  # one that is there, and one that contradicts it

    with counting(store) as statements:
        batch = house.feed(*(late(one, 23 * HOUR) for one in backlog), now=NOW + DAY)

    looked_up = [one for one in statements if "reading_hour.packed" in one and "rollup" not in one]
    assert len(looked_up) <= 5
    assert (batch.readings, batch.repeats) == (50, 2)
    assert len(batch.refused) == 1
