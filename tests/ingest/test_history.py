"""A past that is loaded whole: what pages then find of it."""

from datetime import timedelta

from sqlalchemy import select

from ingest.history import load_history
from models.reading import DAY_S, HOUR_S
from models.readings import bars, latest
from models.sensor import Sensor
from models.store import Store
from models.times import to_ms
from tests.ingest.house import NOW, House
from tests.readings import readings_named

HOUR, HOURS = timedelta(hours=1), 50
BEGINS = NOW - 10 * timedelta(days=1)


def test_a_loaded_past_has_its_readings_hours_days_and_latest(store: Store) -> None:
    House(store)
    at = [BEGINS + number * HOUR for number in range(1, HOURS + 1)]
    crack = [("hill/C-01", to_ms(when), 0.25 + n / 100) for n, when in enumerate(at)]
    rain = [("hill/R-01", to_ms(when), float(n // 10)) for n, when in enumerate(at)]
    with store.writing() as session:
        assert load_history(session, [*crack, *rain]) == 2 * HOURS

    with store.reading() as session:
        sensors = {one.code: one for one in session.scalars(select(Sensor))}
        told = [(one.at_ms, one.value) for one in readings_named(session, "C-01")]
        assert told == [(at_ms, value) for _, at_ms, value in crack]
        hours = bars(session, sensors["C-01"], HOUR_S, BEGINS, at[-1])
        assert [(bar.end_ms, bar.value, bar.min, bar.max) for bar in hours] == [
            (at_ms, value, value, value) for _, at_ms, value in crack
        ]
        # Days end at midnight in Shanghai, 16 hours after BEGINS and then every 24.
        days = bars(session, sensors["R-01"], DAY_S, BEGINS, at[-1])
        assert [(bar.end_ms - to_ms(BEGINS)) // 3_600_000 for bar in days[:2]] == [16, 40]
        assert [(bar.value, bar.count) for bar in days[:2]] == [(1.0, 16), (2.0, 24)]
        key = sensors["R-01"].key
        assert latest(session, [key])[key].value == rain[-1][2]
