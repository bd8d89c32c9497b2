"""The registry by file: take it away, change it, load it again; all of it or nothing."""

import json
from dataclasses import dataclass

from flask import Blueprint, Response, flash, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from models.errors import BadInput, Fault
from models.reasons import reason
from models.registry import Building, Drawing, Site, Zone
from models.registry_file.dump import dump
from models.registry_file.ledger import Changes
from models.registry_file.load import load_text
from models.rulebook import RuleRow
from models.sensor import Sensor
from models.times import iso
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import sentence, t
from webapp.forms import again
from webapp.policies import allow

pages = Blueprint("registry", __name__, url_prefix="/registry")
LARGEST = 8 * 1024 * 1024
NOUNS = (Site, Building, Zone, Sensor, Drawing, RuleRow)


@dataclass(frozen=True)
class Told:
    """A fault of the file, or something to look at."""

    line: int | None
    where: str
    text: str


@pages.get("/")
@allow("admin")
def index() -> str:
    """Show what the registry holds, and the form for a file."""
    return _page()


def _page(changes: Changes | None = None, faults: list[Told] | None = None) -> str:
    counts = [
        (noun.__tablename__, db.session.scalar(select(func.count()).select_from(noun)) or 0)
        for noun in NOUNS
    ]
    return render_template(
        "registry/index.html",
        counts=counts,
        changes=changes,
        warnings=told(changes.warnings) if changes else [],
        faults=faults or [],
    )


@pages.get("/registry.json")
@allow("admin")
def download() -> Response:
    """Send the whole registry as a file; loading that file changes nothing."""
    text = json.dumps(dump(db.session()), ensure_ascii=False, indent=1) + "\n"
    answer = Response(text, mimetype="application/json")
    day = iso(site_now())[:10]
    answer.headers["Content-Disposition"] = f'attachment; filename="registry-{day}.json"'
    return answer


@pages.post("/load")
@allow("admin")
@again(index)
def load() -> ResponseReturnValue:
    """Load a file; its faults are listed with their lines, and then nothing has changed."""
    content = _content()
    begin_write()
    try:
        changes = load_text(
            db.session(), content, by=g.actor, now=site_now(), prune="prune" in request.form
        )
    except BadInput as refused:
        # Not as faults of the form's fields: they are places in the file, with lines.
        db.session.rollback()
        return _page(faults=told(refused.faults)), 422
    commit()
    flash(
        t(
            "registry.loaded",
            added=len(changes.added),
            changed=len(changes.changed),
            retired=len(changes.retired),
        ),
        "done",
    )
    return _page(changes)


def _content() -> bytes:
    """Return the file that was sent, or the text that was pasted. Raises BadInput."""
    sent = request.files.get("file")
    content = sent.read(LARGEST + 1) if sent is not None and sent.filename else b""
    content = content or request.form.get("text", "").encode()
    if not content.strip():
        raise BadInput([Fault("file", reason("input.needed"))])
    if len(content) > LARGEST:
        raise BadInput([Fault("file", reason("registry_page.too_large", mb=LARGEST >> 20))])
    return content


def told(faults: object) -> list[Told]:
    """Return the faults of a file as its page lists them."""
    return [
        Told(getattr(one, "line", None), one.where, sentence(one.reason))
        for one in faults  # type: ignore[attr-defined]
    ]
