"""What never came: numbers that senders have left out, and senders that leave out none to see."""

from flask import Blueprint, g, render_template
from sqlalchemy import select

from models.gap import Gap, missing_in_all, places_of, unprotected
from models.people import STAFF
from webapp.db import db
from webapp.listing import PER_PAGE, next_page, numbered
from webapp.policies import allow

pages = Blueprint("gaps", __name__, url_prefix="/gaps")
MOST_UNPROTECTED = 200


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List what is missing, the newest found first, and who is not protected against loss."""
    session, before = db.session(), numbered()
    found = select(Gap).where(Gap.visible_to(g.actor)).order_by(Gap.id.desc())
    if before is not None:
        found = found.where(Gap.id < before)
    rows, following = next_page(
        session.scalars(found.limit(PER_PAGE + 1)).all(), lambda one: str(one.id)
    )
    open_to_loss = unprotected(session, g.actor, MOST_UNPROTECTED)
    missing, senders = missing_in_all(session, g.actor)
    devices = [gap.source for gap in rows] + [device.code for device, _ in open_to_loss]
    return render_template(
        "gaps/index.html",
        gaps=rows,
        following=following,
        missing=missing,
        senders=senders,
        unprotected=open_to_loss,
        places=places_of(session, devices),
        most=MOST_UNPROTECTED,
    )
