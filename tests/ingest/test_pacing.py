"""The simulator's pace: alive while the clock stands, and as far at once as `advance` allows."""

from datetime import datetime, timedelta

import pytest

from ingest import pacing
from ingest.pacing import STRIDE_S, RowPace, lead
from models.clock import machine_now, site_clock
from models.heartbeat import DEAD_AFTER, Heartbeat
from models.store import Store
from models.times import to_ms

BEGINS = datetime.fromisoformat("2022-03-21T06:00:00+08:00")


@pytest.fixture
def led_store(store: Store) -> Store:
    """A store whose clock the simulator leads, and which stands."""
    with store.writing() as session:
        lead(session, BEGINS, None, None)
        row = site_clock(session)
        assert row is not None
        row.paused = True
    return store


def test_a_simulator_lives_while_its_clock_stands(
    led_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "BEATS_EVERY_S", 0.0)
    found_alive: list[bool] = []

    def let_it_grow_old() -> bool:
        with led_store.writing() as session:
            beat = session.get_one(Heartbeat, "simulate")
            found_alive.append(machine_now() - beat.beat_at < DEAD_AFTER)
            beat.beat_at = machine_now() - 2 * DEAD_AFTER
        return len(found_alive) == 3

    assert RowPace(led_store, let_it_grow_old).next_step() is None
    assert found_alive == [True, True, True]


def test_advance_takes_longer_strides_but_never_past_its_target(led_store: Store) -> None:
    with led_store.writing() as session:
        row = site_clock(session)
        assert row is not None
        row.target_at = BEGINS + timedelta(seconds=STRIDE_S + 7)
    pace = RowPace(led_store, lambda: False)

    begins_ms = to_ms(BEGINS)
    assert pace.next_step() == begins_ms + round(STRIDE_S * 1000)
    assert pace.next_step() == begins_ms + round((STRIDE_S + 7) * 1000)
