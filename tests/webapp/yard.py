"""A building yard for page tests: a temple, two companies, and a browser for each person."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from flask import Flask

from models.base import bilingual
from models.clock import SiteClock, machine_now
from models.inspection import hand_over, move, sign_erected
from models.people import Actor, Membership, User
from models.project import Project
from models.scaffold import Scaffold
from models.signin import open_session
from models.store import Store
from models.task import Task
from tests.models.house import ITEMS, NOW, House, after
from tests.webapp.cast import CANARY, Browser
from webapp.sessions import COOKIE, _sign

MINE = ("bureau", "builder", "rival", "site", "hall", "ridge", "zone")


class Yard:
    """The house of the model tests behind the pages, its site clock standing at NOW."""

    def __init__(self, app: Flask, store: Store) -> None:
        self.app, self.store = app, store
        self.browsers: dict[str, Browser] = {}
        with store.writing() as session:
            session.add(SiteClock(id=1, mode="led", site_at=NOW, since=machine_now(), speed=1.0))
            self.house = House(session)
            self.house.rival.name = bilingual(CANARY, CANARY)
            # Sessions and memberships live in machine time, which is years after NOW.
            for membership in session.query(Membership):
                membership.since = machine_now()

    @contextmanager
    def working(self) -> Iterator[House]:
        """Lend the house for one transaction."""
        with self.store.writing() as session:
            self.house.session = session
            for name in MINE:
                setattr(self.house, name, session.merge(getattr(self.house, name)))
            yield self.house

    def at(self, moment: datetime) -> None:
        """Put the site clock to an instant."""
        with self.store.writing() as session:
            session.get_one(SiteClock, 1).site_at = moment

    def browser(self, person: Actor) -> Browser:
        """Return the browser of somebody of the house, signed in and reading English."""
        if person.name not in self.browsers:
            self.browsers[person.name] = self._signed_in(person)
        return self.browsers[person.name]

    def cookie(self, person: Actor) -> str:
        """Return the cookie of a new session."""
        with self.store.writing() as session:
            user = session.get_one(User, person.id)
            user.language = "en"
            token, _ = open_session(session, user, machine_now())
        with self.app.app_context():
            used = f"{token}.{int(time.time())}"
            return f"{used}.{_sign(used)}"

    def _signed_in(self, person: Actor) -> Browser:
        browser = Browser(self.app)
        browser.client.set_cookie(COOKIE, self.cookie(person))
        return browser


def standing_scaffold(house: House, project: Project, **more: object) -> Scaffold:
    """Return a scaffold with a green tag, inspected at NOW."""
    scaffold = house.scaffold(project, **more)
    house.session.flush()
    move(scaffold, "begin_erecting", by=house.foreman, now=NOW)
    sign_erected(
        scaffold, load_class=4, items=ITEMS, card="C-1", by=house.foreman, now=NOW, height_m=9.0
    )
    hand_over(scaffold, by=house.supervisor, now=NOW)
    house.session.flush()
    return scaffold


def rivals_works(house: House) -> tuple[Project, Scaffold, Task]:
    """Return works of the competitor; every text of theirs says CANARY."""
    names = bilingual(CANARY, CANARY)
    project = house.project()
    project.title = names
    project.parties[0].organisation = house.rival
    scaffold = standing_scaffold(house, project)
    scaffold.organisation, scaffold.name = house.rival, names
    scaffold.restrictions = CANARY
    task = house.task(project, company=house.rival, scaffold=scaffold)
    task.title = task.instructions = names
    house.session.flush()
    return project, scaffold, task


def hours(number: float) -> datetime:
    """Return an instant that many hours after NOW."""
    return after(hours=number)
