"""Sensors that need a hand: found once, mended by an epoch; silence itself heals nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from ingest import clock_role, upkeep
from ingest.message import Message
from models.clock import SiteClock, machine_now
from models.errors import BadInput, Forbidden, Refusal
from models.heartbeat import LISTENING_SINCE, Heartbeat, beat, note_fact
from models.maintenance import DUE, KINDS, MAINTENANCE, Maintenance, open_maintenance
from models.people import Actor, Grant, machine
from models.reading import HOUR_S, Channel, ReadingHour, Rollup, SensorState
from models.reasons import Reason, reason
from models.sensor import Sensor
from models.sensor_signs import signs
from models.settings import Settings
from models.store import Store
from models.times import to_ms
from models.words.render import Reader, text
from tests.harness.processes import wait_until
from tests.ingest.house import CRACK_RULE, NOW, SILENCE_RULE, House, crack, rain, senml
from tests.readings import readings_of

KEEPER = Actor("person", name="kim", grants=(Grant(None, "keeper"),))
ENGINEER = Actor("person", name="eva", grants=(Grant(None, "engineer"),))
HOUR = timedelta(hours=1)


@pytest.fixture
def house(store: Store) -> House:
    return at_work(store)


def at_work(store: Store) -> House:
    """Return a house of which two sensors have spoken, to an ingester that lives."""
    house = House(store, [CRACK_RULE, SILENCE_RULE])
    house.feed(crack(0.5, NOW), rain(10.0, NOW))
    with store.writing() as session:
        beat(session, "ingest")
    return house


def look(house: House, now: datetime) -> list[tuple[str, str, str]]:
    """Let the clock look; return (sensor, kind, severity) of what it opened."""
    with house.store.reading() as session:
        found = signs(session, now, machine_now())
    with house.store.writing() as session:
        opened = upkeep.take(session, found, now)
        return sorted((row.sensor.code, row.kind, row.severity) for row in opened)


def work(house: House, kind: str = "silent", code: str = "C-01") -> Maintenance:
    with house.store.reading() as session:
        mine = select(Maintenance).join(Sensor).where(Maintenance.kind == kind, Sensor.code == code)
        return session.scalars(mine.order_by(Maintenance.opened_at.desc())).first()


def sensor(session: Session, code: str) -> Sensor:
    return session.scalars(select(Sensor).where(Sensor.code == code)).one()


def silent_for(house: House, hours: float, keep: str = "R-01") -> datetime:
    """Let time pass in which only one of the two sensors speaks."""
    now = NOW + hours * HOUR
    house.feed(rain(10.0, now) if keep == "R-01" else crack(0.5, now), now=now)
    house.tick(now)
    return now


def test_a_silent_sensor_is_put_on_the_list_once(house):
    now = silent_for(house, 2)

    assert look(house, now) == [("C-01", "silent", "low")]
    assert look(house, now + HOUR) == []
    row = work(house)
    assert row.due_at == now + DUE["silent", "low"]
    assert row.code.startswith("M-2022-")


def test_a_dead_ingester_makes_no_sensor_silent(house):
    now = silent_for(house, 2)
    with house.store.writing() as session:
        session.execute(update(Heartbeat).values(beat_at=machine_now() - timedelta(minutes=1)))

    assert look(house, now) == []


def test_time_in_which_nobody_listened_is_no_silence(house):
    now = silent_for(house, 2)
    with house.store.writing() as session:
        note_fact(session, "ingest", LISTENING_SINCE, to_ms(now - 0.5 * HOUR))

    assert look(house, now) == []
    assert look(house, now + HOUR) == [("C-01", "silent", "low")]


def test_a_high_alert_on_the_sensor_makes_it_urgent(house):
    house.feed(crack(2.5, NOW + 0.25 * HOUR))
    now = silent_for(house, 3)

    assert look(house, now) == [("C-01", "silent", "high")]
    assert work(house).due_at == now + DUE["silent", "high"]


def mend(house: House, row: Maintenance, what: str, now: datetime, **how: float) -> None:
    with house.store.writing() as session:
        session.get_one(Maintenance, row.id).mend(what, "done on site", by=KEEPER, now=now, **how)


def states(house: House) -> dict[str, tuple[bool, bool]]:
    """Return (active, unknown) of the newest alert of each rule at the crack meter."""
    mine = [one for one in house.alerts() if one.subject == "sensor:hill/C-01"]
    return {one.rule_code: (one.active, one.unknown) for one in mine}


def test_mending_ends_the_alert_by_an_epoch_and_silence_begins_anew(house):
    house.feed(crack(1.5, NOW + 0.25 * HOUR))
    now = silent_for(house, 2)
    assert states(house) == {"Q1": (True, True), "WIDE": (True, True)}
    look(house, now)

    mend(house, work(house), "battery_changed", now + HOUR)
    house.tick(now + HOUR)

    # The instrument's alert has ended by the epoch. The crack is as open as it was last known to
    # be, nothing is known of it, and its sensor is not heard: an epoch is no reading.
    assert states(house) == {"Q1": (False, True), "WIDE": (True, True)}
    with house.store.reading() as session:
        state = session.get_one(SensorState, sensor(session, "C-01").key)
        assert state.silent_since_ms is not None and state.heard_ms == to_ms(NOW + 0.25 * HOUR)

    house.tick(now + 1.5 * HOUR)
    assert states(house)["Q1"] == (False, True)
    house.tick(now + 2 * HOUR)  # three intervals and a tick after the epoch
    assert states(house)["Q1"] == (True, True)


def test_missing_data_alone_ends_nothing(house):
    house.feed(crack(1.5, NOW + 0.25 * HOUR))
    now = silent_for(house, 2)
    look(house, now)

    for hours in range(1, 200, 20):
        house.tick(now + hours * HOUR)
        look(house, now + hours * HOUR)

    assert states(house) == {"Q1": (True, True), "WIDE": (True, True)}
    assert work(house).state == "open"


def test_an_unmended_silence_is_found_again_after_the_epoch_had_its_time(house):
    now = silent_for(house, 2)
    look(house, now)
    mend(house, work(house), "restarted", now)

    assert look(house, now + 0.5 * HOUR) == []
    assert look(house, now + HOUR) == [("C-01", "silent", "low")]


def test_a_new_battery_keeps_the_cracks_baseline_and_a_new_zero_does_not(store):
    rule = {**CRACK_RULE, "of": "change", "baseline": {"of": "median", "over": "1h"}}
    house = House(store, [rule, SILENCE_RULE])
    for quarter in range(8):
        house.feed(crack(5.0, NOW + quarter * HOUR / 4))
    with store.writing() as session:
        beat(session, "ingest")
    now = silent_for(house, 4)
    look(house, now)
    mend(house, work(house), "battery_changed", now)

    house.feed(crack(6.5, now + HOUR), now=now + HOUR)  # 1.5 mm more than the baseline of before

    assert [one.rule_code for one in house.alerts() if one.active and one.rule_code == "WIDE"]


def test_what_is_not_needed_is_left_alone_for_a_week(house):
    now = silent_for(house, 2)
    look(house, now)
    with house.store.writing() as session:
        row = session.get_one(Maintenance, work(house).id)
        with pytest.raises(Forbidden):
            row.drop("winter", by=KEEPER, now=now)
        row.drop("taken down for the winter", by=ENGINEER, now=now)

    assert look(house, now + timedelta(days=6)) == []
    assert look(house, now + timedelta(days=8)) == [("C-01", "silent", "low")]


def test_a_retired_sensor_needs_no_hand(house):
    now = silent_for(house, 2)
    look(house, now)
    with house.store.writing() as session:
        sensor(session, "C-01").retire(why="destroyed", note="fell", by=ENGINEER, now=now)

    look(house, now + HOUR)

    assert work(house).state == "not_needed"


def hear_battery(house: House, quantity: str, value: float, at: datetime = NOW) -> None:
    with house.store.writing() as session:
        session.merge(
            Channel(
                device="node-1", channel="battery", quantity=quantity, first_ms=to_ms(NOW),
                last_ms=to_ms(at), last_value=value, count=1, claimed=False,
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    ("quantity", "value", "found"),
    [
        ("battery_level", 19.9, [("C-01", "battery_low", "low")]),
        ("battery_level", 20.0, []),
        ("battery_level", 9.9, [("C-01", "battery_low", "high")]),
        ("battery_voltage", 3.29, [("C-01", "battery_low", "low")]),
        ("battery_voltage", 3.3, []),
    ],
)
def test_a_low_battery_is_found_before_the_sensor_falls_silent(house, quantity, value, found):
    hear_battery(house, quantity, value)
    now = NOW + HOUR / 4

    hear_battery(house, quantity, value, now)

    assert look(house, now) == found
    assert look(house, now) == []


def test_a_changed_battery_is_found_again_only_when_it_says_so_itself(house):
    now = NOW + HOUR / 4
    hear_battery(house, "battery_level", 5.0, now)
    look(house, now)
    mend(house, work(house, "battery_low"), "battery_changed", now)

    assert look(house, now + HOUR / 4) == []
    hear_battery(house, "battery_level", 4.0, now + HOUR / 2)
    assert look(house, now + HOUR / 2) == [("C-01", "battery_low", "high")]


def fill_hours(house: House, code: str, hours: int, values: Iterator[float]) -> datetime:
    """Write that many hours and let the sensor show the last value."""
    with house.store.writing() as session:
        one = sensor(session, code)
        rows, value = [], 0.0
        for hour in range(1, hours + 1):
            value = next(values)
            rows.append(
                {
                    "sensor": one.key, "span_s": HOUR_S, "end_ms": to_ms(NOW + hour * HOUR),
                    "value": value, "min": value, "max": value, "count": 4, "quality": 1,
                }
            )  # fmt: skip
        session.execute(insert(Rollup), rows)
        session.get_one(SensorState, one.key).value = value
    return NOW + hours * HOUR


def same(value: float) -> Iterator[float]:
    while True:
        yield value


def test_a_crack_that_does_not_move_by_a_digit_for_a_day_is_stuck(house):
    now = fill_hours(house, "C-01", 24, same(1.234))

    assert look(house, now) == [("C-01", "stuck", "low")]


def test_a_crack_that_moves_by_one_digit_is_not_stuck(house):
    now = fill_hours(house, "C-01", 24, iter([1.234] * 23 + [1.235]))

    assert look(house, now) == []


def test_a_crack_meter_that_is_new_is_not_stuck(house):
    now = fill_hours(house, "C-01", 12, same(1.234))

    assert look(house, now) == []


def test_a_gauge_that_counts_nothing_while_its_neighbour_does_is_stuck(house):
    document = {"sites": [{"code": "hill", "name": {"zh": "山寺", "en": "Hill"}, "sensors": [
        {"code": "R-02", "quantity": "rain_total", "unit": "mm", "interval_s": 300,
         "source": {"device": "node-3", "channel": "rain"}}]}]}  # fmt: skip
    house.load(document, NOW - timedelta(days=2))
    with house.store.writing() as session:
        session.add(SensorState(sensor=sensor(session, "R-02").key, heard_ms=to_ms(NOW)))
    fill_hours(house, "R-01", 6, same(2.0))
    now = fill_hours(house, "R-02", 6, same(0.0))

    assert look(house, now) == [("R-02", "stuck", "low")]


def test_readings_that_can_not_be_true_are_out_of_range_once_there_are_three(house):
    for number in (1, 2, 3):
        at = NOW + number * HOUR / 4
        house.feed(crack(9_999.0, at), now=at)
        expected = [("C-01", "out_of_range", "low")] if number == 3 else []
        assert look(house, at) == expected


DAY = timedelta(days=1)


def wrong_for(house: House, hours: float, begin: datetime = NOW, off: timedelta = 2 * DAY) -> None:
    """Let a crack meter whose clock is off speak every quarter of an hour."""
    for quarter in range(1, int(hours * 4) + 1):
        at = begin + quarter * HOUR / 4
        house.feed(crack(0.5, at - off, at), rain(10.0, at), now=at)
        house.tick(at)


@pytest.mark.parametrize("off", [25 * HOUR, 400 * DAY], ids=["hours", "a year"])
def test_a_clock_that_is_off_by_more_than_a_day_is_put_on_the_list_once(house, off):
    wrong_for(house, 3, off=off)
    assert look(house, NOW + 3 * HOUR) == []

    wrong_for(house, 1, NOW + 3 * HOUR, off)

    assert look(house, NOW + 4 * HOUR) == [("C-01", "clock_off", "low")]
    assert look(house, NOW + 5 * HOUR) == []
    row = work(house, "clock_off")
    assert (row.since, row.due_at) == (NOW + HOUR / 4, NOW + 4 * HOUR + DUE["clock_off", "low"])
    assert "C-01 自 2022年3月21日 08:15" in text(Reason.from_json(row.reason), Reader("zh"))


def test_a_clock_that_is_right_again_ends_its_line(house):
    wrong_for(house, 4)
    look(house, NOW + 4 * HOUR)
    house.pipeline.forget()  # a restart knows since when
    later = NOW + 5 * HOUR

    look(house, later)
    assert work(house, "clock_off").state == "open"
    house.feed(crack(0.5, later), now=later)
    look(house, later)

    row = work(house, "clock_off")
    assert (row.state, row.closed_at, row.closed_by) == ("done", later, None)


def test_who_catches_up_has_a_right_clock(house):
    for quarter in range(1, 20):
        at = NOW + quarter * HOUR / 4
        house.feed(*(crack(0.5, at - n * DAY, at) for n in (3, 2)), now=at)
        if quarter % 8 == 0:
            house.feed(crack(0.5, at), now=at)
        house.tick(at)
        assert "clock_off" not in [kind for _, kind, _ in look(house, at)]


def test_a_clock_that_was_set_in_vain_is_found_again(house):
    wrong_for(house, 4)
    look(house, NOW + 4 * HOUR)
    mend(house, work(house, "clock_off"), "clock_set", NOW + 4 * HOUR)

    wrong_for(house, 2, NOW + 4 * HOUR)
    assert look(house, NOW + 6 * HOUR) == []
    wrong_for(house, 2, NOW + 6 * HOUR)

    assert look(house, NOW + 8 * HOUR) == [("C-01", "clock_off", "low")]


def test_of_a_device_whose_clock_is_off_one_sensor_is_listed(house):
    document = {"sites": [{"code": "hill", "name": {"zh": "山寺", "en": "Hill"}, "sensors": [
        {"code": "T-01", "quantity": "temperature", "unit": "degC", "interval_s": 900,
         "source": {"device": "node-1", "channel": "t"}}]}]}  # fmt: skip
    house.load(document, NOW - 30 * DAY)
    for quarter in range(1, 30):
        at = NOW + quarter * HOUR / 4
        warm = senml("node-1", "t", 10.0, at - 2 * DAY, at, unit="Cel")
        house.feed(*[warm] * (quarter < 20), *[crack(0.5, at - 2 * DAY, at)] * (quarter > 2))
        if quarter in (13, 20, 29):
            assert len(look(house, at)) == (quarter == 13)


def test_re_zeroing_needs_the_value_that_it_shows(house):
    now = silent_for(house, 2)
    look(house, now)
    with pytest.raises(BadInput):
        mend(house, work(house), "re_zeroed", now)
    with pytest.raises(BadInput):
        mend(house, work(house), "prayed", now)

    mend(house, work(house), "re_zeroed", now, shows=0.0)

    with house.store.reading() as session:
        last = sensor(session, "C-01").epochs[-1]
    assert (last.kind, last.offset, last.continues) == ("maintain", -0.5, False)


def test_the_table_is_whole(house):
    now = silent_for(house, 2)
    look(house, now)
    with house.store.writing() as session:
        row = session.get_one(Maintenance, work(house).id)
        owner = Actor("person", name="ana", grants=(Grant(None, "manager"),))
        assert row.offered(now) == ("assign", "mend", "drop", "retire", "right")
        assert row.actions(owner, now) == ("assign", "mend", "drop")
        assert row.actions(KEEPER, now) == ("mend",)
        row.mend("cleaned", "spider", by=KEEPER, now=now)
        assert row.offered(now) == ()
        with pytest.raises(Refusal):
            row.mend("cleaned", "spider", by=KEEPER, now=now)
    assert {action for _, action in MAINTENANCE} == set(Maintenance.MAY)


def test_of_a_kind_only_one_is_open(house):
    with house.store.writing() as session:
        one = sensor(session, "C-01")
        how = {"since": NOW, "by": machine("clock"), "now": NOW}
        why = reason("maintenance.silent", sensor="C-01", since="2022-03-21T00:00:00Z")
        first = open_maintenance(session, one, "silent", "low", why, **how)

        assert open_maintenance(session, one, "silent", "low", why, **how) is first
        assert open_maintenance(session, one, "stuck", "low", why, **how) is not first
    assert {kind for kind, _ in DUE} == set(KINDS)


def test_every_sign_is_said_in_both_languages(house):
    now = silent_for(house, 2)
    look(house, now)
    why = Reason.from_json(work(house).reason)

    assert "C-01 自" in text(why, Reader("zh"))
    assert "Nothing heard of C-01" in text(why, Reader("en"))


def test_bad_readings_are_stored_and_raise_nothing(house):
    house.feed(crack(9_999.0, NOW + HOUR / 4))

    with house.store.reading() as session:
        assert any(one.quality >= 4 for one in readings_of(session))
    assert house.alerts() == []


def qualities(house: House) -> list[int]:
    with house.store.reading() as session:
        key = sensor(session, "C-01").key
        return [one.quality for one in readings_of(session, key)]


def level(percent: float, minutes: float) -> Message:
    return senml("node-1", "battery", percent, NOW + timedelta(minutes=minutes), unit="%EL")


def test_readings_on_a_nearly_empty_battery_are_questionable_until_it_is_changed(house):
    house.feed(level(9, 10), crack(0.5, NOW + HOUR / 4))
    house.pipeline.forget()  # a restart knows it from what was heard last
    house.feed(crack(0.5, NOW + HOUR / 2))
    house.feed(level(90, 40), crack(0.5, NOW + 3 * HOUR / 4))

    assert qualities(house) == [1, 3, 3, 1]


def test_a_battery_that_is_a_sensor_of_its_own_is_watched_there(house):
    document = {"sites": [{"code": "hill", "name": {"zh": "山寺", "en": "Hill"}, "sensors": [
        {"code": "B-01", "quantity": "battery_level", "unit": "%", "interval_s": 3600,
         "source": {"device": "node-1", "channel": "battery"}}]}]}  # fmt: skip
    house.load(document, NOW - timedelta(days=2))
    house.feed(level(15, 10))

    assert look(house, NOW + HOUR / 4) == [("B-01", "battery_low", "low")]


def test_the_clock_by_itself_keeps_the_list_and_closes_hours(sqlite_store, data_dir):
    house = at_work(sqlite_store)
    now = silent_for(house, 2)
    with house.store.writing() as session:
        session.add(SiteClock(id=1, mode="led", site_at=now, since=machine_now()))
    stop = Event()
    settings = Settings(data_dir, house.store.url, "x" * 40)
    clock = Thread(target=clock_role.run, args=(settings, house.store, stop))
    clock.start()
    try:
        wait_until(lambda: len(lines(house)) == 1, "the list is kept", every_s=0.5)
        wait_until(lambda: packed_hours(house) > 0, "hours are closed")
    finally:
        stop.set()
        clock.join()


def packed_hours(house: House) -> int:
    with house.store.reading() as session:
        return session.scalar(select(func.count()).select_from(ReadingHour)) or 0


def lines(house: House) -> list[Maintenance]:
    """Return the list, of an installation whose ingester lives: else nobody is called silent."""
    with house.store.writing() as session:
        beat(session, "ingest")
    with house.store.reading() as session:
        return list(session.scalars(select(Maintenance)))
