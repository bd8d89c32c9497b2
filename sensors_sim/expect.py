"""What a scenario must cause, said as data and checked against the rows of a rehearsal.

Rows are those of `ridgewatch rehearse --out`: dictionaries with `at`, `kind` and more. Times are
text that sorts (`2022-03-21T08:00:00Z`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

Row = Mapping[str, Any]
Both = Mapping[str, str]
"""A text in both languages: `{"zh": …, "en": …}`."""

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A kind of row: each named field has the value, or one of the values, given."""

    fields: tuple[tuple[str, Any], ...]

    def matches(self, row: Row) -> bool:
        """Is this row of the kind? A `reason` is compared by its code; `x*` is a beginning."""
        return all(_is(_field(row, name), wanted) for name, wanted in self.fields)

    def __str__(self) -> str:
        return ", ".join(
            f"{name}={'|'.join(wanted) if isinstance(wanted, tuple) else wanted}"
            for name, wanted in self.fields
        )


def row(**fields: Any) -> Pattern:
    """Describe rows: `row(kind="alert", severity="critical", to=("raised", "escalated"))`."""
    return Pattern(tuple(fields.items()))


def _field(row: Row, name: str) -> Any:
    value = row.get(name)
    return value.get("code") if name == "reason" and isinstance(value, Mapping) else value


def _is(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, tuple):
        return any(_is(value, one) for one in wanted)
    if isinstance(wanted, str) and wanted.endswith("*"):
        return isinstance(value, str) and value.startswith(wanted[:-1])
    return bool(value == wanted)


Moment = Pattern | str
"""The first row of a kind, or a time as text."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """Between `least` and `most` such rows, in the stretch that the anchors leave.

    `after` and `before` are exclusive and inclusive ends; `lead` moves `before` earlier, `within`
    counts from `after` (or, without one, from the first row).
    """

    name: Both
    pattern: Pattern
    least: int = 1
    most: int | None = None
    after: Moment | None = None
    before: Moment | None = None
    lead: str | None = None
    within: str | None = None


def expect(zh: str, en: str, pattern: Pattern, **terms: Any) -> Expectation:
    """Expect at least one such row."""
    return Expectation({"zh": zh, "en": en}, pattern, **terms)


def never(zh: str, en: str, pattern: Pattern, **terms: Any) -> Expectation:
    """Expect no such row."""
    return Expectation({"zh": zh, "en": en}, pattern, least=0, most=0, **terms)


def at_most(n: int, zh: str, en: str, pattern: Pattern, **terms: Any) -> Expectation:
    """Expect no more than `n` such rows; none will do."""
    return Expectation({"zh": zh, "en": en}, pattern, least=0, most=n, **terms)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one expectation came out: a code with its values, and the sentence in both languages."""

    name: Both
    met: bool
    code: str
    values: Mapping[str, Any]
    explanation: Both


SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], Both]] = {
    "expect.met": lambda v: {
        "en": f"{v['n']} found" + (f", the first at {v['first']}" if v["first"] else ""),
        "zh": f"出现 {v['n']} 次" + (f"，首次为 {v['first']}" if v["first"] else ""),
    },
    "expect.missing": lambda v: {
        "en": f"only {v['n']} of at least {v['least']} found: {v['pattern']}{v['stretch']}",
        "zh": f"至少应有 {v['least']} 次，实际 {v['n']} 次：{v['pattern']}{v['stretch']}",
    },
    "expect.too_many": lambda v: {
        "en": f"{v['n']} found, at most {v['most']} allowed, the first at {v['first']}: "
        f"{v['pattern']}{v['stretch']}",
        "zh": f"最多允许 {v['most']} 次，实际 {v['n']} 次，首次为 {v['first']}："
        f"{v['pattern']}{v['stretch']}",
    },
    "expect.no_anchor": lambda v: {
        "en": f"the row it is measured against never came: {v['pattern']}",
        "zh": f"用作时间基准的记录没有出现：{v['pattern']}",
    },
}


class _NoAnchor(Exception):
    """The row that a stretch begins or ends with is missing."""


def check(expectations: Sequence[Expectation], rows: Sequence[Row]) -> list[Outcome]:
    """Hold every expectation against the rows, in the order given."""
    return [_check(expectation, rows) for expectation in expectations]


def _check(expectation: Expectation, rows: Sequence[Row]) -> Outcome:
    try:
        since, until = _stretch(expectation, rows)
    except _NoAnchor as missing:
        return _outcome(expectation, False, "expect.no_anchor", {"pattern": str(missing)})
    found = [row for row in rows if since < row["at"] <= until and expectation.pattern.matches(row)]
    values = {
        "n": len(found),
        "first": found[0]["at"] if found else None,
        "least": expectation.least,
        "most": expectation.most,
        "pattern": str(expectation.pattern),
        "stretch": _told(since, until),
    }
    if len(found) < expectation.least:
        return _outcome(expectation, False, "expect.missing", values)
    if expectation.most is not None and len(found) > expectation.most:
        return _outcome(expectation, False, "expect.too_many", values)
    return _outcome(expectation, True, "expect.met", values)


BEGINNING, END = "", "~"
"""Text that sorts before and after every time."""


def _stretch(expectation: Expectation, rows: Sequence[Row]) -> tuple[str, str]:
    since = _moment(expectation.after, rows, BEGINNING)
    until = _moment(expectation.before, rows, END)
    if expectation.lead:
        until = _moved(until, -_length(expectation.lead))
    if expectation.within:
        first = since or (rows[0]["at"] if rows else END)
        until = min(until, _moved(first, _length(expectation.within)))
    return since, until


def _moment(moment: Moment | None, rows: Sequence[Row], otherwise: str) -> str:
    if moment is None:
        return otherwise
    if isinstance(moment, str):
        return moment
    for candidate in rows:
        if moment.matches(candidate):
            return str(candidate["at"])
    raise _NoAnchor(str(moment))


def _length(text: str) -> timedelta:
    return timedelta(**{UNITS[text[-1]]: float(text[:-1])})


def _moved(at: str, by: timedelta) -> str:
    if at in (BEGINNING, END):
        return at
    return (datetime.fromisoformat(at) + by).strftime("%Y-%m-%dT%H:%M:%SZ")


def _told(since: str, until: str) -> str:
    ends = [f"after {since}"] if since else []
    ends += [f"until {until}"] if until != END else []
    return f" ({', '.join(ends)})" if ends else ""


def _outcome(expectation: Expectation, met: bool, code: str, values: Row) -> Outcome:
    return Outcome(expectation.name, met, code, values, SENTENCES[code](values))


def junit(outcomes: Sequence[Outcome], suite: str = "rehearse") -> str:
    """Return the outcomes as JUnit XML, without times, so that equal runs give equal bytes."""
    failures = sum(not outcome.met for outcome in outcomes)
    root = ElementTree.Element(
        "testsuite", name=suite, tests=str(len(outcomes)), failures=str(failures), errors="0"
    )
    for outcome in outcomes:
        case = ElementTree.SubElement(
            root, "testcase", classname=suite, name=outcome.name["en"], time="0"
        )
        if not outcome.met:
            failure = ElementTree.SubElement(
                case, "failure", type=outcome.code, message=outcome.explanation["en"]
            )
            failure.text = f"{outcome.name['zh']}：{outcome.explanation['zh']}"
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
