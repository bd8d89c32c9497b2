"""Where a person may go: the side nav of a desk and the bottom bar of a phone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, g, render_template, request, url_for
from sqlalchemy import Select, select

from models.people import STAFF, Actor
from webapp.db import db
from webapp.policies import policy_of, signed_in

pages = Blueprint("navigation", __name__)
Count = Callable[[Actor], Select[Any]]


@dataclass(frozen=True)
class Place:
    """One line of the nav, as it is drawn."""

    label: str
    icon: str
    href: str
    current: bool
    classes: str
    count: int
    rule_before: bool


# endpoint, icon, group; a place whose page this installation lacks, or whose policy does not
# admit the person, is not shown. The first four of a person's places are the phone's bar.
PLACES = (
    ("desk.show", "activity", 0),
    ("tasks.index", "tools", 0),
    ("alerts.index", "bell", 0),
    ("incidents.index", "alert-triangle", 0),
    ("sites.index", "building-pavilion", 0),
    ("scaffolds.index", "ladder", 0),
    ("closures.index", "barrier-block", 1),
    ("findings.index", "search", 1),
    ("reports.index", "file-text", 1),
    ("sensors.index", "device-analytics", 2),
    ("maintenance.index", "heartbeat", 2),
    ("install.index", "qrcode", 2),
    ("rules.index", "adjustments", 2),
    ("channels.index", "plus", 2),
    ("gaps.index", "route", 2),
    ("quarantine.index", "inbox", 2),
    ("registry.index", "map", 2),
    ("profiles.index", "ruler-measure", 2),
    ("outbox.index", "send", 2),
    ("events.index", "history", 2),
    ("keys.index", "key", 2),
    ("users.index", "users", 2),
    ("checks.index", "heartbeat", 2),
)
IN_THE_BAR = 4
_counts: dict[str, Count] = {}


def nav_count(endpoint: str) -> Callable[[Count], Count]:
    """Register what counts the things that wait at a place: a select of one number.

    The counts of all places are one query of the page.
    """

    def mark(count: Count) -> Count:
        _counts[endpoint] = count
        return count

    return mark


def nav_places() -> list[Place]:
    """Return the places of the person who asks."""
    if g.get("actor") is None:
        return []
    if "nav_places" not in g:
        g.nav_places = _places(g.actor)
    return g.nav_places


def _places(actor: Actor) -> list[Place]:
    mine = [place for place in PLACES if _open_to(actor, place[0])]
    order = _bar_first(actor, mine)
    here = (request.blueprint or "").split(".")[0]
    found: list[Place] = []
    counts = _count_all(actor, [endpoint for endpoint, _, _ in order])
    earlier = order[0][2] if order else 0
    for number, (endpoint, icon, group) in enumerate(order):
        found.append(
            Place(
                label=f"nav.{endpoint.split('.')[0]}",
                icon=icon,
                href=url_for(endpoint),
                current=endpoint.split(".")[0] == here,
                classes="more" if number >= IN_THE_BAR else "",
                count=counts.get(endpoint, 0),
                rule_before=group != earlier,
            )
        )
        earlier = group
    found.append(_menu(here, any(place.current for place in found[IN_THE_BAR:])))
    return found


def _count_all(actor: Actor, endpoints: list[str]) -> dict[str, int]:
    asked = {name: _counts[name](actor) for name in endpoints if name in _counts}
    if not asked:
        return {}
    statement = select(*(one.scalar_subquery() for one in asked.values()))
    return dict(zip(asked, db.session.execute(statement).one(), strict=True))


def _bar_first(actor: Actor, mine: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Staff have sites before tasks in the bar; a contractor has his tasks first."""
    if actor.has_role(*STAFF):
        wanted = ("desk.show", "alerts.index", "incidents.index", "tasks.index")
    else:
        wanted = ("tasks.index", "scaffolds.index")
    first = [one for name in wanted for one in mine if one[0] == name]
    return first + [one for one in mine if one not in first]


def _open_to(actor: Actor, endpoint: str) -> bool:
    if endpoint == "desk.show" and not actor.has_role(*STAFF):
        return False  # it only sends them on to their own first page
    policy = policy_of(current_app, endpoint)
    return policy is not None and policy.admits(actor, None)


def _menu(here: str, inside: bool) -> Place:
    return Place(
        label="nav.menu",
        icon="dots",
        href=url_for("navigation.menu"),
        current=inside or here == "navigation",
        classes="menu",
        count=0,
        rule_before=False,
    )


@pages.get("/menu")
@signed_in
def menu() -> str:
    """Show everything that the phone's bar has no room for."""
    return render_template("shell/menu.html", places=nav_places()[:-1])
