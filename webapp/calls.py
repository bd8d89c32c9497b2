"""What came of a call: reached, no answer, or what was agreed; one tap each."""

import uuid
from typing import Any

from flask import g, request
from sqlalchemy import select

from models.contacts import Contact, record_call
from models.errors import Missing
from webapp.db import db, site_now

LONGEST_NOTE = 400


def make_call(about: Any) -> None:
    """Record the call that the form tells. Raises BadInput, Missing; the view commits."""
    record_call(
        _contact(about, request.form.get("contact", "")),
        about,
        request.form.get("outcome", ""),
        note=request.form.get("note", "").strip()[:LONGEST_NOTE],
        by=g.actor,
        now=site_now(),
    )


def _contact(about: Any, key: str) -> Contact:
    """Return somebody on the list of this very site."""
    try:
        wanted = uuid.UUID(key)
    except ValueError:
        raise Missing("contact", key) from None
    mine = select(Contact).where(
        Contact.id == wanted, Contact.site_id == about.site_id, Contact.visible_to(g.actor)
    )
    found = db.session.scalars(mine).first()
    if found is None:
        raise Missing("contact", key)
    return found
