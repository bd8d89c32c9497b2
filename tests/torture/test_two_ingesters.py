"""Two ingesters that devices are dealt to, stopped and killed in turn, leave what one leaves."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from ingest.torture.report import lines
from ingest.torture.torture import faults_of, result_of
from ingest.torture.two_ingesters import TwoIngesters
from tests.harness.mosquitto import Mosquitto
from tests.harness.postgres import Postgres


@pytest.mark.long
def test_ingesters_that_are_stopped_and_killed_in_turn_lose_and_double_nothing(
    tmp_path: Path, postgres: Postgres, mosquitto: Mosquitto
) -> None:
    url = postgres.url(postgres.create())
    folder = tmp_path / "run"
    folder.mkdir()

    outcome = asyncio.run(TwoIngesters(folder, url, 40, 1).run())

    wrong = [why.to_json() for why in faults_of(outcome) if why.code != "torture.fault.slow"]
    assert wrong == []
    assert outcome.died == ()
    assert {name for blow in outcome.blows for name in blow.fault.names} > {"pause-ingest"}
    assert outcome.readings.stored == outcome.readings.attempted > 3000
    assert outcome.steps.keys() >= {"raised", "escalated", "cleared"}
    result = result_of([outcome], [], seed=1, seconds=40, took_s=50)
    assert "lost 0 · phantom 0 · doubled 0" in "\n".join(lines(result, "en"))
    assert "丢失 0" in "\n".join(lines(result, "zh"))
    with create_engine(url).connect() as connection:  # nothing is left behind
        schemas = connection.scalars(text("SELECT nspname FROM pg_namespace")).all()
    assert "ridgewatch_torture" not in schemas
