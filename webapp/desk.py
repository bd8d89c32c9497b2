"""The duty desk: what needs somebody now, and whether the data behind it are fresh."""

from datetime import datetime

from flask import Blueprint, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from models.alert import SEVERITIES, Alert
from models.alert_rights import buttons
from models.clock import machine_now
from models.desk_facts import Desk, read_desk
from models.paths import path_to
from models.people import STAFF
from models.units import symbol
from webapp.alert_words import (
    event_word,
    headline,
    place_parts,
    said,
    sensor_words,
    standing_of,
)
from webapp.casework import names_of
from webapp.db import db, site_now
from webapp.filters import t, url_for_or
from webapp.live import shared
from webapp.measures import digits, measure, measured
from webapp.policies import signed_in

pages = Blueprint("desk", __name__)
pages.add_app_template_global(measured, "measured")
pages.add_app_template_global(measure, "measure")
pages.add_app_template_global(digits, "digits")
pages.add_app_template_global(sensor_words, "sensor_words")
pages.add_app_template_global(said, "said")
pages.add_app_template_global(event_word, "event_word")
pages.add_app_template_global(symbol, "unit")
pages.add_app_template_global(path_to, "path_to")
DUE_SHOWN = 8


@pages.get("/")
@signed_in
def show() -> ResponseReturnValue:
    """Show the desk; those who have none go to their own first page."""
    if not g.actor.has_role(*STAFF):
        return redirect(url_for_or("tasks.index", url_for("navigation.menu")))
    return _desk()


@shared
def _desk() -> str:
    now = site_now()
    desk = read_desk(db.session(), g.actor, now, machine_now())
    names = names_of(alert.assignee_id for alert in desk.alerts)
    return render_template(
        "desk/show.html",
        desk=desk,
        title=sentence_of(desk),
        severities=tuple(reversed(SEVERITIES)),
        rows=[_row(desk, alert, now, names) for alert in desk.alerts],
        first=next((one.id for one in desk.alerts if not one.acknowledged), None),
        due=desk.due[:DUE_SHOWN],
        more_due=max(0, len(desk.due) - DUE_SHOWN),
        now=now,
    )


def _row(desk: Desk, alert: Alert, now: datetime, names: dict) -> dict[str, object]:
    """One line of the table: what, where, since when, how far, and the button."""
    word, icon, kind = standing_of(alert, now, names)
    return {
        "alert": alert,
        "headline": headline(alert, desk.rule_names),
        "place": place_parts(alert),
        "spark": desk.sparks.get(alert.sensor_id) if alert.sensor_id else None,
        "standing": (word, icon, kind),
        "can_acknowledge": "acknowledge" in buttons(alert, g.actor, now),
    }


def sentence_of(desk: Desk) -> str:
    """Say in one sentence what waits; silence of the data is never calm."""
    waiting = desk.unacknowledged
    if waiting:
        counts = [
            t("desk.count", n=sum(one.severity == severity for one in waiting), level=severity)
            for severity in reversed(SEVERITIES)
            if any(one.severity == severity for one in waiting)
        ]
        return t("desk.waiting", what=counts, n=len(waiting))
    if not desk.seen:
        return t("desk.no_sensors")
    if not desk.freshness.is_fresh:
        return t("desk.blind")
    if desk.alerts:
        return t("desk.in_hand", n=len(desk.alerts))
    return t("desk.calm")
