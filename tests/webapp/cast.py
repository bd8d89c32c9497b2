"""The people of the page tests, and the browsers in which they sit."""

import re
import time
import uuid
from dataclasses import dataclass
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from models.accounts import add_user
from models.base import bilingual
from models.clock import machine_now
from models.people import Actor, Membership, Organisation, User
from models.registry import Site
from models.signin import open_session
from models.store import Store
from webapp.sessions import COOKIE, _sign

CANARY = "CANARY-B"
SYSTEM = Actor("system")


def token_in(html: str) -> str:
    """Return the form token of a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found, html[:500]
    return unescape(found[1])


class Browser:
    """One person's browser: sends the page's form token with every form."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, **options)

    def token(self) -> str:
        """Return this browser's form token, from a page that everyone has."""
        page = self.client.get("/login")
        return token_in((page if page.status_code == 200 else self.client.get("/profile")).text)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Send a form, with the version of the thing that its page shows."""
        said = {"csrf": self.token(), **(data or {})}
        if "version" not in said:
            said |= self._version(path)
        return self.client.post(path, data=said, **options)

    def _version(self, path: str) -> dict[str, str]:
        """Return the version that a person who sends this form has seen, where there is one."""
        for page in (path, path.rpartition("/")[0]):
            html = self.client.get(page).text if page.count("/") > 1 else ""
            found = re.search(r'name="version" value="([^"]+)"', html)
            if found:
                return {"version": found[1]}
        return {}


@dataclass
class Cast:
    """An authority with one site, a company of its own and a competitor, and their people."""

    app: Flask
    store: Store
    office_id: uuid.UUID
    company_id: uuid.UUID
    competitor_id: uuid.UUID
    site_id: uuid.UUID

    def browser(self) -> Browser:
        """Return a browser in which nobody has signed in."""
        return Browser(self.app)

    def user(self, role: str, email: str = "", password_hash: str | None = None) -> User:
        """Return a person with one role: a contractor of the company, others of the office."""
        email = email or f"{role}@example.org"
        organisation_id = self.company_id if role == "contractor" else self.office_id
        with self.store.writing() as session:
            found = session.scalar(select(User).where(User.email == email))
            return found or add_user(
                session,
                email=email,
                name=f"Ana {role}",
                password_hash=password_hash,
                role=role,
                organisation=session.get_one(Organisation, organisation_id),
                by=SYSTEM,
                now=machine_now(),
            )

    def of_site(self, role: str, site_id: uuid.UUID) -> Browser:
        """Return the browser of a person who has this role at one site alone."""
        email = f"{role}-there@example.org"
        user = self.user(role, email)
        with self.store.writing() as session:
            mine = select(Membership).where(Membership.user_id == user.id)
            session.scalars(mine).one().site_ids = [str(site_id)]
        return self.signed_in(role, email)

    def signed_in(self, role: str, email: str = "") -> Browser:
        """Return the browser of a person with this role."""
        user, browser = self.user(role, email), self.browser()
        with self.store.writing() as session:
            token, _ = open_session(session, user, machine_now())
        with self.app.app_context():
            used = f"{token}.{int(time.time())}"
            browser.client.set_cookie(COOKIE, f"{used}.{_sign(used)}")
        return browser


def make_cast(app: Flask, store: Store) -> Cast:
    """Lay the ground that every page test stands on."""
    with store.writing() as session:
        office = Organisation(code="office", kind="authority", name=bilingual("文管所", "Office"))
        company = Organisation(code="a", kind="contractor", name=bilingual("甲公司", "Company A"))
        other = Organisation(code="b", kind="contractor", name=bilingual(CANARY, CANARY))
        session.add_all([office, company, other])
        session.flush()
        site = Site(
            code="tianning", name=bilingual("天宁寺", "Tianning Temple"), organisation_id=office.id
        )
        session.add(site)
        session.flush()
        return Cast(app, store, office.id, company.id, other.id, site.id)
