"""A real Chromium for tests: pages that fail on any console error, axe, shots of failures."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.harness.needs import chromium

_ROOT = Path(__file__).parents[2]
AXE = _ROOT / "tests/vendor/axe.min.js"
SHOTS = _ROOT / "build/screenshots"

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",
]
_DESK: dict[str, Any] = {
    "locale": "zh-CN",
    "timezone_id": "Asia/Shanghai",
    "reduced_motion": "reduce",
    "viewport": {"width": 1440, "height": 900},
}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
# What test_accessibility leaves to others: pages in a state that they make, seen twice.
SEEN_ON = {"desk-light": ({}, "light"), "phone-dark": (PHONE, "dark")}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Told that nobody reads what passed, it does half the work.
_RUN_AXE = "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"
_TELL_VIOLATIONS = """document.addEventListener('securitypolicyviolation', event =>
    console.error('CSP ' + event.violatedDirective + ' ' + event.blockedURI))"""


# Not for the whole session: while Playwright runs, no other test in this process may use asyncio.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=_FLAGS)
        yield launched
        launched.close()


class People:
    """Browsers of several people at once: each has cookies of his own."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        self.pages: list[Page] = []
        self.complaints: list[str] = []

    def page(self, **options: Any) -> Page:
        """Open a browser of a new person; `**PHONE` makes it a phone."""
        context = self.browser.new_context(**{**_DESK, **options})
        context.add_init_script(_TELL_VIOLATIONS)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", lambda request: self._see(page, request.url))
        self.pages.append(page)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        # A 4xx answer is an ordinary page here, though Chromium logs it as an error.
        if (
            message.type == "error"
            and "the server responded with a status of 4" not in message.text
        ):
            self.complaints.append(f"console: {message.text}")

    def _see(self, page: Page, url: str) -> None:
        """Nothing may be loaded from elsewhere."""
        host = urlsplit(url).hostname
        if host not in (None, "127.0.0.1", "localhost"):
            self.complaints.append(f"request that leaves the origin: {url} on {page.url}")

    def shoot(self, name: str) -> list[Path]:
        """Keep a picture of every open page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        kept = []
        for number, page in enumerate(self.pages):
            if not page.is_closed():
                kept.append(SHOTS / f"{name}-{number}.png")
                page.screenshot(path=kept[-1], full_page=True)
        return kept

    def close(self) -> None:
        """Close all of them."""
        for context in self.contexts:
            context.close()


@pytest.fixture
def people(browser: Browser) -> Iterator[People]:
    """Several browsers in one test; the test fails on any console error or CSP violation."""
    cast = People(browser)
    yield cast
    cast.close()
    assert not cast.complaints, "\n".join(cast.complaints)


@pytest.fixture
def page(people: People) -> Page:
    """One desk browser, in Chinese."""
    return people.page()


@pytest.fixture
def phone(people: People) -> Page:
    """One phone of 390 px, in Chinese."""
    return people.page(**PHONE)


def violations(page: Page, *, impacts: tuple[str, ...] = ("serious", "critical")) -> list[str]:
    """Return what axe-core finds on a page, one line each, most pages should have none.

    `page.evaluate` works under a strict CSP where `add_script_tag` does not.
    """
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(_RUN_AXE, WCAG)["violations"]
    return [
        f"{one['impact']}: {one['id']} {json.dumps([node['target'] for node in one['nodes']][:3])}"
        for one in found
        if one["impact"] in impacts
    ]


@pytest.fixture
def axe() -> Callable[..., list[str]]:
    """`assert axe(page) == []`: no serious or critical violation of WCAG 2.2 AA."""
    return violations


def overflow_px(page: Page) -> int:
    """Return by how much a page is wider than its window; 0 is right."""
    script = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(page.evaluate(script))


def small_targets(page: Page, least_px: int = 24) -> list[str]:
    """Return the controls that are smaller than a finger needs (inline links excepted)."""
    found: list[str] = page.evaluate(_SMALL, least_px)
    return found


_SMALL = """least => [...document.querySelectorAll('a, button, input, select, summary, textarea')]
  .filter(one => one.type !== 'hidden' && one.checkVisibility()
                 && getComputedStyle(one).display !== 'inline')
  .filter(one => {
    const label = one.closest('label');
    const boxes = [one, label].filter(Boolean).map(some => some.getBoundingClientRect());
    return boxes.every(box => box.width < least || box.height < least);
  })
  .map(one => one.outerHTML.slice(0, 120))"""
