"""The fixtures that all tests share; each lives with its kin in tests/harness."""

import os

from hypothesis import settings

# Some hundred throw-away installations, each with a reserve of disk that nobody needs.
os.environ.setdefault("RIDGEWATCH_DISK_RESERVE", "1")

# The same examples every time, however slow the machine: `make test` judges a change, not the
# luck of the draw. `--hypothesis-seed` draws others.
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")

pytest_plugins = [
    "tests.harness.selection",
    "tests.harness.reporting",
    "tests.harness.processes",
    "tests.harness.mosquitto",
    "tests.harness.postgres",
    "tests.harness.databases",
    "tests.harness.browser",
    "tests.story.fixtures",
    "tests.ingest.feeding",
]
