"""What a failed test shows: the output of its processes and pictures of its pages."""

import re
from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Add to the report of a failed test what its processes said and how its pages looked."""
    report = yield
    if report.failed:
        fixtures = getattr(item, "funcargs", {})
        if "processes" in fixtures:
            report.sections.append(("processes", fixtures["processes"].report()))
        if "people" in fixtures and report.when == "call":
            name = re.sub(r"[^A-Za-z0-9_]+", "-", item.nodeid)
            shots = fixtures["people"].shoot(name)
            report.sections.append(("screenshots", "\n".join(map(str, shots))))
    return report
