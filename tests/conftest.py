"""The fixtures that all tests share; each lives with its kin in tests/harness."""

pytest_plugins = [
    "tests.harness.selection",
    "tests.harness.reporting",
    "tests.harness.processes",
    "tests.harness.mosquitto",
    "tests.harness.postgres",
    "tests.harness.databases",
    "tests.harness.browser",
    "tests.story.fixtures",
]
