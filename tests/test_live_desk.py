"""Open desks stay true while sensors speak: an alert shows by itself, and fifty desks get along."""

import json
import re
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

import httpx
import pytest
from playwright.sync_api import Page, expect

from sensors_sim.connection import Connection
from tests.story.instance import NOON, Instance
from tests.story.person import Person

DESKS, POLLS_EVERY_S, READS_FOR_S = 50, 1.0, 6.0
AT_LAST_S = 10.0  # it is asked for every second; the rest is for a busy machine
PAGES = ("/", "/alerts/", "/sites/tianning", "/sensors/tianning/C-08")
# A channel of the site that is calm until somebody makes it speak up, and its sensor.
CALM, SENSOR = ("tn-node-5", "crack", "mm", 9.0), "C-08"


@dataclass
class Node:
    """A publisher at the instance's receiver; site time stands at noon."""

    instance: Instance
    seconds: int = 10

    def __post_init__(self) -> None:
        url = f"mqtt://127.0.0.1:{self.instance.mqtt_port}"
        self.connection = Connection(url, "live-desk-test", 20)

    def speaks_up(self, device: str, channel: str, unit: str, value: float) -> None:
        """Publish what no rule can overlook, and wait for the acknowledgement: it is judged."""
        for _ in range(3):
            self.seconds += 20
            at = NOON.timestamp() + self.seconds
            body = [{"bn": device, "bt": at, "n": channel, "u": unit, "v": value}]
            topic = f"ridgewatch/tianning/{device}/senml"
            self.connection.publish(topic, json.dumps(body).encode())
        self.connection.settle(30)


@pytest.fixture
def running(instance: Instance) -> Instance:
    """All roles, without a simulator: the site's clock stands."""
    instance.start("up")
    return instance


@pytest.fixture
def node(running: Instance) -> Iterator[Node]:
    """A node that speaks when it is told to."""
    publisher = Node(running)
    yield publisher
    publisher.connection.close()


def test_a_new_alert_shows_on_an_open_desk_by_itself(
    running: Instance, node: Node, page: Page
) -> None:
    account = running.accounts["duty"]
    Person(page, running.url).sign_in(account.email, account.password).open("/")
    page.evaluate("window.sameDocument = true")
    rows = page.locator(f"#triage tr:has-text('{SENSOR}')")
    expect(rows).to_have_count(0)

    node.speaks_up(*CALM)
    judged_s = time.monotonic()

    expect(rows.first).to_be_visible(timeout=AT_LAST_S * 1000)
    print(f"shown {time.monotonic() - judged_s:.2f} s after it was judged")
    assert page.evaluate("window.sameDocument") is True


@dataclass
class Desk:
    """An open desk as its script behaves: asks for the version, fetches the page on a change."""

    url: str
    cookies: httpx.Cookies
    answers: Counter = field(default_factory=Counter)
    seen: str = ""

    def stay(self, closing: threading.Event) -> None:
        """Poll until the desks close; look once more then."""
        with client(self.url, self.cookies) as browser:
            while not closing.wait(POLLS_EVERY_S):
                self.look(browser)
            self.look(browser)

    def look(self, browser: httpx.Client) -> None:
        """Ask once."""
        answer = browser.get("/live/version", headers={"If-None-Match": f'"{self.seen}"'})
        self.answers[answer.status_code] += 1
        if answer.status_code == 200:
            self.seen = answer.text
            self.answers[browser.get("/", headers={"X-Live": "1"}).status_code] += 1


def test_fifty_polling_desks_get_along_with_everybody_else(running: Instance, node: Node) -> None:
    cookies, closing = signed_in(running), threading.Event()
    desks = [Desk(running.url, cookies) for _ in range(DESKS)]
    threads = [threading.Thread(target=desk.stay, args=(closing,)) for desk in desks]
    for thread in threads:
        thread.start()
    try:
        node.speaks_up(*CALM)
        took = read_pages(running, cookies)
        with client(running.url, cookies) as browser:
            raised = browser.get("/live/version").text
    finally:
        closing.set()
        for thread in threads:
            thread.join()

    answers = sum((desk.answers for desk in desks), Counter())
    p95_ms = statistics.quantiles(took, n=20)[-1] * 1000
    print(f"{DESKS} desks: {dict(answers)}; {len(took)} pages beside them, p95 {p95_ms:.0f} ms")
    assert set(answers) == {200, 304}
    assert all(happened(desk.seen) >= happened(raised) > 0 for desk in desks)


def happened(version: str) -> int:
    """Return how many events a version has seen."""
    return int(version.partition("-")[0])


def client(url: str, cookies: httpx.Cookies | None = None) -> httpx.Client:
    """Return a browser without scripts."""
    return httpx.Client(base_url=url, cookies=cookies, trust_env=False, timeout=60)


def signed_in(instance: Instance) -> httpx.Cookies:
    """Sign in with a password, and return the cookies."""
    account = instance.accounts["duty"]
    with client(instance.url) as browser:
        found = re.search(r'name="csrf" value="([^"]+)"', browser.get("/login").text)
        assert found is not None
        typed = {"csrf": unescape(found[1]), "email": account.email, "password": account.password}
        answer = browser.post("/login", data=typed, headers={"Origin": instance.url})
        assert answer.status_code in (302, 303), answer.text[:300]
        return browser.cookies


def read_pages(instance: Instance, cookies: httpx.Cookies) -> list[float]:
    """Read pages for a while; return how long each took."""
    took: list[float] = []
    until_s = time.monotonic() + READS_FOR_S
    with client(instance.url, cookies) as browser:
        while time.monotonic() < until_s or len(took) < len(PAGES):
            for path in PAGES:
                began_s = time.monotonic()
                assert browser.get(path).status_code == 200, path
                took.append(time.monotonic() - began_s)
    return took
