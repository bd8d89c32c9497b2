"""What a person typed is not lost: forms that were refused are shown again as they were sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Flask, g, request

from models.errors import BadInput, Refusal, Refused
from webapp.filters import sentence, t

View = TypeVar("View", bound=Callable)
NEVER_SHOWN = {"csrf", "password", "password_again", "old_password", "_form", "idempotency_key"}
KEPT_BYTES = 200_000


def again(page: Callable) -> Callable[[View], View]:
    """Say which page shows the form of this POST; it is shown again when the answer is no.

    `page` is the GET view; it gets the same arguments. Its fields (macros/forms.html) then hold
    what was typed, with what is wrong beside them; its head tells the refusal and the blockers.
    """

    def mark(view: View) -> View:
        view.again = page  # type: ignore[attr-defined]
        return view

    return mark


@dataclass
class Refilled:
    """A form that was not taken: what was typed, and why not."""

    why: Refused
    form: str = ""
    faults: list[dict[str, str]] = field(default_factory=list)
    blockers: list[dict[str, str]] = field(default_factory=list)


def refill(why: Refused) -> Refilled:
    """Keep what was typed for the page that is drawn again."""
    g.refilled = Refilled(why, request.form.get("_form", ""), faults_of(why), blockers_of(why))
    return g.refilled


def faults_of(why: Refused) -> list[dict[str, str]]:
    """Return the faults of a bad input as (field, sentence)."""
    if not isinstance(why, BadInput):
        return []
    return [{"where": fault.where, "text": sentence(fault.reason)} for fault in why.faults]


def blockers_of(why: Refused) -> list[dict[str, str]]:
    """Return what is in the way as (sentence, page)."""
    if not isinstance(why, Refusal):
        return []
    return [{"text": sentence(one.reason), "href": one.href} for one in why.blockers]


def typed(name: str, value: Any = "", form: str = "") -> Any:
    """Return what was typed into a field that is shown again, else its value."""
    refilled = g.get("refilled")
    if refilled is None or refilled.form != form or name not in request.form:
        return "" if value is None else value
    return request.form[name]


def typed_list(name: str, value: Any = None, form: str = "") -> list[str]:
    """Return the choices that were made, else those of the value."""
    refilled = g.get("refilled")
    if refilled is not None and refilled.form == form:
        return request.form.getlist(name)
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple | set) else [str(value)]


def form_faults() -> list[dict[str, str]]:
    """Return the faults for the summary on top of the page."""
    return g.refilled.faults if g.get("refilled") else []


def field_faults(name: str, form: str = "") -> list[str]:
    """Return what is wrong with one field."""
    refilled = g.get("refilled")
    if refilled is None or refilled.form != form:
        return []
    return [fault["text"] for fault in refilled.faults if fault["where"] == name]


def form_refusal() -> dict[str, Any] | None:
    """Return the refusal that the page tells: title, sentence, blockers."""
    refilled = g.get("refilled")
    if refilled is None or isinstance(refilled.why, BadInput):
        return None
    return {
        "title": t("error.refused"),
        "text": sentence(refilled.why.reason),
        "blockers": refilled.blockers,
    }


@dataclass(frozen=True)
class Again:
    """A form that can't be shown on its own page: what was typed, to be sent again or copied."""

    to: str
    fields: Sequence[tuple[str, str]]
    shown: Sequence[tuple[str, str]]
    files: bool
    can_resend: bool


def kept_form(can_resend: bool = True) -> Again | None:
    """Return what was typed in this request, without secrets; None where nothing was."""
    if request.method != "POST" or request.path.startswith("/api/"):
        return None
    fields = [
        (name, value)
        for name, values in request.form.lists()
        for value in values
        if name not in ("csrf", "password", "password_again", "old_password")
    ]
    if not fields or sum(len(value) for _, value in fields) > KEPT_BYTES:
        return None
    shown = [(name, value) for name, value in fields if name not in NEVER_SHOWN and value]
    return Again(request.full_path.rstrip("?"), fields, shown, bool(request.files), can_resend)


def wants_json() -> bool:
    """Whether a program asks, and not a person."""
    best = request.accept_mimetypes.best_match(("text/html", "application/json"))
    machines = request.path.startswith("/api/") or request.path in ("/readyz", "/metrics")
    return machines or best == "application/json"


def add_form_helpers(app: Flask) -> None:
    """Give templates what the form macros need."""
    app.jinja_env.globals.update(
        typed=typed,
        typed_list=typed_list,
        form_faults=form_faults,
        field_faults=field_faults,
        form_refusal=form_refusal,
    )
