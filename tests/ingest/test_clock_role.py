"""Time passes: nobody acknowledges, shelves end, deadlines are missed, an ingester dies."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest import escalation, housekeeping, watching
from ingest.clock_role import Clock
from ingest.falling_due import Turn, turn
from ingest.resuming import resume_clock
from models.alert import Alert
from models.clock import SiteClock, machine_now, site_clock
from models.event import Event, history
from models.heartbeat import DEAD_AFTER, Heartbeat, beat
from models.incident import open_incident
from models.lease import LASTS, hold, let_go
from models.notice import Notice
from models.people import Actor, Grant, machine
from models.reading import Quarantined, RecentReading, SensorState, WaitingReading
from models.reasons import Reason
from models.settings import Settings
from models.store import Store
from models.times import to_ms
from models.words.render import Reader, text
from tests.ingest.alarms import NOW, a_person, an_alert, page_it
from tests.models.house import NOW as TEMPLES_NOW
from tests.models.house import House as Temple
from tests.models.test_hold import busy
from tests.readings import readings_of

MINUTE = timedelta(minutes=1)
RULE = machine("rule")


@pytest.fixture
def session(store: Store) -> Iterator[Session]:
    with store.writing() as session:
        yield session


def paged(session: Session, severity: str = "critical") -> Alert:
    for role in ("duty", "manager", "admin"):
        a_person(session, role)
    alert = an_alert(session, severity)
    page_it(session, alert)
    return alert


def told(session: Session, kind: str) -> list[tuple[datetime, str]]:
    """Return (when, role) of all notices of a kind."""
    rows = session.scalars(select(Notice).where(Notice.kind == kind))
    return sorted((row.created_at, row.role) for row in rows)


def pass_minutes(session: Session, since: datetime, minutes: int) -> None:
    for minute in range(1, minutes + 1):
        turn(session, since + minute * MINUTE)


def test_a_red_alert_goes_up_every_quarter_of_an_hour_until_everybody_knows(
    session: Session,
) -> None:
    paged(session)

    pass_minutes(session, NOW, 5 * 60)

    steps: dict[int, set[str]] = {}
    for at, role in told(session, "escalation"):
        steps.setdefault(int((at - NOW) / MINUTE), set()).add(role)
    assert steps == {
        15: {"duty", "manager", "admin"},
        30: {"duty", "manager", "admin"},
        270: {"duty", "manager", "admin"},
    }


def test_an_orange_alert_goes_up_after_an_hour_one_role_at_a_time(session: Session) -> None:
    paged(session, "high")

    pass_minutes(session, NOW, 130)

    assert [(int((at - NOW) / MINUTE), role) for at, role in told(session, "escalation")] == [
        (60, "duty"),
        (60, "manager"),
        (120, "admin"),
        (120, "duty"),
        (120, "manager"),
    ]


def test_each_step_is_an_event_and_a_yellow_alert_has_none(session: Session) -> None:
    alert = paged(session)
    pass_minutes(session, NOW, 20)

    (step,) = [one for one in history(session, "alert", alert.id) if one.action == "page_again"]
    assert (step.at, step.by_kind) == (NOW + 15 * MINUTE, "clock")


def test_who_acknowledges_ends_it(session: Session) -> None:
    alert = paged(session)
    alert.acknowledge(by=Actor("person", a_person(session, "keeper").id), now=NOW + 5 * MINUTE)

    pass_minutes(session, NOW, 120)

    assert told(session, "escalation") == []


def test_a_turn_that_is_missed_late_or_doubled_changes_nothing(session: Session) -> None:
    paged(session)

    for minute in (15, 15, 16, 15):
        turn(session, NOW + minute * MINUTE)

    assert {at for at, _ in told(session, "escalation")} == {NOW + 15 * MINUTE}


def test_the_quick_turn_does_what_the_full_one_does(session: Session) -> None:
    paged(session)
    quick = Turn()

    for minute in range(1, 300):
        quick(session, NOW + minute * MINUTE)

    assert sorted({int((at - NOW) / MINUTE) for at, _ in told(session, "escalation")}) == [
        15,
        30,
        270,
    ]


def test_a_shelf_that_ends_puts_an_active_alert_back_and_pages_it(session: Session) -> None:
    alert = paged(session, "high")
    person = Actor("person", a_person(session, "keeper").id)
    alert.shelve(NOW + timedelta(hours=2), "works on the scaffold", by=person, now=NOW)

    pass_minutes(session, NOW + timedelta(hours=1), 59)
    assert alert.state(NOW + timedelta(hours=1, minutes=59)) == "shelved"
    turn(session, NOW + timedelta(hours=2))

    assert alert.state(NOW + timedelta(hours=2)) == "active_unacknowledged"
    assert [role for at, role in told(session, "page") if at == NOW + timedelta(hours=2)] == [
        "duty"
    ]


def test_a_shelf_that_ends_over_a_cleared_alert_pages_nobody(session: Session) -> None:
    alert = paged(session, "high")
    person = Actor("person", a_person(session, "keeper").id)
    alert.acknowledge(by=person, now=NOW)
    alert.shelve(NOW + timedelta(hours=2), "works", by=person, now=NOW)
    alert.active = False

    turn(session, NOW + timedelta(hours=2))

    assert not alert.live
    assert [at for at, _ in told(session, "page") if at != NOW] == []


def test_the_two_hour_report_is_asked_for_before_it_is_late_and_once_more_after(
    session: Session,
) -> None:
    alert = paged(session)
    assert alert.site is not None
    alert.site.protection_level = "national"
    duty = Actor("person", a_person(session, "keeper").id, grants=(Grant(None, "duty"),))
    open_incident(session, [alert], by=duty, now=NOW)
    alert.acknowledge(by=duty, now=NOW)

    pass_minutes(session, NOW, 180)

    told_at = sorted({int((at - NOW) / MINUTE) for at, _ in told(session, "deadline")})
    assert told_at == [90, 121]
    assert {role for _, role in told(session, "deadline")} == {"duty", "manager"}


# One works, the others stand by.


def test_a_lease_is_held_by_one_and_taken_over_with_a_new_token(session: Session) -> None:
    now = machine_now()

    assert hold(session, "clock", "a", now) == 1
    assert hold(session, "clock", "b", now + LASTS / 2) is None
    assert hold(session, "clock", "a", now + LASTS / 2) == 1
    assert hold(session, "clock", "b", now + LASTS * 2) == 2
    assert hold(session, "clock", "a", now + LASTS * 2) is None


def test_who_stops_in_order_lets_the_next_begin_at_once(session: Session) -> None:
    now = machine_now()
    hold(session, "clock", "a", now)

    let_go(session, "clock", "a", now)

    assert hold(session, "clock", "b", now) == 2


def led(store: Store, at: datetime) -> None:
    with store.writing() as session:
        row = site_clock(session)
        if row is None:
            row = SiteClock(id=1, mode="led", site_at=at, since=machine_now())
            session.add(row)
        row.mode, row.site_at = "led", at


def done_until(store: Store) -> datetime | None:
    with store.reading() as session:
        row = session.get(Heartbeat, "clock")
        return row.done_until if row else None


def a_clock(store: Store, name: str) -> Clock:
    return Clock(Settings(store.data_dir, store.url, "x" * 40), store, holder=name)


def test_the_clock_passes_each_minute_and_says_how_far_it_is(store: Store) -> None:
    with store.writing() as session:
        paged(session)
    led(store, NOW)
    clock = a_clock(store, "a")
    clock.turn()

    led(store, NOW + timedelta(hours=3, seconds=30))
    clock.turn()

    assert done_until(store) == NOW + timedelta(hours=3)
    with store.reading() as session:
        assert sorted({int((at - NOW) / MINUTE) for at, _ in told(session, "escalation")}) == [
            15,
            30,
        ]


def test_the_clock_that_stands_by_does_nothing(store: Store) -> None:
    led(store, NOW)
    first, second = a_clock(store, "a"), a_clock(store, "b")
    first.turn()

    led(store, NOW + timedelta(hours=1))
    second.turn()
    assert done_until(store) == NOW
    first.close()
    second.turn()

    assert done_until(store) == NOW + timedelta(hours=1)


def test_after_a_long_stop_in_real_life_nobody_is_paged_for_hours_long_past(store: Store) -> None:
    now = machine_now()
    with store.writing() as session:
        beat(session, "clock", done_until=now - timedelta(days=3))
    clock = a_clock(store, "a")

    clock.turn()

    assert done_until(store) == now.replace(second=0, microsecond=0)


def test_a_running_clock_goes_on_from_where_everything_stopped(store: Store) -> None:
    machine = machine_now()
    with store.writing() as session:
        stopped = machine - timedelta(days=2)
        session.merge(
            SiteClock(id=1, mode="running", site_at=NOW, since=stopped - MINUTE, speed=60.0)
        )
        beat(session, "ingest")
        session.get_one(Heartbeat, "ingest").beat_at = stopped

    resume_clock(store)

    with store.reading() as session:
        row = site_clock(session)
        assert row is not None
        passed = row.now(machine_now()) - NOW
        assert timedelta(minutes=60) <= passed < timedelta(minutes=70)


# A dead ingester.


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def look(watch: watching.Watch, session: Session, seconds: Seconds, until: float) -> set[str]:
    dead: set[str] = set()
    while seconds.now < until:
        seconds.now += 5.0
        dead = watch.look(session)
    return dead


def test_a_role_is_dead_when_its_heartbeat_stands_still_while_we_watch(session: Session) -> None:
    beat(session, "ingest")
    session.get_one(Heartbeat, "ingest").beat_at = NOW  # years ago: says nothing about now
    seconds = Seconds()
    watch = watching.Watch(("ingest",), seconds)

    assert look(watch, session, seconds, 10.0) == set()
    beat(session, "ingest")
    assert look(watch, session, seconds, 20.0) == set()
    assert look(watch, session, seconds, 25.0 + DEAD_AFTER.total_seconds()) == {"ingest"}


def test_a_laptop_that_slept_kills_nobody(session: Session) -> None:
    beat(session, "ingest")
    seconds = Seconds()
    watch = watching.Watch(("ingest",), seconds)
    watch.look(session)

    seconds.now = 8 * 3600.0

    assert watch.look(session) == set()


def test_a_role_that_never_ran_here_is_not_dead(session: Session) -> None:
    seconds = Seconds()

    assert look(watching.Watch(("ingest",), seconds), session, seconds, 60.0) == set()


def test_a_dead_ingester_is_one_critical_alert_and_nothing_is_known(session: Session) -> None:
    alert = an_alert(session, "high")
    alert.sensor_id = None
    a_person(session)
    session.add_all(
        SensorState(sensor=key, heard_ms=to_ms(NOW), at_ms=to_ms(NOW), value=1.0, quality=1)
        for key in range(1, 101)
    )
    beat(session, "ingest")
    session.flush()

    for _ in range(2):
        roles = watching.untold(session, ["ingest"], {"ingest"})
        watching.tell(session, roles, {"ingest"}, NOW)
        session.flush()

    (system,) = session.scalars(select(Alert).where(Alert.rule_code == "SYSTEM"))
    assert (system.subject, system.severity, system.active) == ("system:ingest", "critical", True)
    silent = session.scalars(select(SensorState.silent_since_ms)).all()
    assert set(silent) == {to_ms(NOW)}
    assert len(told(session, "page")) == 2  # duty, and the manager whom nobody is


def test_it_clears_when_the_ingester_is_back_and_sensors_wait_to_be_heard(
    session: Session,
) -> None:
    session.add(SensorState(sensor=1, heard_ms=to_ms(NOW)))
    beat(session, "ingest")
    session.flush()
    watching.tell(session, ["ingest"], {"ingest"}, NOW)

    assert watching.untold(session, ["ingest"], set()) == ["ingest"]
    watching.tell(session, ["ingest"], set(), NOW + MINUTE)

    (system,) = session.scalars(select(Alert).where(Alert.rule_code == "SYSTEM"))
    assert system.state(NOW + MINUTE) == "cleared_unacknowledged"
    assert watching.untold(session, ["ingest"], set()) == []
    assert session.scalars(select(SensorState.silent_since_ms)).all() == [to_ms(NOW)]


def test_a_session_that_a_broker_lost_stays_on_the_desk_until_somebody_has_seen_it(
    session: Session,
) -> None:
    for minute in range(2):
        watching.lose_session(session, "ridgewatch-ingest", NOW + minute * MINUTE)

    (alert,) = session.scalars(select(Alert))
    assert alert.state(NOW) == "cleared_unacknowledged"
    assert alert.subject == "system:ingest"
    raised = session.scalars(select(Event).where(Event.action == "raised")).all()
    assert len(raised) == 2


# What is kept for a time only.


def test_what_nobody_claims_is_kept_for_thirty_days_and_readings_for_ever(
    session: Session,
) -> None:
    for days in (29, 31):
        at = NOW - timedelta(days=days)
        session.add_all(
            [
                WaitingReading(
                    device="d", channel="c", at_ms=to_ms(at), value=1.0, received_ms=to_ms(at)
                ),
                RecentReading(sensor=1, at_ms=to_ms(at), value=1.0, quality=1),
                Quarantined(
                    received_at=NOW - timedelta(days=days * 3),
                    topic="t",
                    payload=b"x",
                    qos=1,
                    retain=False,
                    source="receiver",
                    reason={"code": "any.missing", "values": {}},
                ),
            ]
        )
    session.flush()

    housekeeping.tidy(session, NOW)

    assert len(session.scalars(select(WaitingReading)).all()) == 1
    assert len(session.scalars(select(Quarantined)).all()) == 1
    assert len(readings_of(session)) == 2


def test_a_dead_worker_is_one_alert_and_leaves_the_sensors_alone(session: Session) -> None:
    a_person(session)
    session.add(SensorState(sensor=1, heard_ms=to_ms(NOW), at_ms=to_ms(NOW), value=1.0, quality=1))
    session.flush()

    watching.tell(session, ["work"], {"work"}, NOW)
    watching.tell(session, ["work"], set(), NOW)

    (alert,) = session.scalars(select(Alert).where(Alert.rule_code == "SYSTEM"))
    assert (alert.subject, alert.severity, alert.active) == ("system:work", "high", False)
    assert session.scalars(select(SensorState.silent_since_ms)).all() == [None]


def test_dead_pages_are_told_by_mail_and_webhook_with_their_role(session: Session) -> None:
    a_person(session)
    beat(session, "web")
    session.flush()

    watching.tell(session, ["web"], {"web"}, NOW)

    (alert,) = session.scalars(select(Alert).where(Alert.rule_code == "SYSTEM"))
    assert (alert.subject, alert.severity, alert.active) == ("system:web", "high", True)
    assert told(session, "page")
    assert "`ridgewatch web`" in text(Reason.from_json(alert.reason), Reader("zh"))


def test_the_clock_pauses_work_on_the_minute_in_which_a_tag_turns_red(session: Session) -> None:
    house = Temple(session)
    _, task = busy(house)
    at_work, week = Turn(), 7 * 24 * 60

    for minute in (1, week, week + 1):
        assert task.state == "in_progress"
        at_work(session, TEMPLES_NOW + minute * MINUTE)

    assert task.state == "paused"


def test_a_part_that_fails_keeps_no_alert_from_the_next_in_line(session: Session) -> None:
    """One row that can't be said must not stop escalation, nor leave half of what it began."""
    alert = paged(session)

    def broken(session: Session, now: datetime) -> datetime | None:
        alert.severity = "low"
        session.flush()
        raise KeyError("no such word")

    for minute in range(1, 17):
        next_at = turn(session, NOW + minute * MINUTE, (broken, escalation.escalate))

    assert told(session, "escalation")
    assert alert.severity == "critical"
    assert next_at == NOW + 17 * MINUTE
