"""What the pipeline promises: each message once, each verdict once, nothing false or lost."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from ingest.message import Message
from ingest.pipeline import Pipeline
from models.alert import Alert, Condition
from models.closing import close_building
from models.notice import Notice
from models.people import Actor, Grant, machine
from models.reading import DAY_S, HOUR_S, Channel, Quarantined, RainEpisode, Rollup, WaitingReading
from models.readings import bars, latest, raw
from models.reasons import Reason
from models.registry import Building
from models.retirement import retire_sensor
from models.sensor import Sensor
from models.store import Store
from models.times import to_ms
from tests.ingest.house import CRACK_RULE, NOW, SILENCE_RULE, House, crack, rain, registry, senml

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def test_a_reading_over_the_limit_raises_one_alert_and_tells_why(house: House) -> None:
    house.feed(crack(0.5), crack(1.4, NOW + 15 * MINUTE))

    (alert,) = house.alerts()
    assert (alert.rule_code, alert.subject, alert.severity) == (
        "WIDE",
        "sensor:hill/C-01",
        "medium",
    )
    assert alert.observed_at == NOW + 15 * MINUTE
    assert alert.reason["values"]["value"] == 1.4
    assert alert.state(NOW + HOUR) == "active_unacknowledged"


def test_a_repeated_message_stores_nothing_and_raises_nothing_again(house: House) -> None:
    message = crack(2.4)
    house.feed(message)

    batch = house.feed(message, message)

    assert (batch.readings, batch.repeats) == (0, 2)
    assert len(house.readings()) == len(house.alerts()) == 1


def test_another_value_for_the_same_instant_goes_to_quarantine_and_the_first_stays(
    house: House,
) -> None:
    house.feed(crack(0.5))

    house.feed(crack(0.7))

    assert [value for _, value, _ in house.readings()] == [0.5]
    with house.store.reading() as session:
        (row,) = session.scalars(select(Quarantined)).all()
        assert row.reason["code"] == "quarantine.conflicting_duplicate"
        assert b'"v": 0.7' in row.payload


def refused(house: House) -> list[tuple[str, int]]:
    """Return why messages are kept, and how often each came."""
    with house.store.reading() as session:
        rows = session.scalars(select(Quarantined).order_by(Quarantined.id)).all()
        return [(row.reason["code"], row.times) for row in rows]


def test_what_is_refused_and_tells_its_time_is_kept_once_however_often_it_comes(
    house: House,
) -> None:
    messages = [crack(0.5), crack(0.7), crack(None, NOW + MINUTE), crack(1e9, NOW + 2 * MINUTE)]

    for _ in range(3):
        house.feed(*messages, *messages)

    assert refused(house) == [
        ("quarantine.conflicting_duplicate", 6),
        ("quarantine.null_value", 6),
        ("quarantine.out_of_range", 6),
    ]


def test_what_is_refused_and_tells_no_time_is_kept_each_time(house: House) -> None:
    unread = Message("ridgewatch/hill/node-1/senml", b"{", to_ms(NOW), qos=1)

    house.feed(unread, unread)

    assert refused(house) == [("quarantine.malformed_json", 1)] * 2


def test_a_rising_level_makes_an_alert_unacknowledged_again_and_pages(house: House) -> None:
    house.feed(crack(1.4))
    with house.store.writing() as session:
        session.scalars(select(Alert)).one().acknowledge(by=Actor("person"), now=NOW)

    house.feed(crack(2.2, NOW + 15 * MINUTE))

    (alert,) = house.alerts()
    assert (alert.severity, alert.acknowledged) == ("high", False)
    with house.store.reading() as session:
        pages = session.scalars(select(Notice)).all()
        assert [(one.kind, one.severity, one.role) for one in pages] == [("page", "high", "duty")]


def test_bad_and_missing_values_never_clear(house: House) -> None:
    house.feed(crack(1.4))

    house.feed(crack(None, NOW + 15 * MINUTE), crack(-999.0, NOW + 30 * MINUTE))

    (alert,) = house.alerts()
    assert alert.active
    assert [quality >= 4 for _, _, quality in house.readings()] == [False, True, True]


def test_silence_turns_an_alert_unknown_and_heals_nothing(house: House) -> None:
    house.feed(crack(1.4))

    house.tick(NOW + 45 * MINUTE)
    assert not any(alert.unknown for alert in house.alerts())
    house.tick(NOW + 46 * MINUTE)

    silent, wide = house.alerts()
    assert (silent.rule_code, silent.active) == ("Q1", True)
    assert (wide.unknown, wide.active) == (True, True)

    house.feed(crack(1.5, NOW + 2 * HOUR))
    assert [(a.rule_code, a.active, a.unknown) for a in house.alerts()] == [
        ("Q1", False, False),
        ("WIDE", True, False),
    ]


def test_a_will_message_leaves_a_sensor_one_tick(house: House) -> None:
    house.feed(crack(0.5, client="node-1"))

    house.feed(Message("$ridgewatch/gone/node-1", b"", to_ms(NOW + MINUTE)))
    house.tick(NOW + MINUTE)
    assert house.alerts() == []
    house.tick(NOW + 2 * MINUTE)

    (silent,) = house.alerts()
    assert silent.reason["code"] == "silence.device_gone"


def test_an_out_of_order_reading_raises_what_nobody_knew_marked_late(house: House) -> None:
    house.feed(crack(0.5), crack(0.5, NOW + HOUR))

    house.feed(crack(1.4, NOW + 30 * MINUTE, received=NOW + HOUR + MINUTE))

    (alert,) = house.alerts()
    assert alert.late and not alert.active
    assert alert.observed_at == NOW + 30 * MINUTE
    assert alert.state(NOW + 2 * HOUR) == "cleared_unacknowledged"


def test_an_out_of_order_reading_clears_nothing_and_pages_nobody_twice(house: House) -> None:
    house.feed(crack(2.4, NOW + HOUR))

    house.feed(crack(0.1, NOW + 30 * MINUTE, received=NOW + HOUR + MINUTE))
    house.feed(crack(2.3, NOW + 45 * MINUTE, received=NOW + HOUR + 2 * MINUTE))

    (alert,) = house.alerts()
    assert alert.active and not alert.late
    with house.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Notice)) == 1


def test_history_is_stored_and_drawn_and_pages_nobody(house: House) -> None:
    house.feed(crack(9.0, NOW - timedelta(days=3), received=NOW))

    assert len(house.readings()) == 1
    assert house.alerts() == []


def test_what_a_broker_had_kept_raises_nothing(house: House) -> None:
    house.feed(crack(9.0, retain=True, source="subscriber"))

    assert len(house.readings()) == 1
    assert house.alerts() == []


def test_an_unclaimed_channel_waits_with_its_readings(house: House) -> None:
    house.feed(senml("stranger", "tilt_x", 0.2, NOW, unit="deg"))

    assert house.readings() == []
    with house.store.reading() as session:
        (channel,) = session.scalars(select(Channel)).all()
        assert (channel.device, channel.channel, channel.claimed) == ("stranger", "tilt_x", False)
        (waiting,) = session.scalars(select(WaitingReading)).all()
        assert waiting.value == 0.2


@pytest.mark.parametrize("payload", [b"", b"{", b"[1,2]", b"\xff\xfe", b'[{"v": 1}]'])
def test_a_message_that_says_nothing_is_kept_whole(house: House, payload: bytes) -> None:
    house.feed(Message("ridgewatch/hill/node-1/senml", payload, to_ms(NOW), qos=1))

    assert house.readings() == []
    with house.store.reading() as session:
        (row,) = session.scalars(select(Quarantined)).all()
        assert row.payload == payload


def test_a_counter_credits_its_rises_and_rebases_on_a_fall(house: House) -> None:
    totals = [100.0, 104.0, 110.0, 1.0, 6.5]
    house.feed(*(rain(total, NOW + i * 5 * MINUTE) for i, total in enumerate(totals)))

    with house.store.reading() as session:
        (episode,) = session.scalars(select(RainEpisode)).all()
        assert episode.sums["12"] == 15.5
        assert episode.grades == {"12": "heavy", "24": "moderate"}
        assert [alert.rule_code for alert in house.alerts()] == ["WET"]


def test_an_hour_is_made_when_it_closes_and_again_for_a_late_reading(house: House) -> None:
    at = NOW + MINUTE
    house.feed(crack(0.2, at), crack(0.4, at + 30 * MINUTE), crack(0.6, at + HOUR))
    house.close_hours(at + HOUR + 2 * MINUTE)

    with house.store.reading() as session:
        hour = session.scalars(select(Rollup).where(Rollup.span_s == HOUR_S)).all()[-1]
        assert (round(hour.value, 6), hour.min, hour.max, hour.count) == (0.3, 0.2, 0.4, 2)

    house.feed(crack(0.9, at + 15 * MINUTE, received=at + HOUR + MINUTE))
    with house.store.reading() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == "C-01")).one()
        closed, growing = bars(session, sensor, HOUR_S, NOW, NOW + 2 * HOUR)
        assert (closed.value, closed.max, closed.count) == (0.5, 0.9, 3)
        assert (growing.value, growing.count) == (0.6, 1)


def test_a_reading_out_of_order_shows_its_growing_hour_once(house: House) -> None:
    at = NOW + MINUTE
    house.feed(crack(0.2, at), crack(0.4, at + 30 * MINUTE))

    house.feed(crack(0.6, at + 15 * MINUTE, received=at + 31 * MINUTE))

    with house.store.reading() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == "C-01")).one()
        (growing,) = bars(session, sensor, HOUR_S, NOW, NOW + HOUR)
        (day,) = bars(session, sensor, DAY_S, NOW, NOW + HOUR)
        assert (growing.count, growing.max, day.count) == (3, 0.6, 3)


def test_a_re_zero_restarts_the_baseline_and_raises_nothing(store: Store) -> None:
    change = {**CRACK_RULE, "code": "MOVED", "of": "change"}
    change["baseline"] = {"of": "median", "over": "1h"}
    house = House(store, [change])
    house.feed(*(crack(5.0, NOW + i * 15 * MINUTE) for i in range(8)))
    with house.store.writing() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == "C-01")).one()
        sensor.begin_epoch("re-zero", by=machine("system"), now=NOW + 110 * MINUTE, offset=-5.0)

    house.feed(*(crack(9.0, NOW + 2 * HOUR + i * 15 * MINUTE) for i in range(8)))

    assert house.alerts() == []
    with house.store.reading() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == "C-01")).one()
        points = raw(session, sensor, NOW - HOUR, NOW + 5 * HOUR)
        assert (points[0].value, points[-1].value, points[-1].raw) == (5.0, 4.0, 9.0)


def test_a_changed_rule_goes_on_from_the_stored_past(house: House) -> None:
    house.feed(crack(1.4))
    stricter = {**CRACK_RULE, "levels": [{"severity": "medium", "raise_at": 3.0}]}

    house.load(registry([stricter]), NOW + HOUR)
    house.feed(crack(1.5, NOW + HOUR))

    (alert,) = house.alerts()
    assert (alert.active, alert.rule_version) == (False, 1)


def test_what_a_failed_transaction_remembered_is_forgotten(house: House) -> None:
    decoded = house.pipeline.decode([crack(2.4)])
    with pytest.raises(RuntimeError), house.store.writing() as session:
        house.pipeline.begin(session)
        house.pipeline.take(session, decoded, NOW)
        raise RuntimeError("the power fails here")
    house.pipeline.forget()

    house.feed(crack(2.4))

    assert len(house.readings()) == len(house.alerts()) == 1


def test_a_new_process_judges_on_where_the_old_one_stopped(house: House) -> None:
    house.feed(crack(1.4))
    house.pipeline = Pipeline()

    house.feed(crack(1.0, NOW + 15 * MINUTE), crack(0.1, NOW + 30 * MINUTE))

    (alert,) = house.alerts()
    assert alert.cleared_at is not None
    with house.store.reading() as session:
        (known,) = latest(session, [1, 2]).values()
        assert (known.value, known.heard_ms) == (0.1, to_ms(NOW + 30 * MINUTE))


def test_a_condition_is_recorded_and_is_no_alert(store: Store) -> None:
    house = House(store, [{**CRACK_RULE, "condition": True, "off_delay": "0"}])

    house.feed(*(crack(mm, NOW + i * HOUR) for i, mm in enumerate([1.4, 2.2, 1.3, 0.5])))

    assert house.alerts() == []
    with house.store.reading() as session:
        found = session.scalars(select(Condition).order_by(Condition.since)).all()
        assert [(one.severity, one.until is None) for one in found] == [
            ("medium", False),
            ("high", False),
            ("medium", False),
        ]


def test_a_retired_sensor_lets_go_of_what_a_combination_still_held(store: Store) -> None:
    together = {
        "code": "X1",
        "kind": "combination",
        "all": [{"rule": "WIDE", "level": "medium"}],
        "over": "zone",
        "within": "1h",
        "severity": "high",
    }
    house = House(store, [CRACK_RULE, together])
    document = registry([CRACK_RULE, together])
    document["sites"][0]["zones"] = [
        {"code": "north", "name": {"zh": "北", "en": "north"}, "elements": ["hall/ridge"]}
    ]
    house.load(document, NOW - HOUR)
    house.feed(crack(1.4))
    assert {alert.rule_code for alert in house.alerts() if alert.active} == {"WIDE", "X1"}

    with house.store.writing() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == "C-01")).one()
        retire_sensor(session, sensor, "destroyed", "fell", by=machine("system"), now=NOW + HOUR)
    house.tick(NOW + HOUR)
    house.tick(NOW + 3 * HOUR)

    assert [alert.rule_code for alert in house.alerts() if alert.active] == []


def test_what_a_birth_taught_outlives_a_restart(house: House) -> None:
    config = {
        "state_topic": "garden/rain",
        "unit_of_measurement": "mm",
        "device_class": "precipitation",
        "unique_id": "garden-rain",
        "device": {"identifiers": ["garden"]},
    }
    topic = "homeassistant/sensor/garden/rain/config"
    house.feed(Message(topic, json.dumps(config).encode(), to_ms(NOW), retain=True))
    house.pipeline = Pipeline()
    with house.store.reading() as session:
        house.pipeline.recall(session)

    house.feed(Message("garden/rain", b"3.2", to_ms(NOW + MINUTE)))

    with house.store.reading() as session:
        assert [one.last_value for one in session.scalars(select(Channel))] == [3.2]


def test_an_out_of_order_reading_lifts_a_lesser_alert_to_what_it_shows(house: House) -> None:
    """A light alert that stands must not hide a grave one that came late."""
    house.feed(crack(1.4, NOW + HOUR))
    assert [one.severity for one in house.alerts()] == ["medium"]

    late = crack(2.3, NOW + 30 * MINUTE, received=NOW + HOUR + MINUTE)
    house.feed(late)
    house.feed(late)

    (alert,) = house.alerts()
    assert (alert.severity, alert.peak, alert.active) == ("high", "high", True)
    assert alert.late and not alert.acknowledged
    assert alert.observed_at == NOW + 30 * MINUTE
    with house.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Notice)) == 1


def test_an_out_of_order_reading_tells_more_than_an_alert_that_is_over(house: House) -> None:
    house.feed(crack(0.5), crack(1.4, NOW + HOUR), crack(0.5, NOW + 2 * HOUR))
    (before,) = house.alerts()
    with house.store.writing() as session:
        session.get_one(Alert, before.id).acknowledge(by=Actor("person"), now=NOW)

    house.feed(crack(2.3, NOW + 90 * MINUTE, received=NOW + 2 * HOUR + MINUTE))

    first, second = house.alerts()
    assert (first.severity, first.live) == ("medium", False)
    assert (second.peak, second.late, second.live) == ("high", True, True)


def test_silence_in_a_zone_that_is_shut_is_grave_and_pages(house: House) -> None:
    house.feed(crack(0.5))
    with house.store.writing() as session:
        hall = session.scalars(select(Building)).one()
        officer = Actor("person", grants=(Grant(hall.site.organisation_id, "duty"),))
        close_building(session, hall, by=officer, now=NOW)

    house.tick(NOW + 46 * MINUTE)

    (silent,) = house.alerts()
    assert (silent.rule_code, silent.severity) == ("Q1", "high")
    house.feed(crack(0.5, NOW + HOUR), crack(0.5, NOW + HOUR + 15 * MINUTE))
    assert [one.active for one in house.alerts()] == [False]
    with house.store.reading() as session:
        assert [one.severity for one in session.scalars(select(Notice))] == ["high"]


def begun(house: House, kind: str, at: datetime, device: str | None = None, **how: Any) -> None:
    """Begin an epoch of the crack meter, or of the gauge."""
    with house.store.writing() as session:
        code = "R-01" if device == "node-2" else "C-01"
        sensor = session.scalars(select(Sensor).where(Sensor.code == code)).one()
        sensor.begin_epoch(kind, by=machine("system"), now=at, **how)


@pytest.mark.parametrize("odd", [False, True])
def test_another_instrument_is_not_measured_by_what_the_one_before_said(
    house: House, odd: bool
) -> None:
    house.feed(crack(9.0), rain(900.0))
    begun(house, "install", NOW + MINUTE)
    begun(house, "install", NOW + MINUTE, device="node-2")

    # The short way for plain readings, and the general one for what is none.
    received = NOW + 2 * MINUTE + timedelta(minutes=20 * odd)
    house.feed(crack(0.2, NOW + 2 * MINUTE, received), rain(1200.0, NOW + 2 * MINUTE, received))

    assert {quality for _, _, quality in house.readings()} == {1}


def test_a_battery_change_leaves_what_is_odd_odd(house: House) -> None:
    house.feed(crack(9.0))
    begun(house, "maintain", NOW + MINUTE, continues=True)

    house.feed(crack(0.2, NOW + 2 * MINUTE))

    assert [quality for _, _, quality in house.readings()] == [1, 3]


def test_a_silence_that_stands_where_a_zone_is_shut_rises_and_pages(house: House) -> None:
    house.feed(crack(0.5), rain(1.0))
    house.tick(NOW + 46 * MINUTE)
    shut_at = NOW + HOUR
    with house.store.writing() as session:
        for alert in session.scalars(select(Alert)):
            alert.acknowledge(by=Actor("person"), now=shut_at)
        hall = session.scalars(select(Building)).one()
        officer = Actor("person", grants=(Grant(hall.site.organisation_id, "duty"),))
        close_building(session, hall, by=officer, now=shut_at)

    assert sorted((one.subject, one.severity, one.acknowledged) for one in house.alerts()) == [
        ("sensor:hill/C-01", "high", False),
        ("sensor:hill/R-01", "high", False),  # it serves the site, and so the hall
    ]
    house.tick(shut_at + HOUR)
    assert {one.severity for one in house.alerts()} == {"high"}
    with house.store.reading() as session:
        told = session.scalars(select(Notice)).all()
        assert [(one.kind, one.severity) for one in told] == [("page", "high")] * 2
        why = Reason.from_json(Reason.from_json(told[0].reason).values["why"])
        assert why.code == "shut.silence"
    heard = crack(0.5, shut_at + HOUR), crack(0.5, shut_at + HOUR + 15 * MINUTE)
    house.feed(*heard, now=shut_at + 2 * HOUR)
    assert [one.active for one in house.alerts() if one.subject.endswith("C-01")] == [False]


def test_a_zone_is_shut_while_the_ingester_writes_of_its_silence(postgres_store: Store) -> None:
    house = House(postgres_store)
    house.feed(crack(0.5))
    house.tick(NOW + 46 * MINUTE)

    def shut() -> None:
        with house.store.writing() as session:
            hall = session.scalars(select(Building)).one()
            officer = Actor("person", grants=(Grant(hall.site.organisation_id, "duty"),))
            close_building(session, hall, by=officer, now=NOW + HOUR)

    with ThreadPoolExecutor(1) as pool:
        with house.store.writing() as session:
            alert = session.scalars(select(Alert)).one()
            alert.become_known(by=machine("rule"), now=NOW + HOUR, why=Reason("alert.sensor_heard"))
            session.flush()
            shutting = pool.submit(shut)
            with pytest.raises(TimeoutError):
                shutting.result(timeout=1)
        shutting.result(timeout=20)

    (alert,) = house.alerts()
    assert (alert.severity, alert.unknown) == ("high", False)


def test_shutting_a_zone_raises_no_silence_elsewhere_and_no_other_alert(house: House) -> None:
    document = registry([CRACK_RULE, SILENCE_RULE])
    (hall,) = document["sites"][0]["buildings"]
    (like,) = hall["sensors"]
    tower = {**hall, "code": "tower", "name": {"zh": "塔", "en": "tower"}}
    tower["sensors"] = [
        {**like, "code": "C-02", "source": {"device": "node-3", "channel": "crack"}}
    ]
    document["sites"][0]["buildings"].append(tower)
    house.load(document, NOW - HOUR)
    house.feed(crack(1.4), senml("node-3", "crack", 0.5, NOW))
    house.tick(NOW + 46 * MINUTE)
    with house.store.writing() as session:
        hall = session.scalars(select(Building).where(Building.code == "hall")).one()
        officer = Actor("person", grants=(Grant(hall.site.organisation_id, "duty"),))
        close_building(session, hall, by=officer, now=NOW + HOUR)

    assert sorted((one.rule_code, one.subject[-4:], one.severity) for one in house.alerts()) == [
        ("Q1", "C-01", "high"),
        ("Q1", "C-02", "low"),
        ("WIDE", "C-01", "medium"),
    ]
