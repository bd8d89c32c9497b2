"""The four ways in which Ridgewatch says no; everything else is a fault and rises."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.reasons import Json, Reason, reason


class Refused(Exception):
    """Base of all answers that a person or a program is meant to read."""

    def __init__(self, why: Reason) -> None:
        super().__init__(f"{why.code} {dict(why.values)}")
        self.reason = why


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing in the way, with the page where it can be dealt with."""

    reason: Reason
    href: str = ""


class Refusal(Refused):
    """The state of things forbids it (HTTP 409). `blockers` lists everything in the way."""

    def __init__(self, why: Reason, blockers: Sequence[Blocker] = ()) -> None:
        super().__init__(why)
        self.blockers = tuple(blockers)


class Forbidden(Refused):
    """This person may not do it, though he may see the thing (HTTP 403)."""


class Missing(Refused):
    """There is no such thing, or none that this person may see (HTTP 404)."""

    def __init__(self, kind: str, key: Json = "") -> None:
        super().__init__(reason("any.missing", kind=kind, key=str(key)))


class Stale(Refused):
    """It changed while you were looking (HTTP 412)."""

    def __init__(self, kind: str, key: Json, version: int) -> None:
        super().__init__(reason("any.stale", kind=kind, key=str(key), version=version))
        self.version = version


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with what was handed in; `where` is a field, a path or a line."""

    where: str
    reason: Reason


class BadInput(Refused):
    """What was handed in can't be used (HTTP 422, exit code 2); every fault is listed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(reason("any.bad_input", n=len(faults)))
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "; ".join(f"{fault.where}: {fault.reason.code}" for fault in self.faults)
