"""The clock bar's buttons: pause, life's speed, sixty times as fast, on to the next event."""

from flask import Blueprint, Response, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from models.clock import SiteClock, machine_now
from models.errors import BadInput, Fault, Refusal
from models.reasons import reason
from models.times import iso
from webapp.db import begin_write, clock_row, commit, db, site_now
from webapp.policies import allow, signed_in
from webapp.security import safe_next

pages = Blueprint("clock", __name__, url_prefix="/clock")

PACES = ("pause", "1", "60", "next")
TO_NEXT_EVENT = 600.0
MAY_CONTROL = ("admin", "manager", "duty")


@pages.post("/pace")
@allow(*MAY_CONTROL)
def control() -> ResponseReturnValue:
    """Change how site time passes; real time is nobody's to change."""
    pace = request.form.get("pace", "")
    if pace not in PACES:
        raise BadInput([Fault("pace", reason("clock.unknown_pace", paces=list(PACES)))])
    begin_write()
    row = db.session.get(SiteClock, 1)
    if row is None or row.mode == "real":
        raise Refusal(reason("clock.is_real"))
    set_pace(row, pace)
    commit()
    return redirect(safe_next(request.form.get("next")), 303)


def set_pace(row: SiteClock, pace: str) -> None:
    """Apply a button. "Next event" runs fast until an alert of any severity, then at life's."""
    now = machine_now()
    row.stop_at_alert = "low" if pace == "next" else None
    if pace == "pause":
        row.set_pace(now, paused=True)
    else:
        speed = TO_NEXT_EVENT if pace == "next" else float(pace)
        row.set_pace(now, speed=speed, paused=False)


@pages.get("/state")
@signed_in
def state() -> Response:
    """Tell the site's time and how it passes, for a script that moves the hands on."""
    row = clock_row()
    real = row is None or row.mode == "real"
    answer = jsonify(
        now=iso(site_now()),
        mode="real" if row is None else row.mode,
        speed=1.0 if real or row is None else row.speed,
        paused=not real and row is not None and row.paused,
        to_next_event=row is not None and row.stop_at_alert is not None,
    )
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
