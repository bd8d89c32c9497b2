"""What a caller may do now with a thing that has a workflow, as the API carries it out."""

from collections.abc import Iterable

from flask import g

from models.workflow import Workflow
from webapp.db import site_now


def actions_of(thing: Workflow, offered: Iterable[str]) -> list[str]:
    """Return the steps that the API carries out and that this caller may take now."""
    mine = set(thing.actions(g.actor, site_now()))
    return [action for action in offered if action in mine]


def actions_in_list(
    thing: Workflow, offered: Iterable[str], looks_further: Iterable[str]
) -> list[str]:
    """Return the steps for an item of a list, without those whose guard `looks_further`.

    Such a guard asks the database about other things, row by row. The thing itself tells all.
    """
    now, costly = site_now(), set(looks_further)
    mine = set(thing.offered(now)) - costly
    return [
        action
        for action in offered
        if action in mine
        and thing.may(action, g.actor)
        and thing.why_not(action, g.actor, now) is None
    ]
