"""Knows where in the file we are reading, and gathers what is wrong there."""

from dataclasses import dataclass, field
from typing import Any

from models.errors import Fault
from models.reasons import Json, Reason


@dataclass(frozen=True, slots=True)
class FileFault(Fault):
    """A fault with the line of the file's text, where the text is known."""

    line: int | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """A place in the document: `sites[0].buildings[1].sensors[2].quantity`."""

    path: str = ""
    faults: list[FileFault] = field(default_factory=list, compare=False)
    warnings: list[FileFault] = field(default_factory=list, compare=False)

    def key(self, name: str) -> "Where":
        """Return the place of a key."""
        return Where(f"{self.path}.{name}" if self.path else name, self.faults, self.warnings)

    def item(self, index: int) -> "Where":
        """Return the place of an item of a list."""
        return Where(f"{self.path}[{index}]", self.faults, self.warnings)

    def fault(self, what: str, /, **values: Json) -> None:
        """Note what is wrong here."""
        self.because(Reason(f"registry.{what}", values))

    def warn(self, what: str, /, **values: Json) -> None:
        """Note what a person should know, though it can be loaded."""
        self.warnings.append(FileFault(self.path, Reason(f"registry.{what}", values)))

    def because(self, why: Reason) -> None:
        """Note a fault that another part has found."""
        self.faults.append(FileFault(self.path, why))


@dataclass(slots=True)
class Entry:
    """An object of the file: what it gives. A key that isn't given stays as it was."""

    at: Where
    given: dict[str, Any]
    faulty: frozenset[str] = frozenset()

    @property
    def code(self) -> str:
        """Its code; empty where it has none that can be used."""
        code: str = self.given.get("code", "")
        return code

    @property
    def retired(self) -> bool:
        """Whether the file says that it is out of service."""
        return bool(self.given.get("retired"))

    def entries(self, key: str) -> list["Entry"]:
        """Return the objects listed under a key."""
        found: list[Entry] = self.given.get(key) or []
        return found
