"""What visitors read: the notice behind a QR code, and everything that is closed today."""

from itertools import groupby

from flask import Blueprint, Response, g, make_response, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from models.closure import IN_FORCE, Closure
from models.public_notice import public_notice
from models.registry import Site
from models.words.render import LANGUAGES, Reader
from webapp.db import db, site_now
from webapp.policies import public
from webapp.poster import dial, poster
from webapp.reader import current_reader, read_in_zone

pages = Blueprint("public", __name__)

FRESH_FOR_S = 60
LISTED_AT_MOST = 200


@pages.get("/n/<token>")
@public
def notice(token: str) -> Response:
    """Show a notice; after its end it says so, and one that was never issued is not found."""
    found = public_notice(db.session(), token, site_now())
    _read_as_visitor()
    read_in_zone(found.site.timezone)
    successor = found.superseded_by
    page = render_template(
        "public/notice.html",
        notice=found,
        poster=poster(found, current_reader().language),
        phone=dial(found.phone),
        successor=url_for("public.notice", token=successor) if successor else "",
    )
    return _for_everyone(page)


@pages.get("/n")
@public
def today() -> Response:
    """List what is closed today, by site."""
    _read_as_visitor()
    closed = (
        select(Closure)
        .join(Site)
        .where(Closure.state.in_(IN_FORCE))
        .options(joinedload(Closure.site), joinedload(Closure.zone))
        .order_by(Site.code, Closure.began_at)
        .limit(LISTED_AT_MOST)
    )
    sites = groupby(db.session.scalars(closed), key=lambda closure: closure.site)
    listed = [(site, list(closures)) for site, closures in sites]
    return _for_everyone(render_template("public/today.html", sites=listed, at=site_now()))


def _read_as_visitor() -> None:
    """Choose the language by address and browser alone: what is kept for all asks no cookie."""
    asked = request.args.get("lang")
    best = asked if asked in LANGUAGES else request.accept_languages.best_match(LANGUAGES, "zh")
    g.reader = Reader(best or "zh", current_reader().timezone)
    g.renew = None  # no cookie in an answer that others may be handed


def _for_everyone(page: str) -> Response:
    answer = make_response(page)
    answer.headers["Cache-Control"] = f"public, max-age={FRESH_FOR_S}"
    answer.headers["Vary"] = "Accept-Language"
    return answer
