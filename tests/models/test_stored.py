"""Recent readings are found in either of two ways, and both find the same."""

from itertools import product

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from ingest.rollups import merge_hours
from models import stored
from models.packed import Stored
from models.reading import SensorState
from models.store import Store
from tests.readings import put_readings

HOUR_MS = 3_600_000
BEGIN_MS = 500_000 * HOUR_MS
SENSORS = (3, 4, 900_000)


def reading(at_ms: int, quality: int = 1) -> Stored:
    return Stored(at_ms, at_ms % 1000 / 8, quality, None, None)


def of(key: int) -> list[Stored]:
    """An hour that is packed, and one of which some instants share a second, end one, begin one."""
    instants = (*range(500, HOUR_MS, 600_000), *range(HOUR_MS + 1, HOUR_MS * 2, 400_250))
    last = (HOUR_MS + 2000, HOUR_MS + 2001, HOUR_MS + 2999, HOUR_MS + 3000)
    found = [reading(BEGIN_MS + one + key % 7, 1) for one in (*instants, *last)]
    return sorted({*found, reading(BEGIN_MS + 2 * HOUR_MS - 1 + key % 2, 9)})


@pytest.fixture(params=[10, 5_000_000], ids=["walking", "probing"])
def full(request: pytest.FixtureRequest, store: Store) -> Store:
    """A store whose highest sensor says how many there are."""
    with store.writing() as session:
        session.execute(insert(SensorState).values(sensor=request.param))
        recent = [
            {"sensor": key, **one._asdict()}
            for key in SENSORS
            for one in of(key)
            if one.at_ms > BEGIN_MS + HOUR_MS
        ]
        put_readings(session, recent)
        hours = {
            (BEGIN_MS + HOUR_MS, key): [o for o in of(key) if o.at_ms <= BEGIN_MS + HOUR_MS]
            for key in SENSORS
        }
        merge_hours(session, {}, hours)
    return store


EDGES = [
    BEGIN_MS + edge
    for edge in (0, HOUR_MS, HOUR_MS + 1, HOUR_MS + 2004, HOUR_MS + 2999, HOUR_MS + 3003)
] + [0, stored.FAR_MS]


def test_stretches_are_read_to_the_millisecond(full: Store, request: pytest.FixtureRequest) -> None:
    with full.reading() as session:
        probing = stored._way(session, SENSORS, 0, stored.FAR_MS)[0] is stored._PROBE
        assert probing == ("probing" in request.node.name)
        for since_ms, until_ms in product(EDGES, EDGES):
            expected = {
                key: [one for one in of(key) if since_ms < one.at_ms <= until_ms] for key in SENSORS
            }
            found = stored.of_many(session, SENSORS, since_ms, until_ms)
            assert found == {key: ones for key, ones in expected.items() if ones}
            for key in SENSORS:
                assert list(stored.between(session, key, since_ms, until_ms)) == expected[key]
            counted = stored.count_between(session, SENSORS, since_ms, until_ms)
            assert counted == sum(map(len, expected.values()))


def test_the_first_and_the_last_good_are_found(full: Store) -> None:
    with full.reading() as session:
        for edge, key in product(EDGES, SENSORS):
            after = [one.at_ms for one in of(key) if one.at_ms > edge]
            assert stored.first_ms(session, key, edge) == min(after, default=None)
            good = [one for one in of(key) if one.at_ms <= edge and stored.is_good(one)]
            assert stored.last_good(session, key, edge) == max(good, default=None)


def test_the_first_of_many_sensors_are_found(full: Store) -> None:
    with full.writing() as session:
        put_states(session)
        for edges in product(EDGES, repeat=2):
            stretches = dict.fromkeys(SENSORS, edges) | {3: (edges[0] - 1, edges[1])}
            inside = {
                key: [one.at_ms for one in of(key) if since < one.at_ms <= until]
                for key, (since, until) in stretches.items()
            }
            found = stored.first_of_many(session, stretches)
            assert found == {key: ones[0] for key, ones in inside.items() if ones}


def put_states(session: Session) -> None:
    """Give each sensor the row that one with readings has."""
    session.execute(insert(SensorState), [{"sensor": key} for key in SENSORS])


def test_a_range_of_sensors_is_read_up_to_a_second(full: Store) -> None:
    until_s = (BEGIN_MS + HOUR_MS) // 1000 + 3
    with full.reading() as session:
        found = sorted(stored.recent_of_range(session, 4, 900_000, until_s))
    assert found == [
        (key, one)
        for key in SENSORS[1:]
        for one in of(key)
        if BEGIN_MS + HOUR_MS < one.at_ms <= until_s * 1000
    ]


def test_readings_are_found_by_their_instants(full: Store) -> None:
    there = {(key, one.at_ms): one for key in SENSORS for one in of(key)}
    never = {(key, at_ms + 111) for key, at_ms in there} | {(5, at_ms) for _, at_ms in there}
    with full.reading() as session:
        assert stored.of_instants(session, [*there, *never]) == there
        for place in [*there][:5]:
            assert stored.of_instants(session, [place]) == {place: there[place]}
