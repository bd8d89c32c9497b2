"""The ingester is killed while sensors speak: nothing acknowledged is lost, nothing doubled.

What an undisturbed run leaves in the database is what the killed one must leave: readings, hours,
alerts (silence excepted) and pages. The shipped torture does it; these are its runs for kills.
"""

import asyncio
from pathlib import Path

import pytest

from ingest.torture.nemeses import NEMESES
from ingest.torture.outcome import Outcome
from ingest.torture.run import Pass
from ingest.torture.torture import faults_of
from tests.harness.mosquitto import Mosquitto
from tests.harness.postgres import Postgres
from tests.torture.scenario import ScenarioTale

KILLS = (NEMESES["kill-ingest"],)


def faults(outcome: Outcome) -> list[str]:
    """Return what is wrong but for slowness: a busy machine is no fault of ours."""
    return [why.code for why in faults_of(outcome) if why.code != "torture.fault.slow"]


def assert_held(outcome: Outcome, kills: int, *more: str) -> None:
    assert faults(outcome) == []
    assert len(outcome.blows) >= kills
    assert outcome.readings.stored == outcome.readings.attempted > 300
    assert outcome.lost_by_broker == 0
    assert outcome.steps.keys() >= {"raised", "escalated", *more}
    assert outcome.pages


def run(one: Pass) -> Outcome:
    one.folder.mkdir()
    return asyncio.run(one.run())


def test_a_killed_receiver_loses_and_doubles_nothing(tmp_path: Path) -> None:
    assert_held(run(Pass("receiver", KILLS, 6, 1, tmp_path / "run")), 2, "cleared")


@pytest.mark.long
def test_a_killed_subscriber_loses_and_doubles_nothing(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    killed = Pass("subscriber", KILLS, 6, 2, tmp_path / "run", through_broker=True)

    assert_held(run(killed), 2, "cleared")


@pytest.mark.long
@pytest.mark.parametrize("through_broker", [False, True])
def test_twenty_kills_in_twenty_thousand_readings(
    through_broker: bool, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    tale = ScenarioTale(20_000)
    killed = Pass(
        "scenario", KILLS, 50, 1, tmp_path / "run", through_broker=through_broker, story=tale,
        pause_s=0.005, to_the_end=True,
    )  # fmt: skip

    assert_held(run(killed), 20)


@pytest.mark.long
def test_twenty_kills_on_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.url(postgres.create())

    outcome = run(Pass("receiver", KILLS, 50, 1, tmp_path / "run", url=url))

    assert_held(outcome, 20, "cleared")
