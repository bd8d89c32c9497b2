"""Who was not heard in time is found by the second, however often it was put off."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ingest.bindings import SensorFacts
from ingest.due import Due
from ingest.judging import SensorMemory
from ingest.saving import Unsaved
from models.store import Store
from tests.ingest.house import House, crack


def memories(store: Store) -> dict[int, SensorMemory]:
    """Return the memory of the house's sensors."""
    house = House(store)
    house.feed(crack(0.5))
    assert house.pipeline.judges is not None
    facts = house.pipeline.judges.bindings.sensors
    return {key: SensorMemory(one, Unsaved(facts)) for key, one in facts.items()}


def test_who_is_due_is_found_at_its_second_and_stays_until_heard(sqlite_store: Store) -> None:
    sensors, due = memories(sqlite_store), Due()
    first, second = sorted(sensors)
    sensors[first].due_ms, sensors[second].due_ms = 10_400, 12_000
    due.expect(sensors[first])
    due.expect(sensors[second])

    assert due.over(sensors, 10_000) == []
    assert due.over(sensors, 11_000) == [first]
    assert due.over(sensors, 60_000) == [first, second]

    sensors[first].due_ms = 90_000
    assert due.over(sensors, 60_000) == [second]
    assert due.over(sensors, 90_000) == [first, second]


def test_one_that_is_heard_meanwhile_waits_anew(sqlite_store: Store) -> None:
    sensors, due = memories(sqlite_store), Due()
    memory = sensors[min(sensors)]
    memory.due_ms = 10_000
    due.expect(memory)

    memory.due_ms = 20_000
    due.look(sensors, 15_000)

    assert due.over(sensors, 19_000) == []
    assert due.over(sensors, 20_000) == [memory.key]


def test_a_goodbye_brings_the_time_forward(sqlite_store: Store) -> None:
    sensors, due = memories(sqlite_store), Due()
    memory = sensors[min(sensors)]
    memory.due_ms = 240_000
    due.expect(memory)

    memory.due_ms = 60_000
    due.expect(memory)

    assert due.over(sensors, 60_000) == [memory.key]
    memory.due_ms = 300_000
    assert due.over(sensors, 240_000) == []
    assert due.over(sensors, 300_000) == [memory.key]


SPANS = st.sampled_from([1, 400, 999, 1_000, 1_001, 59_999, 60_000, 240_000, 86_400_000])
_acts = st.one_of(
    st.tuples(st.just("heard"), st.integers(0, 4), SPANS),
    st.tuples(st.just("goodbye"), st.integers(0, 4), SPANS),
    st.tuples(st.just("look"), st.just(0), SPANS),
    st.tuples(st.just("tick"), st.just(0), SPANS),
)


@pytest.fixture
def facts(sqlite_store: Store) -> SensorFacts:
    """The facts of one of the house's sensors."""
    return memories(sqlite_store)[1].facts


@given(acts=st.lists(_acts, max_size=60), start_ms=st.sampled_from([-5_000, 0, 1_647_820_800_000]))
@settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # nothing changes the facts
)
def test_who_is_over_is_always_who_is_due(
    facts: SensorFacts, acts: list[tuple[str, int, int]], start_ms: int
) -> None:
    unsaved = Unsaved(range(5))
    sensors = {key: SensorMemory(replace(facts, key=key), unsaved) for key in range(5)}
    due, now_ms = Due(), start_ms

    for what, key, span_ms in acts:
        memory = sensors[key]
        if what == "heard":
            memory.due_ms = now_ms + span_ms
            if memory.queued_s is None:
                due.expect(memory)
        elif what == "goodbye" and memory.due_ms is not None:
            memory.due_ms = min(memory.due_ms, now_ms + span_ms)
            due.expect(memory)
        elif what == "look":
            now_ms += span_ms
            due.look(sensors, now_ms)
        elif what == "tick":
            now_ms += span_ms
            plain = [k for k, one in sensors.items() if one.due_ms and one.due_ms <= now_ms]
            # Those of a second that is not over yet are found in the next.
            found = due.over(sensors, now_ms)
            assert set(found) <= set(plain)
            assert {k for k in plain if (sensors[k].due_ms or 0) <= now_ms // 1000 * 1000} <= {
                *found
            }
