"""Expectations are checked against rows and say plainly what did not happen."""

from xml.etree import ElementTree

import pytest

from sensors_sim.expect import Expectation, Row, at_most, check, expect, junit, never, row

RED = row(kind="alert", severity="critical", to=("raised", "escalated"))
COLLAPSE = row(kind="truth", event="collapse")


def alert(at: str, severity: str = "critical", to: str = "raised", **more: object) -> Row:
    reason = {"code": "crack.fast", "values": {"rate": 1.2}}
    return {"at": at, "kind": "alert", "severity": severity, "to": to, "reason": reason, **more}


def truth(at: str, event: str = "collapse") -> Row:
    return {"at": at, "kind": "truth", "event": event}


STORY = [
    alert("2022-03-20T08:00:00Z", "high", subject="zone:tianning/jingang-north"),
    alert("2022-03-21T05:30:00Z", subject="sensor:tianning/C-07"),
    truth("2022-03-21T08:00:00Z"),
    alert("2022-03-21T08:46:00Z", to="unknown", subject="sensor:tianning/C-07"),
]


def outcome(expectation: Expectation, rows: list[Row] = STORY) -> tuple[bool, str]:
    (found,) = check([expectation], rows)
    return found.met, found.code


@pytest.mark.parametrize(
    ("expectation", "answer"),
    [
        (expect("", "", RED, before=COLLAPSE), (True, "expect.met")),
        (expect("", "", RED, before=COLLAPSE, lead="2h"), (True, "expect.met")),
        (expect("", "", RED, before=COLLAPSE, lead="3h"), (False, "expect.missing")),
        (expect("", "", RED, after=COLLAPSE), (False, "expect.missing")),
        (expect("", "", row(to="unknown"), after=COLLAPSE, within="46m"), (True, "expect.met")),
        (
            expect("", "", row(to="unknown"), after=COLLAPSE, within="45m"),
            (False, "expect.missing"),
        ),
        (expect("", "", RED, before="2022-03-21T05:30:00Z"), (True, "expect.met")),
        (expect("", "", RED, after="2022-03-21T05:30:00Z"), (False, "expect.missing")),
        (expect("", "", RED, least=2), (False, "expect.missing")),
        (expect("", "", row(subject="sensor:tianning/*"), least=2), (True, "expect.met")),
        (expect("", "", row(reason="crack.fast"), least=3), (True, "expect.met")),
        (expect("", "", RED, before=row(event="rescue")), (False, "expect.no_anchor")),
        (never("", "", row(to="cleared")), (True, "expect.met")),
        (never("", "", RED), (False, "expect.too_many")),
        (never("", "", RED, after=COLLAPSE), (True, "expect.met")),
        (at_most(1, "", "", RED), (True, "expect.met")),
        (at_most(0, "", "", row(kind="alert"), within="1h"), (False, "expect.too_many")),
        (at_most(1, "", "", row(kind="alert"), within="1h"), (True, "expect.met")),
    ],
)
def test_each_term_narrows_as_it_reads(expectation: Expectation, answer: tuple[bool, str]) -> None:
    assert outcome(expectation) == answer


def test_nothing_happened_at_all() -> None:
    assert outcome(expect("", "", RED), []) == (False, "expect.missing")
    assert outcome(never("", "", RED), []) == (True, "expect.met")
    assert outcome(expect("", "", RED, within="1h"), []) == (False, "expect.missing")


def test_a_failure_is_explained_in_both_languages() -> None:
    red_first = expect("红色预警早于坍塌", "red first", RED, before=COLLAPSE, lead="3h")
    (found,) = check([red_first], STORY)

    assert found.name == {"zh": "红色预警早于坍塌", "en": "red first"}
    assert "severity=critical" in found.explanation["en"]
    assert "until 2022-03-21T05:00:00Z" in found.explanation["en"]
    assert "实际 0 次" in found.explanation["zh"]


def test_junit_counts_failures_and_is_the_same_every_time() -> None:
    outcomes = check([expect("甲", "red <first>", RED), never("乙", "never & red", RED)], STORY)
    text = junit(outcomes, "tianning-2022")

    suite = ElementTree.fromstring(text.encode())
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.get("name") for case in suite] == ["red <first>", "never & red"]
    assert [len(case) for case in suite] == [0, 1]
    assert text == junit(outcomes, "tianning-2022")
