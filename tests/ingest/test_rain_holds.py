"""Rain that is measured, or that nobody measures, reaches the scaffolds through the pipeline."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from models.alert import Alert
from models.chart import rain_hours
from models.desk_facts import sparks
from models.inspection import Inspection
from models.rainfall import rainfall
from models.reading import HOUR_S, RainEpisode
from models.readings import bars
from models.registry import Site
from models.scaffold import Scaffold
from models.sensor import Sensor
from models.store import Store
from models.times import to_ms
from tests.ingest.house import NOW, RAIN_RULE, House, rain, registry, senml

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def hand_over(house: House, code: str, at: datetime) -> None:
    with house.store.writing() as session:
        site = session.scalars(select(Site)).one()
        session.add(
            Scaffold(
                code=code, token=code, site=site, name={"zh": "架"}, state="handed_over",
                next_due_at=at + timedelta(days=7), used_at=at,
            )
        )  # fmt: skip


def held(house: House) -> dict[str, datetime]:
    with house.store.reading() as session:
        rows = session.scalars(select(Inspection).order_by(Inspection.opened_at))
        return {row.scaffold.code: row.opened_at for row in rows}


def test_a_hold_is_never_older_than_the_rain_that_shows_it(house: House) -> None:
    hand_over(house, "SC-1", NOW)

    late = NOW + HOUR + MINUTE
    house.feed(rain(0.0), rain(16.0, NOW + HOUR, received=late), now=NOW)

    assert held(house) == {"SC-1": late}


def test_a_counter_that_was_replaced_makes_no_rain(house: House) -> None:
    house.feed(rain(5.0, NOW + 10 * MINUTE))
    document = registry()
    document["sites"][0]["sensors"][0]["source"]["device"] = "node-3"
    house.load(document, NOW + 30 * MINUTE)

    house.feed(*(senml("node-3", "rain", total, NOW + (70 + total) * MINUTE) for total in (65, 66)))

    with house.store.reading() as session:
        (episode,) = session.scalars(select(RainEpisode))
        gauge = session.scalars(select(Sensor).where(Sensor.code == "R-01")).one()
        end = NOW + 3 * HOUR
        assert episode.sums["12"] == 1
        assert rainfall(session, [gauge], end, hours=12)[gauge.site_id].mm == 1
        growing = bars(session, gauge, HOUR_S, NOW, end)
    house.close_hours(end)
    with house.store.reading() as session:
        assert bars(session, gauge, HOUR_S, NOW, end) == growing
    assert [hour.value for hour in growing] == [0, 1]


@pytest.mark.parametrize("quantity", ["rain_total", "rain_increment"])
def test_a_gauge_that_tells_half_of_the_rain_counts_for_all_of_it(
    store: Store, quantity: str
) -> None:
    judged = RAIN_RULE | {"where": {"quantity": quantity, "sites": None, "sensors": None}}
    document = registry([judged])
    document["sites"][0]["sensors"][0] |= {"quantity": quantity, "scale": 2, "offset": 0.5}
    house = House(store, rules=[])
    house.load(document, NOW)
    hand_over(house, "SC-1", NOW)
    second = 8.0 if quantity == "rain_increment" else 9.0

    house.feed(rain(1.0, NOW + 10 * MINUTE), rain(second, NOW + 20 * MINUTE), now=NOW)

    expected = 18.0 if quantity == "rain_increment" else 16.0
    end = NOW + HOUR
    with house.store.reading() as session:
        (episode,) = session.scalars(select(RainEpisode))
        gauge = session.scalars(select(Sensor).where(Sensor.code == "R-01")).one()
        assert episode.sums["12"] == expected
        assert rainfall(session, [gauge], end, hours=12)[gauge.site_id].mm == expected
        assert dict(rain_hours(session, gauge, NOW, end)) == {to_ms(end): expected}
        alert = session.scalars(select(Alert)).one()
        assert (alert.rule_code, alert.value) == ("WET", expected)
    assert list(held(house)) == ["SC-1"]
    house.close_hours(end + HOUR)
    with house.store.reading() as session:
        assert [hour.value for hour in bars(session, gauge, HOUR_S, NOW, end)] == [expected]
        assert dict(rain_hours(session, gauge, NOW, end)) == {to_ms(end): expected}
        (line,) = sparks(session, [gauge], (), end).values()
        assert line[-2] == expected


def test_a_scaffold_handed_over_while_nobody_knows_the_weather_is_held_too(house: House) -> None:
    house.feed(rain(0.0))
    hand_over(house, "SC-1", NOW)
    house.tick(NOW + 16 * MINUTE)
    hand_over(house, "SC-2", NOW + 20 * MINUTE)

    for minute in range(21, 24):
        house.tick(NOW + minute * MINUTE)

    assert held(house) == {"SC-1": NOW + 16 * MINUTE, "SC-2": NOW + 21 * MINUTE}
