"""Rain that is measured, or that nobody measures, reaches the scaffolds through the pipeline."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from models.inspection import Inspection
from models.rainfall import rainfall
from models.reading import HOUR_S, RainEpisode
from models.readings import bars
from models.registry import Site
from models.scaffold import Scaffold
from models.sensor import Sensor
from models.store import Store
from tests.ingest.house import NOW, House, rain, registry, senml

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


def test_a_scaffold_handed_over_while_nobody_knows_the_weather_is_held_too(house: House) -> None:
    house.feed(rain(0.0))
    hand_over(house, "SC-1", NOW)
    house.tick(NOW + 16 * MINUTE)
    hand_over(house, "SC-2", NOW + 20 * MINUTE)

    for minute in range(21, 24):
        house.tick(NOW + minute * MINUTE)

    assert held(house) == {"SC-1": NOW + 16 * MINUTE, "SC-2": NOW + 21 * MINUTE}
