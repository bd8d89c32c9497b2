"""Completing and amending what a notice says, and printing it for the gates."""

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.amendment import TEXTS, amend, complete
from models.closure import Closure
from models.errors import Fault
from models.inputs import Faults, filled
from models.people import STAFF
from models.public_notice import facts, said
from models.reasons import reason
from webapp.casework import find, history_of, meanwhile, require_unchanged, seen
from webapp.closure_page import WHOLE
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import sentence, t
from webapp.forms import again
from webapp.papers import (
    LONGEST_LINE,
    Field,
    Paper,
    bilingual_of,
    moment_of,
    number_of,
    show_paper,
    text_of,
    wall_time,
)
from webapp.policies import allow
from webapp.poster import poster, public_address, qr_code

part = Blueprint("notice", __name__)
EDITORS = Closure.MAY["complete"]


def is_hanging(closure: Closure) -> bool:
    """Whether it hangs at the gates: then a change is an amendment, with its reason."""
    return closure.posted_at is not None


@part.get("/<key>/notice")
@allow(*EDITORS)
def edit(key: str) -> str:
    """Show the notice as a form, in both languages."""
    closure = find(Closure, key, *WHOLE)
    events = history_of(closure)
    change = "amend" if is_hanging(closure) else "complete"
    return show_paper(
        Paper(
            title=t(f"closure.action.{change}"),
            intro=t(f"closures.{change}_intro"),
            submit=t(f"closures.{change}_submit"),
            back=(url_for("closures.show", key=closure.code), closure.code),
            fields=_fields(closure),
            version=seen(closure, events),
        ),
        meanwhile=meanwhile(events),
    )


def _fields(closure: Closure) -> list[Field]:
    texts = [
        Field(
            "bilingual",
            name,
            t(f"closure.field.{name}"),
            getattr(closure, name) or {},
            hint=t("closures.usual", text=sentence(said(closure, name))) if name in _USUAL else "",
            optional=name not in ("closed_parts", "permitted_entry", "alternative_route", "issuer"),
            longest=LONGEST_LINE,
        )
        for name in TEXTS
    ]
    signer = closure.signer or {}
    rest = [
        Field("text", "signer_name", t("closures.signer_name"), signer.get("name", ""), longest=60),
        Field("bilingual", "signer_title", t("closures.signer_title"), _both(signer.get("title"))),
        Field("tel", "phone", t("closure.field.phone"), closure.phone, longest=40),
        Field("number", "radius_m", t("closures.radius"), _plain(closure.radius_m), _hint(closure)),
        Field(
            "moment",
            "until_at",
            t("closure.field.until_at"),
            wall_time(closure.until_at),
            t("closures.until_hint"),
            optional=True,
        ),
        Field(
            "moment",
            "next_update_at",
            t("closure.field.next_update_at"),
            wall_time(closure.next_update_at),
            optional=True,
        ),
    ]
    why = [Field("text", "why", t("closures.why_amended"), hint=t("closures.why_amended_hint"))]
    return [*texts, *rest, *(why if is_hanging(closure) else [])]


_USUAL = (
    "closed_parts",
    "explanation",
    "hazard",
    "permitted_entry",
    "alternative_route",
    "legal_basis",
)


def _both(name: Any) -> Any:
    return name if isinstance(name, dict) else {"zh": name or "", "en": ""}


def _plain(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


def _hint(closure: Closure) -> str:
    if closure.proposed_radius_m is None:
        return t("closures.radius_hint")
    return t("closures.radius_proposed", radius=closure.proposed_radius_m)


@part.post("/<key>/notice")
@allow(*EDITORS)
@again(edit)
def save(key: str) -> ResponseReturnValue:
    """Take over what was typed."""
    begin_write()
    closure = find(Closure, key)
    require_unchanged(closure)
    changes = _changes(closure, site_now())
    if is_hanging(closure):
        amend(closure, changes, why=request.form.get("why", ""), by=g.actor, now=site_now())
    else:
        complete(closure, changes, by=g.actor, now=site_now())
    commit()
    flash(t("closures.saved"), "done")
    return redirect(url_for("closures.show", key=closure.code, _anchor="notice"), 303)


def _changes(closure: Closure, now: datetime) -> dict[str, Any]:
    """Return the fields of the form as the notice keeps them. Raises BadInput with all faults."""
    faults = Faults()
    changes: dict[str, Any] = {name: bilingual_of(name, faults) for name in TEXTS}
    changes["signer"] = _signer(faults)
    changes["phone"] = text_of("phone", faults, 40)
    changes["radius_m"] = number_of("radius_m", faults)
    for name in ("until_at", "next_update_at"):
        changes[name] = moment_of(name, closure.site.timezone, faults)
        _must_come(name, changes[name], getattr(closure, name), now, faults)
    if is_hanging(closure):
        faults.need("why", request.form.get("why", ""))
    faults.stop()
    return {
        name: value
        for name, value in changes.items()
        if _was_sent(name) and not _is_same(value, getattr(closure, name))
    }


def _was_sent(name: str) -> bool:
    """Whether the form had the field at all; one that it lacked stays as it was."""
    return any(
        field in request.form for field in (name, f"{name}_zh", f"{name}_en", f"{name}_name")
    )


def _must_come(
    name: str, wanted: datetime | None, known: datetime | None, now: datetime, faults: Faults
) -> None:
    """A promise lies ahead; one that stood already may stay as it is."""
    if wanted is not None and wanted <= now and wall_time(wanted) != wall_time(known):
        faults.found.append(Fault(name, reason("input.is_past")))


def _is_same(new: Any, old: Any) -> bool:
    """The form shows minutes, and blanks for nothing; neither is a change."""
    if isinstance(new, datetime) and isinstance(old, datetime):
        return wall_time(new) == wall_time(old)
    return new == old or (not filled(new) and not filled(old))


def _signer(faults: Faults) -> dict[str, Any] | None:
    name = text_of("signer_name", faults, 60)
    title = bilingual_of("signer_title", faults)
    signer = {"name": name, "title": title}
    return {key: value for key, value in signer.items() if value} or None


@part.get("/<key>/print")
@allow(*STAFF)
def sheet(key: str) -> str:
    """Show the notice as one sheet of A4, in both languages, with its QR code."""
    closure = find(Closure, key, *WHOLE)
    notice = facts(db.session(), closure, site_now())
    address = public_address(closure.token)
    zh, en = (poster(notice, language) for language in ("zh", "en"))
    return render_template(
        "closures/print.html",
        closure=closure,
        notice=notice,
        zh=zh,
        en=en,
        qr=qr_code(address),
        address=address,
        density=_density(zh.length * 2 + en.length),
    )


def _density(letters: int) -> str:
    """Return how small the type must be for one sheet; a Chinese letter is twice as wide."""
    return next((name for name, most in (("", 950), ("dense", 1900)) if letters <= most), "denser")
