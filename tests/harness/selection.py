"""Which tests run: long ones and measurements when asked for, none left out in silence."""

import gc
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.harness.needs import NEEDS, how_to_get, lacking

APART = ("long", "bench")
_LEFT_OUT = "left out by WITHOUT: "
# Files of a minute and more: dealt out first, lest one is begun when all others are done.
_LONGEST = (
    "test_story_browser.py",
    "test_commands_roles.py",
    "test_accessibility.py",
    "test_rehearse.py",
    "test_roles.py",
    "test_policies.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the path of the reference corpus that `make test-long` is given."""
    parser.addoption(
        "--corpus", type=Path, help="folder with payloads/ and series/ (make test-long)"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long tests and measurements apart, then see that the rest has what it needs."""
    if not config.option.markexpr and not _named_one_by_one(config):
        apart = [item for item in items if any(item.get_closest_marker(mark) for mark in APART)]
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]
    items.sort(key=lambda item: item.path.name not in _LONGEST)
    left_out = os.environ.get("RIDGEWATCH_TEST_WITHOUT", "").split()
    wanted = {name for item in items for name in needs_of(item)}
    _leave_out(items, left_out)
    missing = lacking(sorted(wanted - set(left_out)))
    if missing:
        pytest.exit(
            f"These tests need {', '.join(need.name for need in missing)}. Run as root: "
            f'{how_to_get(missing)} — or set WITHOUT="{" ".join(n.name for n in missing)}".',
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the collector leave alone what is loaded: it stays, and each walk is for nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _named_one_by_one(config: pytest.Config) -> bool:
    return any("::" in argument for argument in config.args)


def needs_of(item: pytest.Item) -> set[str]:
    """Return the needs of one test: by its fixtures, or by the database it is asked to use."""
    fixtures = set(getattr(item, "fixturenames", ()))
    found = {need.name for need in NEEDS.values() if need.fixtures & fixtures}
    call = getattr(item, "callspec", None)
    if call is not None and call.params.get("database") == "postgres":
        found.add("postgres")
    return found


def _leave_out(items: list[pytest.Item], left_out: list[str]) -> None:
    for item in items:
        for name in sorted(needs_of(item) & set(left_out)):
            item.add_marker(pytest.mark.skip(reason=f"{_LEFT_OUT}{name}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was left out, so that nobody takes such a run for a whole one."""
    skipped = terminalreporter.getreports("skipped")
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    counted = Counter(reason.partition(_LEFT_OUT)[2] for reason in reasons if _LEFT_OUT in reason)
    for name, tests in sorted(counted.items()):
        terminalreporter.write_line(f"LEFT OUT: {tests} tests that need {name}", yellow=True)


@pytest.fixture(scope="session")
def corpus(request: pytest.FixtureRequest) -> Path:
    """The reference corpus of messages and series; only `make test-long` has it."""
    path: Path | None = request.config.getoption("--corpus")
    if path is None:
        pytest.fail("needs the reference corpus: make test-long CORPUS=path")
    return path
