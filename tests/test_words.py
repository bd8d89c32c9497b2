"""Every code has words in both languages, and both say the same values."""

import ast
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from models.words.render import LANGUAGES
from tests.harness.source import ROOT, modules, tree

_WORDS = ROOT / "models/words"
_SPEAKERS = {"Reason", "reason", "t", "phrase", "Wrong"}
_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-zA-Z0-9_-]+)+")
# `t("desk.title", …)`, `t('desk.' ~ kind)`, `phrase("…")` in a template.
_IN_TEMPLATE = re.compile(r"\b(?:t|phrase|reason)\(\s*(['\"])(?P<code>[^'\"]+)\1\s*(?P<more>~)?")


def _catalogue(language: str) -> Iterator[tuple[Path, str, list[str]]]:
    """Yield file, code and all forms of every message of a language."""
    for path in sorted((_WORDS / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, abort_invalid=True):
                if message.id:
                    plural = not isinstance(message.id, str)
                    code = message.id[0] if plural else message.id
                    forms = list(message.string) if plural else [message.string]
                    yield path, code, forms


def _words(language: str) -> dict[str, list[str]]:
    return {code: forms for _, code, forms in _catalogue(language)}


def _placeholders(forms: list[str]) -> set[str]:
    """Return the names of the values in a text and its plural."""
    parsed = (part for form in forms for part in string.Formatter().parse(form))
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in parsed if name}


def _word_prefixes() -> set[str]:
    """Return `state` for `{was:word.state}`: the families of words that texts ask for."""
    return {
        spec.removeprefix("word.")
        for language in LANGUAGES
        for forms in _words(language).values()
        for form in forms
        for _, _, spec, _ in string.Formatter().parse(form)
        if spec and spec.startswith("word.")
    }


def codes_in_python(parsed: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the codes that calls name; `closure.*` where the end is put in at run time."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.Call) and node.args and _name(node.func) in _SPEAKERS:
            for code in _codes(node.args[0]):
                yield code, node.lineno


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _codes(said: ast.expr) -> Iterator[str]:
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        yield said.value
    elif isinstance(said, ast.JoinedStr) and isinstance(said.values[0], ast.Constant):
        yield f"{said.values[0].value}*"
    elif isinstance(said, ast.IfExp):
        yield from _codes(said.body)
        yield from _codes(said.orelse)


def codes_in_template(text: str) -> Iterator[str]:
    """Yield the codes that a template says; `state.*` where the end is put in at run time."""
    for found in _IN_TEMPLATE.finditer(text):
        yield found["code"] + ("*" if found["more"] else "")


def _used() -> Iterator[tuple[str, str]]:
    """Yield every code of ours that is used, and where."""
    for name, path in sorted(modules().items()):
        for code, line in codes_in_python(tree(path)):
            yield code, f"{name}:{line}"
    for path in sorted((ROOT / "webapp/templates").rglob("*.*")):
        for code in codes_in_template(path.read_text(encoding="utf-8")):
            yield code, str(path.relative_to(ROOT))
    for prefix in sorted(_word_prefixes()):
        yield f"{prefix}.*", "a text"


def _is_said(code: str, words: dict[str, list[str]]) -> bool:
    if code.endswith("*"):
        return any(known.startswith(code[:-1]) for known in words)
    return code in words


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_that_is_used_has_words(language: str) -> None:
    words = _words(language)

    assert [f"{code} ({where})" for code, where in _used() if not _is_said(code, words)] == []


def test_both_languages_have_the_same_codes() -> None:
    assert set(_words("zh")) ^ set(_words("en")) == set()


def test_both_languages_say_the_same_values() -> None:
    zh, en = _words("zh"), _words("en")
    unlike = {
        code: (sorted(_placeholders(zh[code])), sorted(_placeholders(en[code])))
        for code in zh.keys() & en.keys()
        if _placeholders(zh[code]) - {"n"} != _placeholders(en[code]) - {"n"}
    }

    assert unlike == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_code_is_said_twice(language: str) -> None:
    said = Counter(code for _, code, _ in _catalogue(language))

    assert [code for code, times in said.items() if times > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_a_guess(language: str) -> None:
    fuzzy = [
        path.name for path in (_WORDS / language).glob("*.po") if "#, fuzzy" in path.read_text()
    ]
    empty = [code for _, code, forms in _catalogue(language) if not all(forms)]

    assert (fuzzy, empty) == ([], [])


@pytest.mark.parametrize("language", LANGUAGES)
def test_codes_are_codes_and_texts_can_be_filled_in(language: str) -> None:
    odd = [code for _, code, _ in _catalogue(language) if not _CODE.fullmatch(code)]
    positional = [
        code
        for _, code, forms in _catalogue(language)
        if any(name is not None and not name.isidentifier() for name in _placeholders(forms))
    ]

    assert (odd, positional) == ([], [])


def test_english_texts_are_not_chinese_by_oversight() -> None:
    chinese = re.compile("[\u4e00-\u9fff]")
    quoted = re.compile(r"\{[^}]*\}|“[^”]*”|\([^)]*\)")

    assert [c for c, f in _words("en").items() if chinese.search(quoted.sub("", " ".join(f)))] == []


def test_codes_are_found_where_they_are_said() -> None:
    python = 'reason("a.b", n=1); t(f"state.{x}"); phrase("c.d" if x else "e.f", reader)'

    assert {code for code, _ in codes_in_python(ast.parse(python))} == {
        "a.b",
        "state.*",
        "c.d",
        "e.f",
    }
    assert list(codes_in_template("{{ t('a.b', n=3) }} {{ t(\"state.\" ~ x) }}")) == [
        "a.b",
        "state.*",
    ]
