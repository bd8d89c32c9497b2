"""Every reason that decoding can give has words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import ingest.formats.decode
from models.words.render import LANGUAGES, catalogue

FOLDER = Path(ingest.formats.decode.__file__).parent
REFUSALS = {"Unreadable", "Unusable", "quarantined", "refuse", "fault"}


def codes() -> Iterator[str]:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield from _codes_of(node)


def _codes_of(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "id", None) or getattr(call.func, "attr", "")
    texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if name == "reason" and texts:
        yield texts[0]
    for text in texts:
        plain = text.replace("-", "_")
        if name == "ignored" and plain.isidentifier():
            yield f"ignored.{plain}"
        if name in REFUSALS and plain.isidentifier():
            yield f"quarantine.{plain}"


def test_every_reason_of_decoding_is_told_in_both_languages():
    found = set(codes())

    assert len(found) > 30
    for language in LANGUAGES:
        assert found - set(catalogue(language)) == set()
