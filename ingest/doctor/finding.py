"""What is wrong with an installation, how badly, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.reasons import Json, Reason, reason

SEVERITIES = ("fault", "warning")
"""`fault`: data or warnings are being lost, or will be. `warning`: they may be, one day."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and its cure."""

    severity: str
    what: Reason
    cure: Reason

    def to_json(self) -> dict[str, Any]:
        """Return it as it is kept and shown."""
        return {
            "severity": self.severity, "what": self.what.to_json(), "cure": self.cure.to_json()
        }  # fmt: skip


def fault(name: str, **values: Json) -> Finding:
    """Return a fault; its words are `doctor.NAME` and `doctor.NAME.cure`."""
    return _finding("fault", name, values)


def warning(name: str, **values: Json) -> Finding:
    """Return a warning; its words are `doctor.NAME` and `doctor.NAME.cure`."""
    return _finding("warning", name, values)


def _finding(severity: str, name: str, values: dict[str, Json]) -> Finding:
    return Finding(
        severity, reason(f"doctor.{name}", **values), reason(f"doctor.{name}.cure", **values)
    )
