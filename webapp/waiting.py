"""What waits for the person who asks: counted once a request, for the nav and for the desk."""

from flask import g

from models.desk_facts import Waiting, waiting
from models.people import Actor
from webapp.db import db
from webapp.navigation import nav_count


def counts(actor: Actor) -> Waiting:
    """Return the counts of this request."""
    if "waiting" not in g:
        g.waiting = waiting(db.session(), actor)
    return g.waiting


@nav_count("alerts.index")
def _alerts(actor: Actor) -> int:
    return counts(actor).alerts


@nav_count("channels.index")
def _channels(actor: Actor) -> int:
    return counts(actor).channels


@nav_count("quarantine.index")
def _quarantine(actor: Actor) -> int:
    return counts(actor).quarantine
