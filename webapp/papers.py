"""Pages with one form on them: its fields as values, and what was typed into it as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request

from models.errors import Fault
from models.inputs import Faults
from models.reasons import reason
from models.times import instant_of
from webapp.filters import local

LONGEST_LINE = 240  # a field of a notice: all of them have to fit on one sheet of A4
LONGEST_TEXT = 4000


@dataclass(frozen=True)
class Field:
    """One field. kind: text, tel, number, moment, area, select, choices, bilingual, check."""

    kind: str
    name: str
    label: str
    value: Any = ""
    hint: str = ""
    options: Sequence[tuple[str, str]] = ()
    optional: bool = False
    rows: int = 3
    longest: int = LONGEST_TEXT


@dataclass(frozen=True)
class Paper:
    """A page with one form: what it is about, what it does, and its fields."""

    title: str
    submit: str
    back: tuple[str, str]  # address, words
    fields: Sequence[Field] = ()
    intro: str = ""
    warning: str = ""
    action: str = ""
    version: str = ""
    icon: str = "check"
    once: str = ""  # an id that the new thing gets, so that sending twice makes one


def show_paper(paper: Paper, **more: Any) -> str:
    """Draw the page of a paper."""
    return render_template("casework/paper.html", paper=paper, **more)


def text_of(name: str, faults: Faults, longest: int = LONGEST_TEXT) -> str:
    """Return what was typed into a field, without its outer blanks."""
    typed = request.form.get(name, "").strip()
    if len(typed) > longest:
        faults.found.append(Fault(name, reason("input.too_long", n=longest)))
    return typed


def bilingual_of(name: str, faults: Faults, longest: int = LONGEST_LINE) -> dict[str, str] | None:
    """Return both languages of a field; None where nobody has typed anything."""
    both = {
        language: request.form.get(f"{name}_{language}", "").strip() for language in ("zh", "en")
    }
    if any(len(text) > longest for text in both.values()):
        faults.found.append(Fault(name, reason("input.too_long", n=longest)))
    return both if any(both.values()) else None


def number_of(name: str, faults: Faults) -> float | None:
    """Return a number; None where the field is empty."""
    typed = request.form.get(name, "").strip().replace("，", ".").replace(",", ".")
    if not typed:
        return None
    try:
        number = float(typed)
    except ValueError:
        number = float("nan")
    if number != number or number in (float("inf"), float("-inf")):
        faults.found.append(Fault(name, reason("input.not_a_number", value=typed[:40])))
        return None
    return number


def moment_of(name: str, timezone: str, faults: Faults) -> datetime | None:
    """Return the instant of a date and time typed on the site's clock; None where empty."""
    typed = request.form.get(name, "").strip()
    if not typed:
        return None
    moment = instant_of(typed, ZoneInfo(timezone))
    if moment is None:
        faults.found.append(Fault(name, reason("input.not_a_moment", value=typed[:40])))
    return moment


def wall_time(moment: datetime | None) -> str:
    """Return a moment as a `datetime-local` field takes it."""
    return f"{local(moment):%Y-%m-%dT%H:%M}" if moment is not None else ""
