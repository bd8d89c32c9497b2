"""Who was not heard in time is found by the second, however often it was put off."""

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
