"""Handing a scaffold over and inspecting it: eight items, two signatures, the 7-day clock."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Noun
from models.inputs import Faults, need_text
from models.people import Actor
from models.reasons import Reason, reason
from models.scaffold import INSPECT_EVERY, LOAD_CLASSES, Scaffold
from models.signing import why_not_sign
from models.stoppage import stop_work
from models.times import iso
from models.workflow import guards

KINDS = ("handover", "periodic", "after_weather", "after_alteration")
# WAHR 2005, Schedule 7. The fourth item, date and time, is when it is written.
ITEMS = (
    "for_whom",
    "location",
    "description",
    "risks",
    "action_taken",
    "further_action",
    "reporter",
)

# Steps after which nobody may be up there until it was looked at again.
STOPPING = ("hold", "alter", "take_out_of_use")


class Inspection(Noun, Base):
    """One look at a scaffold; `open` until somebody competent has been there."""

    __tablename__ = "scaffold_inspection"
    # A storm opens one inspection per scaffold, however often the rain is added up again.
    __table_args__ = (UniqueConstraint("scaffold_id", "occasion"),)

    scaffold_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("scaffold.id"), index=True)
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")  # open | passed | failed
    occasion: Mapped[str | None]  # episode:<id> or unknown:<since>
    episode_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("rain_episode.id"))
    why: Mapped[dict[str, Any] | None]
    opened_at: Mapped[datetime]
    inspected_at: Mapped[datetime | None]
    inspector_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    items: Mapped[dict[str, Any] | None]
    scaffold: Mapped[Scaffold] = relationship(back_populates="inspections")


def kind_due(scaffold: Scaffold, now: datetime) -> str:
    """Return which inspection the scaffold's present state asks for."""
    state = scaffold.state_at(now)
    if state == "event_hold" and open_inspections(scaffold):
        return "after_weather"
    if state in ("event_hold", "altered", "out_of_use"):
        return "after_alteration"
    return "periodic"


def open_inspections(scaffold: Scaffold) -> list[Inspection]:
    """Return what weather has asked for and nobody has done yet."""
    return [one for one in scaffold.inspections if one.state == "open"]


def sign_erected(
    scaffold: Scaffold,
    *,
    load_class: int,
    items: Mapping[str, str],
    card: str,
    by: Actor,
    now: datetime,
    height_m: float | None = None,
    bays: int | None = None,
    lifts: int | None = None,
    max_loaded_lifts: int | None = None,
    ties: str = "",
    sheeting: bool = False,
    foundation: str = "",
    restrictions: str = "",
) -> None:
    """First signature of the handover: the erector's competent person, with the load class."""
    faults = Faults()
    faults.one_of("load_class", load_class, LOAD_CLASSES)
    faults.between("height_m", height_m, 0.1, 300)
    faults.need("card", card)
    _need_items(faults, items)
    faults.stop()
    why = reason("scaffold.erected", load_class=load_class)
    scaffold.step("sign_erected", by=by, now=now, why=why)
    scaffold.load_class, scaffold.height_m = load_class, height_m
    scaffold.bays, scaffold.lifts, scaffold.max_loaded_lifts = bays, lifts, max_loaded_lifts
    scaffold.ties, scaffold.sheeting = ties.strip(), sheeting
    scaffold.foundation, scaffold.restrictions = foundation.strip(), restrictions.strip()
    scaffold.items = {name: items[name].strip() for name in ITEMS}
    scaffold.erected_at, scaffold.erected_by = now, by.id
    scaffold.erector_card = card.strip()


def hand_over(scaffold: Scaffold, *, by: Actor, now: datetime) -> Inspection:
    """Second signature: another person takes it over. Green from now on, for seven days."""
    due_at = now + INSPECT_EVERY
    why = reason("scaffold.handed_over", load_class=scaffold.load_class, due=iso(due_at))
    scaffold.require("hand_over", by, now)
    row = _write(scaffold, "handover", "passed", scaffold.items or {}, by=by, now=now)
    scaffold.handed_over_at, scaffold.received_by = now, by.id
    scaffold.used_at = now
    scaffold.step("hand_over", by=by, now=now, why=why)
    scaffold.next_due_at = due_at
    return row


def inspect(
    scaffold: Scaffold, items: Mapping[str, str], *, by: Actor, now: datetime
) -> Inspection:
    """Pass the inspection that the state asks for. Raises BadInput, Refusal; caller commits.

    An inspection after weather is one more: it never begins the seven days anew.
    """
    faults = Faults()
    _need_items(faults, items)
    faults.stop()
    kind = kind_due(scaffold, now)
    scaffold.step("inspect", by=by, now=now, why=reason("scaffold.inspected", inspection=kind))
    scaffold.held, scaffold.used_at = None, now
    scaffold.inspected_at, scaffold.inspected_by = now, by.id
    if kind != "after_weather":
        scaffold.next_due_at = now + INSPECT_EVERY
    if kind == "periodic":
        return _write(scaffold, kind, "passed", items, by=by, now=now)
    # Whoever has looked at the whole scaffold since has also seen what the rain did to it.
    waiting = open_inspections(scaffold)
    for row in waiting:
        _close(row, "passed", items, by=by, now=now)
    if kind == "after_weather":
        return waiting[-1]
    return _write(scaffold, kind, "passed", items, by=by, now=now)


def fail(
    scaffold: Scaffold, items: Mapping[str, str], *, why: str, by: Actor, now: datetime
) -> Inspection:
    """Find it unsafe: red until it was put right and looked at again."""
    faults = Faults()
    _need_items(faults, items)
    faults.stop()
    kind = kind_due(scaffold, now)
    found = reason("scaffold.failed", inspection=kind, note=need_text("why", why))
    scaffold.step("fail", by=by, now=now, why=found)
    scaffold.held = found.to_json()
    stop_work(scaffold, "other", now=now)
    return _write(scaffold, kind, "failed", items, by=by, now=now)


def move(scaffold: Scaffold, action: str, *, by: Actor, now: datetime, note: str = "") -> None:
    """Take a step that needs no form: begin erecting, alter, out of use, dismantle, strike."""
    note = need_text("note", note) if action in ("alter", "take_out_of_use") else note.strip()
    scaffold.step(action, by=by, now=now, why=reason("scaffold.moved", note=note))
    if action in STOPPING:
        stop_work(scaffold, "other", now=now)
    if action == "strike":
        scaffold.struck_at, scaffold.held = now, None


@guards(Scaffold, "sign_erected")
def why_not_sign_erected(scaffold: Scaffold, actor: Actor, now: datetime) -> Reason | None:
    """A person signs, once."""
    if scaffold.erected_by is not None:
        return reason("scaffold.signed_already")
    return why_not_sign("scaffold.sign_erected", scaffold, actor)


@guards(Scaffold, "hand_over")
def why_not_hand_over(scaffold: Scaffold, actor: Actor, now: datetime) -> Reason | None:
    """The erector has signed, and somebody else receives."""
    if scaffold.erected_by is None:
        return reason("scaffold.erector_unsigned")
    return why_not_sign("scaffold.hand_over", scaffold, actor)


@guards(Scaffold, "inspect")
def why_not_inspect(scaffold: Scaffold, actor: Actor, now: datetime) -> Reason | None:
    """An inspection is a person's word."""
    return why_not_sign("scaffold.inspect", scaffold, actor)


@guards(Scaffold, "dismantle", "strike")
def why_not_dismantle(scaffold: Scaffold, actor: Actor, now: datetime) -> Reason | None:
    """Nobody works on it any more."""
    busy = [task.code for task in scaffold.tasks if task.state == "in_progress"]
    return reason("scaffold.in_use", tasks=busy) if busy else None


def _need_items(faults: Faults, items: Mapping[str, str]) -> None:
    for name in ITEMS:
        faults.need(f"items.{name}", items.get(name))


def _write(
    scaffold: Scaffold,
    kind: str,
    state: str,
    items: Mapping[str, str],
    *,
    by: Actor,
    now: datetime,
) -> Inspection:
    row = Inspection(
        id=uuid.uuid4(), site_id=scaffold.site_id, kind=kind, state="open", opened_at=now
    )
    scaffold.inspections.append(row)
    _close(row, state, items, by=by, now=now)
    return row


def _close(
    row: Inspection, state: str, items: Mapping[str, str], *, by: Actor, now: datetime
) -> None:
    row.state, row.inspected_at, row.inspector_id = state, now, by.id
    row.items = {name: items[name].strip() for name in ITEMS}
