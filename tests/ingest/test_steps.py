"""A clock that is set makes nobody silent, and hides nobody's silence."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest.steps import Steps

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)


class Machine:
    """A machine whose clock and monotonic time are moved by hand."""

    def __init__(self) -> None:
        self.at, self.passed_s = NOW, 100.0

    def live(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.passed_s += seconds

    def steps(self) -> Steps:
        return Steps(lambda: self.at, lambda: self.passed_s)


@pytest.mark.parametrize("by_s", [3600, -3600, 31, -31])
def test_a_clock_that_was_set_is_noticed_once(by_s: int) -> None:
    machine = Machine()
    steps = machine.steps()
    assert steps.look() is None

    machine.live(5)
    machine.at += timedelta(seconds=by_s)

    assert steps.look() == timedelta(seconds=by_s)
    machine.live(5)
    assert steps.look() is None


def test_time_that_passes_and_what_a_time_service_slews_are_no_steps() -> None:
    machine = Machine()
    steps = machine.steps()
    steps.look()

    machine.live(86_400)
    machine.at += timedelta(seconds=2)

    assert steps.look() is None
