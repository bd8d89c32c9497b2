"""A reason is a value: a code and what it needs to be told to a person, never a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any
"""Numbers, strings, booleans, None, lists, and bilingual names `{"zh": …, "en": …}`."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is so. `models.words` renders it for a reader."""

    code: str
    values: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Return the form in which rows and answers carry a reason."""
        return {"code": self.code, "values": dict(self.values)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Json]) -> "Reason":
        """Return the reason that `to_json` stored."""
        return cls(stored["code"], dict(stored.get("values") or {}))


def reason(code: str, **values: Json) -> Reason:
    """Return a reason from keyword values, the way most callers write one."""
    return Reason(code, values)
