"""Makes the changes of a registry file one by one, and keeps count of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from models.event import record
from models.people import Actor
from models.reasons import Reason, reason
from models.registry_file.where import FileFault


@dataclass(frozen=True, slots=True)
class Changes:
    """What loading a file did, by subject: `sensor:tianning/C-07`, `rule:CRACK`.

    `left` are sensors that the file names but a person has retired: they stay retired.
    `warnings` are places of the file that could be loaded, but should be looked at.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    warnings: tuple[FileFault, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.retired)


class Ledger:
    """Adds, changes and retires nouns; each leaves one event. The caller commits."""

    def __init__(self, session: Session, by: Actor, now: datetime) -> None:
        self.session, self.by, self.now = session, by, now
        self.added: list[str] = []
        self.changed: list[str] = []
        self.retired: list[str] = []
        self.left: list[str] = []

    def put(self, noun: Any, label: str, values: Mapping[str, Any]) -> None:
        """Give a noun these values; a new one is added."""
        new = bool(inspect(noun).transient)
        fields = [name for name, value in values.items() if new or getattr(noun, name) != value]
        before = getattr(noun, "retired", False)
        for name in fields:
            setattr(noun, name, values[name])
        if new:
            self.session.add(noun)
            self.note("added", noun, label, "add")
        elif fields:
            self._note_change(noun, label, fields, bool(before))

    def _note_change(self, noun: Any, label: str, fields: list[str], before: bool) -> None:
        after = bool(getattr(noun, "retired", False))
        # Names and phone numbers may have to be blanked one day: events tell which, not what.
        why = reason("registry.changed", fields=fields)
        if after and not before:
            self.note("retired", noun, label, "retire", why)
        else:
            self.note("changed", noun, label, "restore" if before > after else "change", why)

    def note(
        self, kind: str, noun: Any, label: str, action: str, why: Reason | None = None
    ) -> None:
        """Record what was done to a noun and count it."""
        record(noun, action, by=self.by, now=self.now, why=why)
        self.count(kind, label)

    def count(self, kind: str, label: str) -> None:
        """Count a change once, whatever number of its fields it touched."""
        counted: list[str] = getattr(self, kind)
        if label not in counted and not (kind == "changed" and label in self.added):
            counted.append(label)

    def changes(self) -> Changes:
        """Return everything that was done."""
        return Changes(
            tuple(self.added), tuple(self.changed), tuple(self.retired), tuple(self.left)
        )
