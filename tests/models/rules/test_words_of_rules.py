"""Every reason and every fault of the rules reads as a sentence in both languages."""

import re
from pathlib import Path
from typing import Any

import pytest

import models.rules
from models.errors import BadInput
from models.rules.judge import Step, backtest, fresh_state, on_term, on_tick
from models.rules.parsing import KINDS, parse_rule
from models.rules.rain import GRADES
from models.rules.step import SEVERITIES
from models.units import QUANTITIES
from models.words.render import LANGUAGES, Reader, catalogue, phrase, text
from tests.models.rules.build import HOUR, START, accumulation, at, every, feed, rate, rule
from tests.models.rules.build import threshold as over

CHANGE: dict[str, Any] = {"of": "change", "baseline": {"value": 2.0}}
RISE = [0.0, 0.5, 1.0, 1.5]
SOURCES = Path(models.rules.__path__[0])


def _silence() -> list[Step]:
    one = rule("silence", {"where": {}, "severity": "low"})
    state, other = fresh_state(one), fresh_state(one)
    steps = on_tick(one, state, START + HOUR, START, interval_s=900)
    gone = on_tick(one, other, START + HOUR, START, interval_s=7200, gone_ms=START + 1)
    return [*steps, *feed(one, state, [at(2, 1.0)]), *gone]


def _combination() -> list[Step]:
    spec = {"where": {}, "within": "1h", "all": [{"rule": "A"}], "severity": "high"}
    one = rule("combination", spec)
    state = fresh_state(one)
    steps = on_term(one, state, "A", "sensor:s/1", "low", START)
    steps += on_term(one, state, "A", "sensor:s/1", None, START)
    return steps + on_tick(one, state, START + 2 * HOUR)


def _steps() -> list[Step]:
    """Return a story of every kind that says all it can say."""
    suspect = [at(0, 0), at(1, 99, 3), at(50, 99), at(100, 99)]
    fall = [-value for value in RISE] + [-1.5] * 6
    rise = RISE + [1.5] * 6
    below: dict[str, Any] = {"direction": "below"}
    per_window: dict[str, Any] = {"per": "window"}
    rain = every(1, [0, 30] + [30] * 40)
    fading: dict[str, Any] = {"decay": 0.5, "window": "2d", "raise_at": 20}
    return [
        *backtest(over(5), [at(0, 9), at(1, 1), at(2, 9, 3)]),
        *backtest(over(5, **below), [at(0, 1), at(1, 9), at(2, 1, 3)]),
        *backtest(over(1, **CHANGE), [at(0, 9), at(1, 1), at(2, 9, 3)]),
        *backtest(over(-1, **CHANGE, **below), [at(0, 0), at(1, 9), at(2, 0, 3)]),
        *backtest(rate(1), every(6, rise)),
        *backtest(rate(-1, **below), every(6, fall)),
        *backtest(rate(1, **per_window), every(6, rise)),
        *backtest(rate(-1, **per_window, **below), every(6, fall)),
        *backtest(accumulation(), rain),
        *backtest(accumulation(), suspect),
        *backtest(accumulation(**fading), rain),
        *backtest(accumulation(**fading), suspect),
        *_silence(),
        *_combination(),
    ]


STEPS = _steps()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_reads_as_a_sentence(language: str) -> None:
    for step in STEPS:
        sentence = text(step.reason, Reader(language))

        assert re.search("[.。]$", sentence)
        assert not re.search(r"\bNone\b|[{}]", sentence)


def test_the_stories_say_every_sentence_that_there_is() -> None:
    nouns = ("threshold.", "rate.", "rain.", "silence.", "combination.")
    known = {
        code
        for line in (SOURCES.parent / "words/en/rules.po").read_text().splitlines()
        if line.startswith("msgid") and (code := line[7:-1]).startswith(nouns)
    }

    assert {step.reason.code for step in STEPS} == known


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_code_has_words(language: str) -> None:
    sources = "".join(path.read_text() for path in SOURCES.glob("*.py"))
    codes = set(re.findall(r'"(rule\.[a-z_]+)"', sources))

    assert codes
    assert codes <= catalogue(language).keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fault_reads_as_a_sentence(language: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_rule({"kind": "rate", "levels": [{"severity": "red"}], "dedband": 1, "window": "x"})

    for fault in refused.value.faults:
        assert re.search("[.。]$", text(fault.reason, Reader(language)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_rules_is_there(language: str) -> None:
    words = [
        *(f"severity.{severity}" for severity in SEVERITIES),
        *(f"quantity.{quantity}" for quantity in QUANTITIES),
        *(f"rule_kind.{kind}" for kind in KINDS),
        *(f"rain_grade.{grade}" for grade in GRADES),
        *(f"step.{to}" for to in ("raised", "escalated", "lowered", "cleared", "latched")),
        *(f"quality.{flag}" for flag in (1, 2, 3, 4, 9)),
    ]

    assert all(phrase(word, Reader(language)) for word in words)


def test_a_chinese_and_an_english_reader_are_told_the_same() -> None:
    (step,) = backtest(over(0.3, **CHANGE), [at(0, 2.35)])

    assert text(step.reason, Reader("en")) == (
        "Crack width has changed by 0.35 mm from its baseline of 2.0 mm (reading 2.35 mm); "
        "the limit is 0.3 mm, reached since 14 Mar 2022 08:00."
    )
    assert text(step.reason, Reader("zh")) == (
        "裂缝宽度较基线 2.0 mm 变化 0.35 mm（读数 2.35 mm），"
        "达到限值 0.3 mm（自 2022年3月14日 08:00 起）。"
    )
