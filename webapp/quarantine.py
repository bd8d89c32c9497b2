"""Messages that could not be used: whole, with the reason, to be read again after a repair."""

from dataclasses import dataclass

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.claim import decode_again
from models.errors import Missing
from models.reading import Quarantined
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.listing import PER_PAGE, next_page, numbered, wanted
from webapp.policies import allow

pages = Blueprint("quarantine", __name__, url_prefix="/quarantine")
READERS = ("admin", "manager", "engineer", "duty")
SHOWN_BYTES = 4096
PREVIEW = 120
LINE = 16
MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Payload:
    """A payload as it can be shown without harm."""

    text: str
    is_text: bool
    size: int

    @property
    def is_cut(self) -> bool:
        """Whether there is more than is shown."""
        return self.size > SHOWN_BYTES


def shown(payload: bytes, most: int = SHOWN_BYTES) -> Payload:
    """Return text where it is text, else bytes in hexadecimal; the template escapes both."""
    part = payload[:most]
    try:
        text = part.decode("utf-8")
    except UnicodeDecodeError as fault:
        # A cut may fall inside a letter; anything earlier is no text at all.
        if fault.start < len(part) - 3 or len(payload) <= most:
            return Payload(_hex(part), False, len(payload))
        text = part[: fault.start].decode("utf-8")
    if all(letter.isprintable() or letter in "\n\r\t" for letter in text):
        return Payload(text, True, len(payload))
    return Payload(_hex(part), False, len(payload))


def _hex(part: bytes) -> str:
    lines = []
    for start in range(0, len(part), LINE):
        row = part[start : start + LINE]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:06x}  {row.hex(' '):<{LINE * 3 - 1}}  {letters}")
    return "\n".join(lines)


@pages.get("/")
@allow(*READERS)
def index() -> str:
    """List refused messages, the newest first."""
    state = wanted("state", ("waiting", "read", "all"), "waiting")
    found = select(Quarantined)
    if state != "all":
        read = Quarantined.decoded_again_at
        found = found.where(read.is_(None) if state == "waiting" else read.is_not(None))
    before = numbered()
    if before is not None:
        found = found.where(Quarantined.id < before)
    rows = db.session.scalars(found.order_by(Quarantined.id.desc()).limit(PER_PAGE + 1)).all()
    rows, following = next_page(rows, lambda one: str(one.id))
    return render_template(
        "quarantine/index.html",
        rows=[(row, shown(row.payload, PREVIEW)) for row in rows],
        following=following,
        state=state,
        may=g.actor.has_role("admin", "engineer"),
    )


@pages.get("/<int:number>")
@allow(*READERS)
def show(number: int) -> str:
    """Show one message as it came."""
    row = _find(number)
    return render_template(
        "quarantine/show.html",
        row=row,
        payload=shown(row.payload),
        may=g.actor.has_role("admin", "engineer"),
    )


@pages.post("/<int:number>/again")
@allow("admin", "engineer")
@again(show)
def read_again(number: int) -> ResponseReturnValue:
    """Have it read once more; the ingester does it."""
    begin_write()
    row = _find(number)
    decode_again(db.session(), [row.id], by=g.actor, now=site_now())
    commit()
    flash(t("quarantine.asked", n=1), "done")
    return redirect(url_for("quarantine.show", number=number), 303)


@pages.post("/again")
@allow("admin", "engineer")
@again(index)
def read_all_again() -> ResponseReturnValue:
    """Have all that wait read once more, the newest ones first where there are many."""
    begin_write()
    waits = select(Quarantined.id).where(Quarantined.decoded_again_at.is_(None))
    ids = list(db.session.scalars(waits.order_by(Quarantined.id.desc()).limit(MOST_AT_ONCE)))
    if ids:
        decode_again(db.session(), sorted(ids), by=g.actor, now=site_now())
    commit()
    flash(t("quarantine.asked", n=len(ids)), "done")
    return redirect(url_for("quarantine.index"), 303)


def _find(number: int) -> Quarantined:
    row = db.session.get(Quarantined, number)
    if row is None:
        raise Missing("quarantined", str(number))
    return row
