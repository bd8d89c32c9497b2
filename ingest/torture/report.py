"""Says a result of torture in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from models.reasons import Reason
from models.words.render import Reader, phrase, text

SAFE = ("lost", "phantom", "doubled", "torn", "misordered")
ALIKE = ("alerts_missing", "alerts_added", "pages_missing", "pages_added", "hours_differ")


def lines(result: Mapping[str, Any], language: str) -> Iterator[str]:
    """Yield the report of a result, the verdict last."""
    reader = Reader(language, "UTC")
    yield phrase(
        "torture.head", reader, seed=result["seed"], seconds=result["seconds"],
        took=result["took_s"],
    )  # fmt: skip
    for one in result["passes"]:
        yield ""
        yield from _pass(one, reader)
    for one in result["left_out"]:
        why = text(Reason.from_json(one["reason"]), reader)
        yield ""
        yield phrase("torture.left_out", reader, name=one["name"], why=why)
    yield ""
    for fault in result["faults"]:
        yield text(Reason.from_json(fault), reader)
    if result["held"]:
        yield phrase("torture.held", reader)
    else:
        yield phrase("torture.not_held", reader, n=len(result["faults"]))


def _pass(one: Mapping[str, Any], reader: Reader) -> Iterator[str]:
    readings = one["readings"]
    yield phrase(
        "torture.pass", reader, where=one["name"], blows=len(one["blows"]), minutes=one["minutes"],
        attempted=readings["attempted"], acknowledged=readings["acknowledged"],
        stored=readings["stored"],
    )  # fmt: skip
    if one["name"] == "silence":
        wrong, blind = one["false"]["n"], one["blind"]["n"]
        yield "  " + phrase("torture.silence", reader, wrong=wrong, blind=blind)
        return
    for blow in one["blows"]:
        names = "+".join(blow["fault"]["names"])
        took = phrase("torture.recovered", reader, took=blow["recovered_s"], bar=blow["bar_s"])
        yield f"  {names:<28} {took}"
    if one["not_reached"]:
        yield "  " + phrase("torture.not_reached", reader, names=list(one["not_reached"]))
    counts = [(name, readings[name]["n"]) for name in SAFE]
    counts += [(name, one["difference"][name]["n"]) for name in ALIKE]
    yield "  " + " · ".join(f"{phrase(f'torture.count.{name}', reader)} {n}" for name, n in counts)
    if one["lost_by_broker"]:
        yield "  " + phrase("torture.lost_by_broker", reader, n=one["lost_by_broker"])
