"""Says what doctor found in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from models.reasons import Reason
from models.words.render import Reader, phrase, text


def lines(result: Mapping[str, Any], language: str) -> Iterator[str]:
    """Yield the findings, each with its cure, and the verdict last."""
    reader = Reader(language, "UTC")
    for one in result["facts"]:
        yield text(Reason.from_json(one), reader)
    for one in result["findings"]:
        word = phrase(f"doctor.severity.{one['severity']}", reader)
        yield ""
        yield f"{word}: {text(Reason.from_json(one['what']), reader)}"
        yield f"  → {text(Reason.from_json(one['cure']), reader)}"
    yield ""
    if result["healthy"]:
        yield phrase("doctor.healthy", reader)
    else:
        yield phrase("doctor.found", reader, n=len(result["findings"]))
