"""Rows go to the database by the hundreds: all of them, each as it is, on both databases."""

from typing import cast

import pytest
from sqlalchemy import Table, select

from ingest.storing import ROWS_A_STATEMENT, Row, Rows, insert_or_replace, insert_recent, write_many
from models.reading import RecentReading, SensorState
from models.store import Store

AT_MS = 1_647_820_800_000
STATES = cast(Table, SensorState.__table__)
REPLACE = insert_or_replace(STATES, "sensor")


def reading(sensor: int, value: float | None = 0.5) -> Row:
    return Row.of(sensor, AT_MS + sensor, value, 1, None, AT_MS + sensor)


def state(sensor: int, value: float) -> tuple[object, ...]:
    said = {"sensor": sensor, "value": value, "rules": b"\x90"}
    return tuple(said.get(column.name) for column in STATES.columns)


def sizes() -> list[int]:
    edges = [0, *ROWS_A_STATEMENT, sum(ROWS_A_STATEMENT), 3 * max(ROWS_A_STATEMENT)]
    return sorted({max(0, edge + off) for edge in edges for off in (-1, 0, 1, 17)})


@pytest.mark.parametrize("many", sizes())
def test_however_many_readings_come_all_are_stored_as_they_are(store: Store, many: int) -> None:
    rows = [reading(sensor, None if sensor % 7 == 0 else sensor / 8) for sensor in range(many)]

    with store.writing() as session:
        insert_recent(session, rows[::-1])

    with store.reading() as session:
        table = cast(Table, RecentReading.__table__)
        assert session.execute(select(table).order_by(table.c.sensor)).all() == rows


def test_of_two_rows_with_one_key_the_later_stays_within_and_across_statements(
    store: Store,
) -> None:
    first, last = 0, max(ROWS_A_STATEMENT) + 60
    rows = [state(sensor, 1.0) for sensor in range(last)]
    again = [state(first, 2.0), state(first, 3.0), state(last - 1, 4.0)]

    with store.writing() as session:
        write_many(session, REPLACE, [*rows, *again])
        write_many(session, REPLACE, [state(1, 5.0), *again[:1]])

    with store.reading() as session:
        stored = session.execute(select(SensorState.sensor, SensorState.value))
        values = dict(stored.all())
    assert len(values) == last
    assert (values[first], values[1], values[2], values[last - 1]) == (2.0, 5.0, 1.0, 4.0)


def test_a_batch_knows_its_rows_also_those_that_came_after_it_was_asked() -> None:
    rows = Rows()
    rows.append(reading(1))
    assert rows.of(1, AT_MS + 1) == reading(1)
    assert rows.of(2, AT_MS + 2) is None

    rows.append(reading(2, 0.7))
    assert rows.of(2, AT_MS + 2) == reading(2, 0.7)
    assert rows.of(1, AT_MS + 2) is None
    assert list(rows) == [reading(1), reading(2, 0.7)]
