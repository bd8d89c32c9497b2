"""Checks at the door: every fault of what was handed in is listed, not only the first."""

from collections.abc import Collection, Mapping
from typing import Any

from models.errors import BadInput, Fault
from models.reasons import Reason, reason


def whole_number(text: str) -> int | None:
    """Return the number that a text of plain digits says; None for anything else ("²", "٣")."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


class Faults:
    """Collects what is wrong; `stop` raises BadInput when anything is."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def need(self, where: str, value: Any) -> None:
        """A text, a number or a bilingual name must be there."""
        if not filled(value):
            self.found.append(Fault(where, reason("input.needed")))

    def one_of(self, where: str, value: Any, allowed: Collection[Any]) -> None:
        """A value of a vocabulary must be one of its words."""
        if value not in allowed:
            shown = [str(word) for word in allowed]
            why = reason("input.not_one_of", value=str(value), allowed=shown)
            self.found.append(Fault(where, why))

    def between(self, where: str, value: float | None, low: float, high: float) -> None:
        """A number, where one is given, must lie within its limits."""
        if value is not None and not low <= value <= high:
            why = reason("input.not_between", value=value, low=low, high=high)
            self.found.append(Fault(where, why))

    def refuse(self, where: str, why: Reason) -> None:
        """Something else is wrong with a field."""
        self.found.append(Fault(where, why))

    def stop(self) -> None:
        """Raise BadInput with everything found."""
        if self.found:
            raise BadInput(self.found)


def filled(value: Any) -> bool:
    """Whether a person has entered something: blanks and empty translations are nothing."""
    if isinstance(value, str):
        return bool(value.strip())
    if isinstance(value, Mapping):
        return any(filled(part) for part in value.values())
    return value is not None


def need_text(where: str, value: str) -> str:
    """Return a text without its outer blanks. Raises BadInput where there is none."""
    faults = Faults()
    faults.need(where, value)
    faults.stop()
    return value.strip()
