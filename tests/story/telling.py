"""The story as its chapters share it: the instance, the people, and what they have made so far."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

from tests.harness.browser import PHONE, People
from tests.story.instance import Instance
from tests.story.person import Person

ON_PHONES = ("contractor", "keeper")
RED = "CRACK-RATE-tianning-C-07-1"
ZONE = "金刚殿北侧"
HALL = "金刚殿"


@dataclass
class Telling:
    """One telling of the story, against one instance."""

    instance: Instance
    people: People
    places: dict[str, str] = field(default_factory=dict)  # what was made -> its path
    cast: dict[str, Person] = field(default_factory=dict)

    def person(self, role: str) -> Person:
        """Return somebody of a role, who signs in when first needed."""
        if role not in self.cast:
            account = self.instance.accounts[role]
            options: dict[str, Any] = PHONE if role in ON_PHONES else {}
            somebody = Person(self.people.page(**options), self.instance.url)
            self.cast[role] = somebody.sign_in(account.email, account.password)
        return self.cast[role]

    def visitor(self) -> Person:
        """Return a visitor with a phone, who has no account."""
        page: Page = self.people.page(**PHONE)
        return Person(page, self.instance.url)

    def goes_to(self, role: str, what: str) -> Person:
        """Let somebody open what was made before."""
        return self.person(role).open(self.places[what])

    def time_passes(self, until: str) -> None:
        """Move the clock on while nobody looks: open pages would ask for news every second."""
        for page in self.people.pages:
            page.goto("about:blank")
        self.instance.until(until)

    def keep(self, what: str, person: Person) -> None:
        """Remember the page that somebody is on."""
        self.places[what] = person.path

    def forgive(self, what: str) -> None:
        """Drop complaints of browsers about what the story itself has done."""
        for page in self.people.pages:
            page.evaluate("1")  # what it has to say is heard when it is spoken to
        kept = [one for one in self.people.complaints if what not in one]
        self.people.complaints[:] = kept
