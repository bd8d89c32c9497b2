"""Hours close: readings move, are told once wherever they lie, and their rollups are whole."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DataError, IntegrityError

from ingest import moving, partitions, recounting
from ingest.rollups import hold_open, merge_hours
from ingest.storing import Row, insert_recent
from ingest.work_role import Work
from models import readings, stored
from models.bars import NO_TREND, Bar, Trend
from models.people import machine
from models.reading import DAY_S, HOUR_S, ReadingHour, RecentReading, Rollup
from models.readings import bars
from models.sensor import Sensor
from models.store import Store
from models.times import to_ms
from tests.ingest.house import NOW, House, crack, rain
from tests.readings import readings_of

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATER = NOW + 3 * HOUR + 5 * MINUTE  # three hours are over then


@pytest.fixture
def house(store: Store) -> House:
    """Three hours and a bit of a crack and a rain counter."""
    house = House(store)
    for step in range(1, 14):
        at = NOW + step * 15 * MINUTE
        house.feed(rain(100 + step * 0.2, at - 5 * MINUTE), crack(0.1 + step / 100, at), now=at)
    return house


def bars_of(house: House, code: str, span_s: int) -> list[Bar]:
    with house.store.reading() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == code)).one()
        return bars(session, sensor, span_s, NOW - DAY, NOW + 2 * DAY)


def trends_of(house: House, code: str, span_s: int) -> Trend:
    with house.store.reading() as session:
        sensors = session.scalars(select(Sensor)).all()
        found = readings.trends_of(session, sensors, span_s, to_ms(NOW - DAY), to_ms(NOW + 2 * DAY))
        return next(found[sensor.key] for sensor in sensors if sensor.code == code)


def crack_key(house: House) -> int:
    with house.store.reading() as session:
        return session.scalars(select(Sensor.key).where(Sensor.code == "C-01")).one()


def counted(house: House, table: type) -> int:
    with house.store.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def told(house: House) -> list[object]:
    """Return all that readers can see: readings, hours and days."""
    return [
        house.readings(),
        *(bars_of(house, code, span) for code in ("C-01", "R-01") for span in (HOUR_S, DAY_S)),
    ]


def test_what_readers_see_is_the_same_before_and_after(house: House) -> None:
    before = told(house)

    for _ in range(2):  # the second time there is nothing to do
        moving.close_hours(house.store, LATER)

        assert counted(house, ReadingHour) == 6
        assert counted(house, RecentReading) == 2
        assert told(house) == before


@pytest.mark.parametrize("span_s", [HOUR_S, DAY_S])
@pytest.mark.parametrize("code", ["C-01", "R-01"])
def test_charts_read_the_same_hours_and_days(house: House, code: str, span_s: int) -> None:
    house.feed(crack(0.5, NOW + 5 * HOUR), rain(120, NOW + 5 * HOUR), now=NOW + 5 * HOUR)
    for until in (NOW, LATER, NOW + 6 * HOUR):  # nothing is written, then something, then all
        moving.close_hours(house.store, until)
        known = [bar[:4] for bar in bars_of(house, code, span_s) if bar.value is not None]
        assert len(known) == (5 if span_s == HOUR_S else 1)
        assert list(zip(*trends_of(house, code, span_s), strict=True)) == known


def test_what_has_no_value_is_not_drawn(house: House) -> None:
    moving.close_hours(house.store, LATER)
    with house.store.writing() as session:
        ends = [bar.end_ms for bar in bars_of(house, "C-01", HOUR_S)]
        session.execute(
            update(Rollup)
            .where(Rollup.sensor == crack_key(house), Rollup.end_ms == ends[1])
            .values(value=None, min=None, max=None, count=0)
        )
    assert trends_of(house, "C-01", HOUR_S).at_ms == (ends[0], *ends[2:])
    with house.store.reading() as session:
        gone = session.scalars(select(Sensor).where(Sensor.code == "R-01")).one()
        found = readings.trends_of(session, [gone], HOUR_S, 0, to_ms(NOW) - 1)
    assert found == {gone.key: NO_TREND}


def test_an_hour_stays_open_for_two_minutes_more(house: House) -> None:
    moving.close_hours(house.store, NOW + HOUR + 119 * timedelta(seconds=1))
    assert counted(house, ReadingHour) == 0

    moving.close_hours(house.store, NOW + HOUR + 2 * MINUTE)
    assert counted(house, ReadingHour) == 2


def test_a_clock_that_is_wrong_for_a_while_closes_no_years(house: House) -> None:
    moving.close_hours(house.store, NOW + 365 * 77 * DAY)

    house.feed(crack(0.5, NOW + 3 * DAY), now=NOW + 3 * DAY)

    assert counted(house, RecentReading) == 1


def test_cut_off_between_two_transactions_nothing_is_lost_or_told_twice(house: House) -> None:
    before = told(house)
    with house.store.writing() as session:
        closed_ms = moving._close(session, moving._over_ms(session, LATER))
    assert told(house) == before
    with house.store.writing() as session:
        sensors = moving.measured(session)
        hours = moving._gather(session, 1, 1, closed_ms)
        merge_hours(session, sensors, hours)
    assert told(house) == before
    house.feed(crack(0.9, NOW + 20 * MINUTE, received=LATER), now=LATER)
    with_late = told(house)
    assert len(house.readings()) == 27

    moving.close_hours(house.store, LATER)  # the next clock begins again

    assert told(house) == with_late
    assert counted(house, RecentReading) == 2


def test_a_late_reading_goes_straight_into_its_hour_and_day(house: House) -> None:
    moving.close_hours(house.store, NOW + 2 * DAY)

    house.feed(crack(9.5, NOW + 20 * MINUTE, received=NOW + 2 * DAY), now=NOW + 2 * DAY)

    assert counted(house, RecentReading) == 0
    with house.store.reading() as session:
        rows = session.execute(
            select(Rollup.span_s, Rollup.max, Rollup.count)
            .where(Rollup.sensor == crack_key(house))
            .order_by(Rollup.span_s, Rollup.end_ms)
        ).all()
    assert [tuple(row) for row in rows][0] == (HOUR_S, 9.5, 5)
    assert [tuple(row) for row in rows if row[0] == DAY_S] == [(DAY_S, 9.5, 14)]


def test_a_late_total_credits_its_own_hour_and_no_rain_twice(house: House) -> None:
    moving.close_hours(house.store, LATER)
    before = sum(hour.value or 0 for hour in bars_of(house, "R-01", HOUR_S))

    # After 100.8, the last of the first hour, and before 101.0, the first of the second.
    house.feed(rain(100.9, NOW + 58 * MINUTE, received=LATER), now=LATER)

    after = bars_of(house, "R-01", HOUR_S)
    assert sum(hour.value or 0 for hour in after) == pytest.approx(before)
    assert after[0].value == pytest.approx(0.7)


@pytest.mark.parametrize("known", ["afterwards", "before"])
def test_a_counter_that_was_mounted_some_time_ago_is_no_rain_of_then(
    store: Store, known: str
) -> None:
    house, mounted = House(store), NOW + 30 * MINUTE

    def say() -> None:
        with store.writing() as session:
            gauge = session.scalars(select(Sensor).where(Sensor.code == "R-01")).one()
            gauge.begin_epoch("install", by=machine("system"), now=NOW + 17 * HOUR, since=mounted)

    house.feed(rain(100, NOW + 10 * MINUTE), rain(100.4, NOW + 20 * MINUTE))
    house.feed(rain(500, NOW + 80 * MINUTE), rain(500.2, NOW + 100 * MINUTE))
    if known == "before":
        say()
    moving.close_hours(store, NOW + 17 * HOUR)
    if known == "afterwards":
        assert [hour.value for hour in bars_of(house, "R-01", HOUR_S)] == [0.4, 399.8]
        say()

    work = Work(store, recounting.HANDLERS)
    while work.turn():
        pass

    assert [hour.value for hour in bars_of(house, "R-01", HOUR_S)] == [0.4, 0.2]
    assert [day.value for day in bars_of(house, "R-01", DAY_S)] == [pytest.approx(0.6)]


def test_a_late_total_before_midnight_takes_its_rain_from_the_day_after(store: Store) -> None:
    house, midnight = House(store), NOW + 16 * HOUR
    house.feed(rain(5, midnight - 90 * MINUTE), rain(12, midnight + 30 * MINUTE))
    moving.close_hours(store, midnight + 25 * HOUR)
    assert [day.value for day in bars_of(house, "R-01", DAY_S)] == [0, 7]

    late = midnight + 25 * HOUR
    house.feed(rain(10, midnight - 30 * MINUTE, received=late), now=late)

    assert [day.value for day in bars_of(house, "R-01", DAY_S)] == [5, 2]


def test_a_late_total_takes_its_rain_from_the_next_hour_that_has_a_good_one(store: Store) -> None:
    house = House(store)
    house.feed(rain(5, NOW + 10 * MINUTE), rain(200_000, NOW + 90 * MINUTE))
    house.feed(rain(12, NOW + 150 * MINUTE))
    moving.close_hours(store, LATER)

    house.feed(rain(10, NOW + 50 * MINUTE, received=LATER), now=LATER)

    assert [hour.value for hour in bars_of(house, "R-01", HOUR_S)] == [5, None, 2]


def test_hours_that_close_together_credit_no_rain_twice_over_one_of_bad_totals(
    store: Store,
) -> None:
    house = House(store)
    house.feed(rain(5, NOW + 10 * MINUTE), rain(200_000, NOW + 90 * MINUTE))
    house.feed(rain(12, NOW + 150 * MINUTE))
    with store.writing() as session:
        sensors = moving.measured(session)
        later_ms = moving._close(session, moving._over_ms(session, LATER))
        (key,) = (key for key, one in sensors.items() if one.quantity == "rain_total")
        hours = moving._gather(session, key, key, later_ms)
        first, bad, last = sorted(hours)
        merge_hours(session, sensors, {last: hours[last]})
        made = merge_hours(session, sensors, {first: hours[first], bad: hours[bad]})
    moving.close_hours(store, LATER)

    assert made == {first, bad, last}
    assert [hour.value for hour in bars_of(house, "R-01", HOUR_S)] == [0, None, 7]


def test_the_day_of_a_sensor_that_fell_silent_is_made_when_it_is_over(house: House) -> None:
    moving.close_hours(house.store, LATER)
    assert [bar.count for bar in bars_of(house, "C-01", DAY_S)] == [13]

    moving.close_hours(house.store, NOW + 2 * DAY)

    with house.store.reading() as session:
        days = select(Rollup.count).where(Rollup.span_s == DAY_S, Rollup.sensor == crack_key(house))
        assert session.scalars(days).all() == [13]


def test_questions_of_one_sensor_find_recent_and_packed(house: House) -> None:
    moving.close_hours(house.store, NOW + 2 * HOUR + 5 * MINUTE)

    key, gauge = crack_key(house), 3 - crack_key(house)
    with house.store.reading() as session:
        first, last = to_ms(NOW + 15 * MINUTE), to_ms(NOW + 195 * MINUTE)
        assert stored.first_ms(session, key, 0) == first
        assert stored.first_ms(session, key, first) == to_ms(NOW + 30 * MINUTE)
        assert stored.first_ms(session, key, to_ms(NOW + 2 * HOUR)) == to_ms(NOW + 135 * MINUTE)
        assert stored.first_ms(session, key, last) is None
        found = stored.last_good(session, key, to_ms(NOW + 100 * MINUTE))
        assert found is not None and found.at_ms == to_ms(NOW + 90 * MINUTE)
        places = [(key, first), (key, last), (key, first + 1)]
        assert stored.of_instants(session, places).keys() == {*places[:2]}
        assert stored.count_between(session, [key, gauge], first, last) == 24
        window = list(stored.between(session, key, first, last - 1))
        assert [one.at_ms for one in window] == [
            to_ms(NOW + step * 15 * MINUTE) for step in range(2, 13)
        ]


def test_a_repeated_reading_of_a_closed_hour_is_known(house: House) -> None:
    moving.close_hours(house.store, LATER)
    before = house.readings()

    house.feed(crack(0.11, NOW + 15 * MINUTE, received=LATER), now=LATER)

    assert house.readings() == before


def test_who_is_storing_holds_up_the_closing_of_hours(postgres_store: Store) -> None:
    """Else a reading that is on its way among the recent would be deleted unseen."""
    house = House(postgres_store)
    house.feed(crack(0.1, NOW + MINUTE))
    decoded = house.pipeline.decode([crack(0.2, NOW + 50 * MINUTE)])
    closing = threading.Thread(target=moving.close_hours, args=(house.store, LATER))
    with house.store.writing() as session:
        house.pipeline.begin(session)
        house.pipeline.take(session, decoded, LATER)
        closing.start()
        closing.join(1.0)
        assert closing.is_alive()
        house.pipeline.flush(session, LATER)
    closing.join(30.0)

    assert [value for _, value, _ in house.readings()] == [0.1, 0.2]
    assert counted(house, RecentReading) == 0


def test_months_are_made_ahead_and_hours_lie_in_them(postgres_store: Store) -> None:
    house = House(postgres_store)
    for _ in range(2):
        with house.store.writing() as session:
            partitions.make_ahead(session, NOW)
    house.feed(crack(0.1, NOW + MINUTE), crack(0.2, NOW + 40 * DAY, received=NOW + 40 * DAY))

    moving.close_hours(house.store, NOW + 41 * DAY)

    with house.store.reading() as session:
        lies = text("SELECT tableoid::regclass::text FROM reading_hour ORDER BY end_ms")
        assert session.scalars(lies).all() == ["reading_hour_2022_03", "reading_hour_2022_04"]
        assert len(readings_of(session)) == 2


def test_a_month_of_which_something_lies_in_the_rest_stays_there(postgres_store: Store) -> None:
    house = House(postgres_store)
    house.feed(crack(0.1, NOW + MINUTE))
    moving.close_hours(house.store, LATER)

    with house.store.writing() as session:
        partitions.make_ahead(session, NOW)

    with house.store.reading() as session:
        assert len(readings_of(session)) == 1
        assert session.scalar(text("SELECT to_regclass('reading_hour_2022_03')")) is None
        assert session.scalar(text("SELECT to_regclass('reading_hour_2022_04')")) is not None


def test_a_row_that_cannot_be_copied_is_a_fault_of_that_row(postgres_store: Store) -> None:
    """Halving a batch, and waiting for room on the disk, go by what kind of fault it was."""
    row = Row.of(1, to_ms(NOW), 0.5, 1, None, to_ms(NOW))

    with pytest.raises(IntegrityError), postgres_store.writing() as session:
        insert_recent(session, [row, row])
    with pytest.raises(DataError), postgres_store.writing() as session:
        insert_recent(session, [row._replace(at_ms=2**70)])


def test_who_reads_all_that_is_new_holds_up_the_deleting_of_what_has_moved(
    postgres_store: Store,
) -> None:
    """Else a reading could be among the packed after these were read, and no more recent."""
    house = House(postgres_store)
    house.feed(crack(0.1, NOW + MINUTE))
    with house.store.writing() as session:
        closed_ms = moving._close(session, moving._over_ms(session, LATER))

    def clear() -> None:
        with house.store.writing() as session:
            moving._clear(session, closed_ms)

    clearing = threading.Thread(target=clear)
    with house.store.writing() as session:
        hold_open(session)
        clearing.start()
        clearing.join(1.0)
        assert clearing.is_alive()
        assert len(list(stored.all_of(session, 0, stored.FAR_MS, None))) == 1
    clearing.join(30.0)

    assert counted(house, RecentReading) == 0
