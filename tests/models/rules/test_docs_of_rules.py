"""docs/rules.md: what it prints can be loaded, and no kind or field is left out."""

import json
import re
from pathlib import Path

import pytest

from models.rules.parsing import KINDS, parse_rule

PAGE = (Path(__file__).parents[3] / "docs/rules.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(found) for found in re.findall(r"```json\n(.*?)```", PAGE, re.S)]


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: str(spec["code"]))
def test_every_printed_example_is_understood(spec: dict[str, object]) -> None:
    rule = parse_rule(spec)

    assert parse_rule(rule.to_json()) == rule


def test_there_is_an_example_of_every_kind() -> None:
    assert {spec["kind"] for spec in EXAMPLES} == set(KINDS)


def test_every_field_of_the_defaults_is_explained() -> None:
    from models.rules.defaults import DEFAULT_RULES

    fields = {field for spec in DEFAULT_RULES for field in spec}

    assert [
        field for field in sorted(fields) if f"`{field}`" not in PAGE and f'"{field}"' not in PAGE
    ] == []
