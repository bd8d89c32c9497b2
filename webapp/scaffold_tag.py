"""The tag at the ladder: a sheet to print, and the public page behind its QR code."""

from urllib.parse import urljoin

from flask import Blueprint, current_app, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from models.errors import Missing
from models.people import STAFF
from models.scaffold import Scaffold
from models.words.render import Reader, phrase
from webapp.casework import find, names_of
from webapp.db import db, site_now
from webapp.policies import allow, public
from webapp.poster import qr_code
from webapp.reader import read_in_zone
from webapp.scaffold_page import LOADS, where
from webapp.tag_words import shown_tag

part = Blueprint("tag", __name__)
WHOLE = (joinedload(Scaffold.site), joinedload(Scaffold.building), joinedload(Scaffold.zone))


def tag_address(token: str) -> str:
    """Return the address behind the QR code."""
    return urljoin(f"{current_app.config['PUBLIC_URL'].rstrip('/')}/", f"s/{token}")


@part.get("/scaffolds/<key>/tag")
@allow(*STAFF, "contractor")
def sheet(key: str) -> str:
    """Show the tag as it is printed."""
    scaffold, now = find(Scaffold, key, *WHOLE, joinedload(Scaffold.organisation)), site_now()
    address = tag_address(scaffold.token)
    return render_template(
        "scaffolds/print.html",
        scaffold=scaffold,
        tag=shown_tag(scaffold, now),
        load=LOADS.get(scaffold.load_class or 0),
        where=where(scaffold),
        inspector=names_of([scaffold.inspected_by or scaffold.received_by]),
        looked_at=scaffold.inspected_at or scaffold.handed_over_at,
        qr=qr_code(address),
        address=address,
        back=url_for("scaffolds.show", key=scaffold.code),
        say=_say,
        now=now,
    )


def _say(language: str, code: str) -> str:
    """Return a word in one of the two languages that the sheet has side by side."""
    return phrase(code, Reader(language))


@part.get("/s/<token>")
@public
def show(token: str) -> str:
    """Show anyone at the ladder whether it may be climbed, and until when."""
    mine = select(Scaffold).where(Scaffold.token == token)
    scaffold = db.session.scalars(mine.options(*WHOLE)).first()
    if scaffold is None:
        raise Missing("scaffold")
    read_in_zone(scaffold.site.timezone)
    now = site_now()
    return render_template(
        "scaffolds/public.html",
        scaffold=scaffold,
        tag=shown_tag(scaffold, now),
        load=LOADS.get(scaffold.load_class or 0),
        where=where(scaffold),
        looked_at=scaffold.inspected_at or scaffold.handed_over_at,
        now=now,
    )
