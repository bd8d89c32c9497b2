"""The outbox: who was told what by which channel, and what could not be delivered."""

from flask import Blueprint, g, render_template
from sqlalchemy import select, tuple_
from sqlalchemy.orm import joinedload

from models.alert import Alert
from models.desk_facts import notices_of
from models.notice import Notice
from models.times import iso
from webapp.db import db
from webapp.listing import PER_PAGE, cursor, next_page, wanted
from webapp.policies import allow

pages = Blueprint("outbox", __name__, url_prefix="/notices")
STATES = ("failed", "pending", "sent")
CHANNELS = ("email", "webhook")


@pages.get("/")
@allow("duty", "manager", "engineer")
def index() -> str:
    """List notices, the newest first."""
    state, channel = wanted("state", STATES), wanted("channel", CHANNELS)
    found = select(Notice).where(notices_of(g.actor))
    if state:
        found = found.where(Notice.state == state)
    if channel:
        found = found.where(Notice.channel == channel)
    start = cursor()
    if start is not None:
        found = found.where(tuple_(Notice.created_at, Notice.key) < tuple_(*start))
    rows = db.session.scalars(
        found.options(joinedload(Notice.person))
        .order_by(Notice.created_at.desc(), Notice.key.desc())
        .limit(PER_PAGE + 1)
    ).all()
    rows, following = next_page(rows, lambda one: f"{iso(one.created_at)}~{one.key}")
    alerts = _alerts(rows)
    return render_template(
        "outbox/index.html",
        rows=[(row, alerts.get(row.alert_id)) for row in rows],
        following=following,
        state=state,
        states=STATES,
        channel=channel,
        channels=CHANNELS,
    )


def _alerts(rows: object) -> dict:
    ids = {row.alert_id for row in rows if row.alert_id}  # type: ignore[attr-defined]
    found = db.session.execute(select(Alert.id, Alert.code).where(Alert.id.in_(ids)))
    return dict(found.all())
