"""Device profiles: what the fields of a device type mean here, added by an administrator."""

import json

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.claim import decode_again
from models.device_profile import DeviceProfile, load_profile_text
from models.errors import BadInput, Fault, Missing
from models.profile_file import LARGEST_BYTES
from models.reading import Quarantined
from models.reasons import reason
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.policies import allow
from webapp.registry import told

pages = Blueprint("profiles", __name__, url_prefix="/profiles")
MOST_AT_ONCE = 500


@pages.get("/")
@allow("admin")
def index(code: str = "") -> str:
    """List the installation's own profiles, and the form for a file."""
    return _page([])


def _page(faults: list) -> str:
    rows = select(DeviceProfile).where(DeviceProfile.visible_to(g.actor))
    ordered = rows.order_by(DeviceProfile.withdrawn_at.is_not(None), DeviceProfile.code)
    return render_template(
        "profiles/index.html", rows=db.session.scalars(ordered).all(), faults=faults
    )


@pages.get("/<code>.json")
@allow("admin")
def download(code: str) -> Response:
    """Send a profile as a file; loading that file changes nothing."""
    text = json.dumps(_find(code).document, ensure_ascii=False, indent=1) + "\n"
    answer = Response(text, mimetype="application/json")
    answer.headers["Content-Disposition"] = "attachment; filename=profile.json"
    return answer


@pages.post("/load")
@allow("admin")
@again(index)
def load() -> ResponseReturnValue:
    """Add a profile or change it; its faults are listed with their lines."""
    content = _content()
    begin_write()
    try:
        row, job = load_profile_text(db.session(), content, by=g.actor, now=site_now())
    except BadInput as refused:
        # Not as faults of the form's fields: they are places in the file, with lines.
        db.session.rollback()
        return _page(told(refused.faults)), 422
    if job is not None and "again" in request.form:
        waits = select(Quarantined.id).where(Quarantined.decoded_again_at.is_(None))
        ids = db.session.scalars(waits.order_by(Quarantined.id.desc()).limit(MOST_AT_ONCE)).all()
        if ids:
            decode_again(db.session(), sorted(ids), by=g.actor, now=site_now())
    commit()
    word = "profiles.loaded" if job is not None else "profiles.unchanged"
    flash(t(word, name=row.name, number=row.number), "done")
    return redirect(url_for("profiles.index"), 303)


@pages.post("/<code>/withdraw")
@allow("admin")
@again(index)
def withdraw(code: str) -> ResponseReturnValue:
    """Take a profile out of use."""
    begin_write()
    row = _find(code)
    row.withdraw(by=g.actor, now=site_now())
    commit()
    flash(t("profile.withdrawn", name=row.name), "done")
    return redirect(url_for("profiles.index"), 303)


def _find(code: str) -> DeviceProfile:
    mine = select(DeviceProfile).where(DeviceProfile.code == code)
    row = db.session.scalars(mine.where(DeviceProfile.visible_to(g.actor))).first()
    if row is None:
        raise Missing("profile", code)
    return row


def _content() -> bytes:
    """Return the file that was sent, or the text that was pasted. Raises BadInput."""
    sent = request.files.get("file")
    content = sent.read(LARGEST_BYTES + 1) if sent is not None and sent.filename else b""
    content = content or request.form.get("text", "").encode()
    if not content.strip():
        raise BadInput([Fault("file", reason("input.needed"))])
    if len(content) > LARGEST_BYTES:
        raise BadInput([Fault("file", reason("profiles.too_large", kb=LARGEST_BYTES >> 10))])
    return content
