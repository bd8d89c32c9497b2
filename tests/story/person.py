"""Somebody at a browser: signs in, reads, taps and types, by roles and labels in Chinese."""

import io
import re
import uuid
from collections.abc import Mapping
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from models.words.render import Reader, phrase

CHINESE = Reader("zh", "Asia/Shanghai")
PATIENCE_MS = 20_000


def word(code: str, **values: Any) -> str:
    """Return what a page says in Chinese, from the same catalogue as the page."""
    return phrase(code, CHINESE, **values)


def picture() -> bytes:
    """Return a photo that nobody has taken before."""
    bytes_ = io.BytesIO()
    Image.effect_noise((320, 240), 40).convert("RGB").save(bytes_, "JPEG", comment=uuid.uuid4().hex)
    return bytes_.getvalue()


class Person:
    """One person, signed in or not, with a page of a browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        page.set_default_timeout(PATIENCE_MS)

    def sign_in(self, email: str, password: str) -> "Person":
        """Come in by the door, with a real password."""
        self.open("/login")
        self.page.get_by_label(word("login.email")).fill(email)
        self.page.get_by_label(word("login.password")).fill(password)
        self.tap(word("login.submit"))
        expect(self.page).not_to_have_url(re.compile("/login"))
        return self

    def open(self, path: str) -> "Person":
        """Open a page of the instance; fails where it answers with a fault or a refusal."""
        answer = self.page.goto(path if "://" in path else self.url + path)
        assert answer is not None and answer.ok, f"{path}: {answer and answer.status}"
        return self

    @property
    def path(self) -> str:
        """Where the person is, without anchor."""
        return self.page.url.removeprefix(self.url).partition("#")[0]

    def part(self, anchor: str) -> Locator:
        """Return the part of the page with an id."""
        return self.page.locator(f"[id='{anchor}']")

    def tap(self, name: str, within: Locator | None = None) -> "Person":
        """Tap the button of a name, and wait until the server has answered."""
        return self.go((within or self.page).get_by_role("button", name=name).first)

    def follow(self, name: str, within: Locator | None = None) -> "Person":
        """Follow the link of a name."""
        return self.go((within or self.page).get_by_role("link", name=name).first)

    def go(self, control: Locator) -> "Person":
        """Tap what leads somewhere, and wait until the server has answered."""
        with self.page.expect_navigation(timeout=PATIENCE_MS):
            control.click()
        return self

    def step(self, noun: str, action: str) -> "Person":
        """Take a step of a workflow: its button, or the link to the page that asks for words."""
        label = word(f"{noun}.action.{action}")
        button = self.page.get_by_role("button", name=label, exact=True)
        link = self.page.get_by_role("link", name=label, exact=True)
        return self.go(button.or_(link).first)

    def fill(self, values: Mapping[str, str | bool]) -> "Person":
        """Fill fields in by their names: text, choice of a list, tick or radio."""
        for name, value in values.items():
            self._fill(self.page.locator(f"main [name='{name}']"), value)
        return self

    def _fill(self, field: Locator, value: str | bool) -> None:
        kind = field.first.evaluate("one => one.tagName + ':' + one.type")
        if kind == "INPUT:radio":
            field.and_(self.page.locator(f"[value='{value}']")).check()
        elif kind == "INPUT:checkbox":
            field.first.set_checked(bool(value))
        elif kind.startswith("SELECT"):
            by_value = field.locator(f"option[value='{value}']")
            option = by_value if by_value.count() else field.locator("option", has_text=str(value))
            field.select_option(option.first.get_attribute("value"))
        else:
            field.fill(str(value))

    def send(self) -> "Person":
        """Send the form that was filled in, by its first button."""
        forms = self.page.locator("main form.paper, main form.form")
        return self.go(forms.locator("button").first)

    def photograph(self, stage: str = "") -> "Person":
        """Add a photo on this page; the page then shows it."""
        form = self.page.locator("form[data-photos]")
        opener = self.page.locator("details.adding:not([open]) > summary")
        if opener.count():
            opener.first.click()
        if stage:
            form.locator(f"label:has([name=kind][value={stage}])").click()
        before = self.page.locator("figure.ph, .photos img").count()
        with self.page.expect_navigation(timeout=PATIENCE_MS):
            form.locator("input[type=file]").set_input_files(
                {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": picture()}
            )
        assert self.page.locator("figure.ph, .photos img").count() > before
        return self

    def sees(self, text: str, within: Locator | None = None) -> "Person":
        """Expect a text on the page."""
        expect(within or self.page.locator("main")).to_contain_text(text, timeout=PATIENCE_MS)
        return self

    def sees_not(self, text: str, within: Locator | None = None) -> "Person":
        """Expect a text nowhere on the page."""
        expect(within or self.page.locator("main")).not_to_contain_text(text)
        return self
