"""The page of a scaffold: its tag, who signed what, what rain did to it, and the next steps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import g, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from models.inspection import Inspection, open_inspections
from models.photo import photos_of
from models.scaffold import Scaffold
from models.task import Task
from webapp.casework import find, history_of, meanwhile, names_of, seen, told
from webapp.db import db, site_now
from webapp.filters import sentence, t
from webapp.photos import shown
from webapp.tag_words import shown_tag
from webapp.task_page import Button
from webapp.task_place import place_line

WORDY = ("alter", "take_out_of_use", "hold")
ICONS = {"begin_erecting": "hammer", "hand_over": "signature", "strike": "check"}
# EN 12811-1, kN/m² of the most loaded lift.
LOADS = {1: 0.75, 2: 1.5, 3: 2.0, 4: 3.0, 5: 4.5, 6: 6.0}
WHOLE = (
    joinedload(Scaffold.site),
    joinedload(Scaffold.building),
    joinedload(Scaffold.zone),
    joinedload(Scaffold.project),
    joinedload(Scaffold.organisation),
    selectinload(Scaffold.inspections),
    selectinload(Scaffold.tasks),
)


@dataclass(frozen=True)
class Look:
    """One inspection as the page tells it."""

    row: Inspection
    why: str
    by: str


def show_scaffold(key: str) -> str:
    """Draw the page of a scaffold."""
    session, now = db.session(), site_now()
    scaffold = find(Scaffold, key, *WHOLE)
    events = history_of(scaffold)
    people = [scaffold.erected_by, scaffold.received_by, scaffold.inspected_by]
    names = names_of([*people, *(one.inspector_id for one in scaffold.inspections)])
    looks = [
        Look(one, sentence(one.why), names.get(one.inspector_id, ""))
        for one in reversed(scaffold.inspections)
    ]
    return render_template(
        "scaffolds/show.html",
        scaffold=scaffold,
        seen=seen(scaffold, events),
        tag=shown_tag(scaffold, now),
        state=scaffold.state_at(now),
        load=LOADS.get(scaffold.load_class or 0),
        buttons=buttons(scaffold, now),
        where=where(scaffold),
        looks=[one for one in looks if one.row.state != "open"],
        waiting=[one for one in looks if one.row in open_inspections(scaffold)],
        holds=[one for one in looks if one.why],
        names=names,
        tasks=_tasks(scaffold),
        photos=shown(photos_of(session, scaffold)),
        may_add=bool(g.actor.roles - {"viewer"}) and scaffold.state != "struck",
        log=told(events),
        meanwhile=meanwhile(events),
        now=now,
    )


def where(scaffold: Scaffold) -> str:
    """Return where it stands, in words."""
    side = t(f"orientation.{scaffold.orientation}") if scaffold.orientation else ""
    line = place_line([scaffold.building, scaffold.zone])
    return t("shell.comma").join(part for part in (line, side) if part)


def buttons(scaffold: Scaffold, now: datetime) -> list[Button]:
    """Return the steps of the model; signatures and inspections have forms of their own."""
    found: list[Button] = []
    steps = scaffold.steps(g.actor, now)
    offered = {step.action for step in steps}
    for step in steps:
        if step.action == "fail" and "inspect" in offered:
            continue  # the form of the inspection has both ends
        href = _form_of(scaffold, step.action)
        label = "scaffolds.inspect" if step.action == "inspect" else ""
        found.append(
            Button(
                step.action,
                t(label) if label else t(f"scaffold.action.{step.action}"),
                sentence(step.why_not),
                href,
                ICONS.get(step.action, ""),
                primary=not step.why_not
                and step.action not in (*WORDY, "dismantle")
                and not any(one.primary for one in found),
            )
        )
    return found


def _form_of(scaffold: Scaffold, action: str) -> str:
    if action == "sign_erected":
        return url_for("scaffolds.forms.erected_page", key=scaffold.code)
    if action in ("inspect", "fail"):
        return url_for("scaffolds.forms.inspection_page", key=scaffold.code)
    if action in WORDY:
        return url_for("scaffolds.step_page", key=scaffold.code, action=action)
    return ""


def _tasks(scaffold: Scaffold) -> list[Any]:
    mine = select(Task).where(Task.scaffold_id == scaffold.id, Task.visible_to(g.actor))
    return list(db.session.scalars(mine.order_by(Task.code)))
