"""The instance that the tests in a browser against real processes begin with."""

from pathlib import Path

import pytest

from tests.harness.processes import Processes
from tests.story.instance import Instance, prepare


@pytest.fixture(scope="session")
def wet_week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation at noon of 21 March, made once and copied for each test."""
    return prepare(tmp_path_factory.mktemp("wet-week"))


@pytest.fixture
def instance(wet_week: Path, processes: Processes, tmp_path: Path) -> Instance:
    """An instance of the test's own; nothing of it runs yet."""
    return Instance.of(processes, wet_week, tmp_path / "instance")
