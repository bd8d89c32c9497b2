"""Every page, for everybody: axe-core, a phone of 390 px, both languages, light and dark.

The walk follows the URL map, so that a new page is in it without anybody thinking of it.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.serving import make_server

from models.base import bilingual
from models.clock import machine_now
from models.closing import close_zone
from models.closure import Closure
from models.key_use import Seen, note_use
from models.keys import add_key
from models.people import Actor, Grant, Organisation
from models.registry import Site
from models.scaffold import plan_scaffold
from tests.harness.browser import AXE, PHONE, People, overflow_px, small_targets, violations
from tests.webapp.cast import SYSTEM, Cast
from tests.webapp.examples import load_examples
from tests.webapp.test_gaps import hear, lose
from tests.webapp.world import World, make_world
from webapp.policies import policy_of
from webapp.sessions import COOKIE

# Who looks at a page: the first of these whom its policy admits, and of a company's pages he too.
STAFF = ("manager", "engineer", "duty", "supervisor", "admin", "viewer")
# Each page is seen on a desk and on a phone, with the other language and the other light.
DESKS = (("zh", "light"), ("en", "dark"), ("en", "light"), ("zh", "dark"))
OTHER = {"zh": "en", "en": "zh", "light": "dark", "dark": "light"}
LANG = {"zh": "zh-Hans-CN", "en": "en"}


@dataclass
class Visit:
    """A page that somebody may open."""

    path: str
    role: str  # "": nobody has signed in


@pytest.fixture
def world(cast: Cast) -> World:
    """Three sites with their measurements, and alerts of every level."""
    made = make_world(cast)
    for severity, code in (("critical", "C-01"), ("medium", "C-02")):
        made.raise_alert(severity, code)
    made.silence("C-02", "tower")
    made.quarantine(b"{")
    made.hear_channel()
    lose(made, "tianning-1", 40, 43)
    hear(made, "mute", qos0=True)
    with made.writing() as session:
        add_key(session, "node-1", (), device="node-1", by=SYSTEM, now=machine_now())
        note_use(session, {"node-1": Seen(1, used=True, refused=2, turned_away=1, slowed_ms=9000)})
    return made


@pytest.fixture
def visits(world: World) -> list[Visit]:
    """Every page that answers, with somebody who may read it."""
    cast = world.cast
    browsers: dict[str, Any] = {role: cast.signed_in(role) for role in (*STAFF, "contractor")}
    browsers[""] = cast.browser()
    found = {}
    for at_home, whose in ((False, cast), (True, replace(cast, competitor_id=cast.company_id))):
        for rule, role, path in pages_of(whose, company=at_home):
            answer = browsers[role].get(path)
            if answer.status_code == 200 and answer.mimetype == "text/html":
                found[rule.endpoint, role] = Visit(path, role)
    return [*found.values(), *public_pages(world)]


def pages_of(cast: Cast, *, company: bool) -> Iterator[tuple[Rule, str, str]]:
    """Yield every page that somebody may open, with who does and its address, by example."""
    examples, made = load_examples(), {}
    rules = sorted(cast.app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
    adapter = cast.app.url_map.bind("localhost")
    for rule in rules:
        if "GET" not in (rule.methods or ()) or rule.rule.startswith(("/api/", "/static/")):
            continue
        role = reader_of(cast, rule, company=company)
        if role is None:
            continue
        make = examples.get(rule.endpoint)
        if make is not None and make not in made:
            with cast.store.writing() as session:
                made[make] = make(session, cast)
        values = {name: made.get(make, {}).get(name) for name in rule.arguments}
        if None not in values.values():
            yield rule, role, adapter.build(rule.endpoint, values, "GET")


def reader_of(cast: Cast, rule: Rule, *, company: bool) -> str | None:
    """Return the role that looks at a page; "" for what is public."""
    policy = policy_of(cast.app, rule.endpoint)
    if policy.anyone or policy.loopback:
        return None if company else ""
    roles = ("contractor",) if company else STAFF
    return next((one for one in roles if policy.admits(actor(one), None)), None)


def actor(role: str) -> Actor:
    return Actor("person", grants=(Grant(None, role),))


def public_pages(world: World) -> list[Visit]:
    """Return what a visitor reads behind the codes, and the pages that say no."""
    cast = world.cast
    with cast.store.writing() as session:
        site = session.get_one(Site, cast.site_id)
        shut = session.scalars(select(Closure.zone_id)).all()
        open_zone = next(zone for zone in site.zones if zone.id not in shut)
        closure = close_zone(session, open_zone, by=SYSTEM, now=machine_now())
        scaffold = plan_scaffold(
            session,
            site,
            name=bilingual("北立面脚手架", "North scaffold"),
            company=session.get_one(Organisation, cast.company_id),
            by=SYSTEM,
            now=machine_now(),
        )
        paths = [f"/n/{closure.token}", f"/s/{scaffold.token}", "/no-such-page"]
    asked = "device=node-9&channel=crack"
    return [
        *(Visit(path, "") for path in paths),
        Visit("/users/", "duty"),
        Visit(f"/install/node?{asked}", "engineer"),
        Visit(f"/install/channel?{asked}", "engineer"),
    ]


@pytest.fixture
def origin(world: World) -> Iterator[str]:
    """The address of the application, served to a browser."""
    server = make_server("127.0.0.1", 0, world.cast.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def is_bilingual(visit: Visit) -> bool:
    """Whether a page is a sheet for the door, which always says everything twice."""
    return visit.path.endswith("/print")


class Walk:
    """Windows of each size and light, in which one after the other comes to look."""

    def __init__(self, world: World, origin: str, people: People) -> None:
        self.origin, self.people = origin, people
        roles = (*STAFF, "contractor")
        self.cookies = {
            role: world.cast.signed_in(role).client.get_cookie(COOKIE).value for role in roles
        }
        self.windows: dict[tuple[str, str], Page] = {}
        self.faults: list[str] = []

    def look(self, visit: Visit, device: str, language: str, light: str) -> str:
        """Open a page, note what is wrong with it, and return its title."""
        page = self._window(device, light)
        page.goto("about:blank")  # a page that follows the desk would go to the door by itself
        page.context.clear_cookies()
        if visit.role:
            cookie = {"name": COOKIE, "value": self.cookies[visit.role], "url": self.origin}
            page.context.add_cookies([cookie])
        seen = len(self.people.complaints)
        between = "&" if "?" in visit.path else "?"
        page.goto(f"{self.origin}{visit.path}{between}lang={language}")
        where = f"{visit.path} ({visit.role or 'visitor'}, {device}, {language}, {light})"
        self._note(where, [*violations(page), *self.people.complaints[seen:]])
        del self.people.complaints[seen:]
        if not is_bilingual(visit) and page.locator("html").get_attribute("lang") != LANG[language]:
            self._note(where, ["not in the language that was asked for"])
        if device == "phone":
            self._note(where, [f"too small: {one}" for one in small_targets(page)])
            if overflow_px(page):
                self._note(where, [f"{overflow_px(page)} px wider than the phone"])
        return page.title()

    def _window(self, device: str, light: str) -> Page:
        if (device, light) not in self.windows:
            options = PHONE if device == "phone" else {}
            page = self.people.page(color_scheme=light, **options)
            page.context.add_init_script(path=AXE)
            self.windows[device, light] = page
        return self.windows[device, light]

    def _note(self, where: str, faults: list[str]) -> None:
        self.faults += [f"{where}: {one}" for one in faults]


def test_every_page_is_accessible_to_everybody(
    world: World, visits: list[Visit], origin: str, people: People
) -> None:
    walk = Walk(world, origin, people)

    for number, visit in enumerate(visits):
        language, light = DESKS[number % len(DESKS)]
        title = walk.look(visit, "desk", language, light)
        other = walk.look(visit, "phone", OTHER[language], OTHER[light])
        if title == other and not is_bilingual(visit):
            walk.faults.append(f"{visit.path}: its title {title!r} is the same in both languages")

    print(f"{len(visits)} pages, each on a desk and on a phone")
    assert len(visits) > 60
    assert {visit.role for visit in visits} >= {"", "manager", "contractor"}
    assert walk.faults == [], "\n".join(walk.faults)
